"""The Lua scripts that Redis runs, each as one step: no other command comes in between.

The first argument is the prefix of all keys:

- ``layout``: the version of this layout, that all living nodes use.
- ``dataset``: the birth and name of this data set; if it is missing, so is everything else.
- ``nodes``: a set of node ids, dead ones removed late.
- ``node:<id>``: what the node says about itself, expires with its lease.
- ``counts:<id>``: a hash of what the node holds, by limit and key, expires after its lease.
- ``batches:<id>``: a stream of what other nodes have sent.
- ``session:<id>``: a hash of node, owner, epoch, revision, free and snapshot, as they were last
  saved. A node without a lease owns nothing. With ``until`` the id is reserved, for milliseconds
  since 1970; the key of an id that had none expires then, unless a session is saved. ``first`` is
  the epoch, of a session that was opened by its nonce, before which no other node has had it.
- ``owner:<hash>``: a set of session ids.
- ``times:<limit>:<key>``: a list of the moments of the last events, expires with their window.
- ``timed:<limit>``: a sorted set of the keys that have such a list, by when it expires.
- ``refused:<limit>``: a set of keys that have reached the limit.
"""

from __future__ import annotations

from proxim.backends.redis.records import (
    EVENT_KEYS_BOUND,
    FIRST_TOMBSTONE_TIME,
    LAYOUT,
    REFUSED_BOUND,
    RETENTION_TIME,
    STREAM_BOUND,
    TOMBSTONE_TIME,
    ms,
)

_COMMON = f"""
local prefix, node = ARGV[1], ARGV[2]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(digits)
  return string.match(digits or '', '^%d+$') and tonumber(digits) or 0
end

local function living()
  local found = {{}}
  for _, each in ipairs(redis.call('SMEMBERS', prefix .. 'nodes')) do
    if redis.call('EXISTS', prefix .. 'node:' .. each) == 1 then
      found[#found + 1] = each
    else
      redis.call('SREM', prefix .. 'nodes', each)
    end
  end
  return found
end

local function send(to, body)
  redis.call('XADD', prefix .. 'batches:' .. to, 'MAXLEN', '~', {STREAM_BOUND}, '*', 'b', body)
end

local function ask_for_heartbeats(nodes)
  for _, each in ipairs(nodes) do send(each, '') end
end

-- How many all nodes hold, or the milliseconds until the key may go on; 0 below the limit.
local function refusal(nodes, limit, key, most, window)
  local field = limit .. ':' .. key
  if window > 0 then
    local times = prefix .. 'times:' .. field
    if redis.call('LLEN', times) < most then return 0 end
    return math.max(0, tonumber(redis.call('LINDEX', times, 0)) + window - now())
  end
  local sum = 0
  for _, each in ipairs(nodes) do
    sum = sum + tonumber(redis.call('HGET', prefix .. 'counts:' .. each, field) or 0)
  end
  return sum >= most and sum or 0
end
"""


HEARTBEAT = f"""{_COMMON}
local description, lease, read, name = unpack(ARGV, 3, 6)
local nodes, found = living(), redis.call('GET', prefix .. 'layout')
if found ~= '{LAYOUT}' then
  for _, each in ipairs(nodes) do
    if each ~= node then return {{'layout', found or '1'}} end
  end
  redis.call('SET', prefix .. 'layout', {LAYOUT})
end
local key, batches = prefix .. 'node:' .. node, prefix .. 'batches:' .. node
local held = redis.call('EXISTS', key)
redis.call('SET', key, description, 'PX', lease)
redis.call('PEXPIRE', prefix .. 'counts:' .. node, lease + 1000)
redis.call('XTRIM', batches, 'MINID', read)
redis.call('PEXPIRE', batches, 4 * lease)
if redis.call('SADD', prefix .. 'nodes', node) == 1 then nodes[#nodes + 1] = node end
local dataset = redis.call('GET', prefix .. 'dataset')
if not dataset then
  dataset = string.format('%.0f', now()) .. '-' .. name
  redis.call('SET', prefix .. 'dataset', dataset)
end
local refused = {{}}
for i = 7, #ARGV, 3 do
  local limit, most, window = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  for _, who in ipairs(redis.call('SMEMBERS', prefix .. 'refused:' .. limit)) do
    local value = refusal(nodes, limit, who, most, window)
    if value == 0 then
      redis.call('SREM', prefix .. 'refused:' .. limit, who)
    else
      if window == 0 then
        local own = redis.call('HGET', prefix .. 'counts:' .. node, limit .. ':' .. who)
        value = value - tonumber(own or 0)
      end
      refused[#refused + 1] = {{limit, who, value}}
    end
  end
end
return {{held, dataset, now() - tonumber(string.match(dataset, '^%d+')), nodes, refused}}
"""

LOOK = """
local prefix = ARGV[1]
local answer = {redis.call('GET', prefix .. 'dataset') or ''}
for i = 2, #ARGV do
  local node, epoch, revision, free, snapshot = unpack(redis.call('HMGET',
    prefix .. 'session:' .. ARGV[i], 'node', 'epoch', 'revision', 'free', 'snapshot'))
  if node and epoch and revision and free and snapshot and snapshot ~= '' then
    local lives = redis.call('EXISTS', prefix .. 'node:' .. node)
    answer[#answer + 1] = {ARGV[i], node, epoch, revision, free, snapshot, lives}
  end
end
return answer
"""

RESERVE = f"""{_COMMON}
local id = ARGV[3]
local key = prefix .. 'session:' .. id
local holder, had, snapshot, reserved, first =
  unpack(redis.call('HMGET', key, 'node', 'epoch', 'snapshot', 'until', 'first'))
if holder and (snapshot ~= '' or whole(reserved) > now()) then return 0 end
-- Later than each epoch in which a node has ended such a session, whose tombstone may be gone.
local epoch = math.max(whole(had) + 1, math.floor(now() / 1000))
local is_alone = not holder or (holder == node and first == had)
redis.call('HSET', key, 'node', node, 'owner', '', 'epoch', epoch, 'revision', 0, 'free', 0,
  'snapshot', '', 'until', now() + tonumber(ARGV[4]), 'first', is_alone and epoch or '')
-- A tombstone keeps its time. Not below a second, since that is what later epochs count.
redis.call('PEXPIRE', key, math.max(redis.call('PTTL', key), tonumber(ARGV[4]), 1000))
return epoch
"""

OWNED = """
local prefix, owner = ARGV[1], ARGV[2]
local dataset = redis.call('GET', prefix .. 'dataset') or ''
return {dataset, redis.call('SMEMBERS', prefix .. 'owner:' .. owner)}
"""

FLUSH = f"""{_COMMON}
local saves, counts, number = unpack(ARGV, 3, 5)
local at, lost = 6, {{}}
for _ = 1, tonumber(saves) do
  local id, owner, epoch, revision, snapshot, free = unpack(ARGV, at, at + 5)
  at = at + 6
  local key, all = prefix .. 'session:' .. id, prefix .. 'owner:' .. owner
  local holder, had, latest, first =
    unpack(redis.call('HMGET', key, 'node', 'epoch', 'revision', 'first'))
  had, latest = whole(had), whole(latest)
  epoch, revision = tonumber(epoch), tonumber(revision)
  local is_newer = had < epoch or (had == epoch and latest < revision)
  if not is_newer and (had > epoch or holder ~= node) then
    lost[#lost + 1] = id
  elseif is_newer then
    redis.call('HSET', key, 'node', node, 'owner', owner, 'epoch', epoch,
      'revision', revision, 'free', free, 'snapshot', snapshot)
    if snapshot == '' then
      local is_first = epoch == 1 or epoch == whole(first)
      redis.call('HDEL', key, 'until')
      redis.call('PEXPIRE', key,
        is_first and {ms(FIRST_TOMBSTONE_TIME)} or {ms(TOMBSTONE_TIME)})
      redis.call('SREM', all, id)
    else
      redis.call('PEXPIRE', key, {ms(RETENTION_TIME)})
      redis.call('SADD', all, id)
      redis.call('PEXPIRE', all, {ms(RETENTION_TIME)})
    end
  end
end
local lease = redis.call('PTTL', prefix .. 'node:' .. node)
if lease <= 0 then return lost end
local own, changes = prefix .. 'counts:' .. node, 0
local nodes = tonumber(counts) > 0 and living() or {{}}
local is_new = tonumber(redis.call('HGET', own, '#') or 0) < tonumber(number)
for _ = 1, tonumber(counts) do
  local limit, key, count, most, window = unpack(ARGV, at, at + 4)
  at = at + 5
  count, most, window = tonumber(count), tonumber(most), tonumber(window)
  local field, refused = limit .. ':' .. key, prefix .. 'refused:' .. limit
  if is_new then
    if window > 0 then
      local times, timed, time = prefix .. 'times:' .. field, prefix .. 'timed:' .. limit, now()
      redis.call('ZREMRANGEBYSCORE', timed, '-inf', time)
      if redis.call('ZCARD', timed) < {EVENT_KEYS_BOUND} or redis.call('ZSCORE', timed, key) then
        for _ = 1, math.min(count, most) do redis.call('RPUSH', times, time) end
        redis.call('LTRIM', times, -most, -1)
        redis.call('PEXPIRE', times, window)
        redis.call('ZADD', timed, time + window, key)
        redis.call('PEXPIRE', timed, window)
      end
    elseif count > 0 then
      redis.call('HSET', own, field, count)
    else
      redis.call('HDEL', own, field)
    end
    if refusal(nodes, limit, key, most, window) == 0 then
      changes = changes + redis.call('SREM', refused, key)
    elseif redis.call('SCARD', refused) < {REFUSED_BOUND} then
      changes = changes + redis.call('SADD', refused, key)
    end
  end
end
if is_new and #nodes > 0 then
  redis.call('HSET', own, '#', number)
  redis.call('PEXPIRE', own, lease + 1000)
  if changes > 0 then ask_for_heartbeats(nodes) end
end
while at < #ARGV do
  local to, body = ARGV[at], ARGV[at + 1]
  at = at + 2
  if redis.call('EXISTS', prefix .. 'node:' .. to) == 1 then
    send(to, body)
  end
end
return lost
"""

LEAVE = f"""{_COMMON}
redis.call('DEL', prefix .. 'node:' .. node, prefix .. 'batches:' .. node,
  prefix .. 'counts:' .. node)
ask_for_heartbeats(living())
return 1
"""

MEMBERS = f"""{_COMMON}
local answer = {{}}
for _, each in ipairs(living()) do
  local key = prefix .. 'node:' .. each
  answer[#answer + 1] = {{each, redis.call('GET', key), redis.call('PTTL', key)}}
end
return answer
"""
