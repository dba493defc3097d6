"""What Redis does in one go, in its own language: no other command comes between two of a script.

Keys, below a prefix: ``node:<id>`` lives as long as the node's lease and says what the node says
about itself; ``session:<id>`` is a hash of node, owner, epoch, revision and snapshot;
``owner:<hash>`` a set of session ids; ``mail:<node>`` a stream; ``nodes`` a set; ``born`` the name
of Redis' memory: where it is missing, everything is. The node that is named in a session without
holding a lease holds nothing.
"""

from __future__ import annotations

HEARTBEAT = """
local prefix, node, about, lease, read, name = unpack(ARGV, 1, 6)
local key, mail = prefix .. 'node:' .. node, prefix .. 'mail:' .. node
local kept = redis.call('EXISTS', key)
redis.call('SET', key, about, 'PX', lease)
redis.call('SADD', prefix .. 'nodes', node)
redis.call('XTRIM', mail, 'MINID', read)
redis.call('PEXPIRE', mail, 4 * lease)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local born = redis.call('GET', prefix .. 'born')
if not born then
  born = string.format('%.0f', now) .. '-' .. name
  redis.call('SET', prefix .. 'born', born)
end
local age = now - tonumber(string.match(born, '^%d+'))
local answer = {kept, born, age}
for i = 7, #ARGV do
  if redis.call('EXISTS', prefix .. 'node:' .. ARGV[i]) == 0 then
    answer[#answer + 1] = ARGV[i]
  end
end
return answer
"""

CLAIM = """
local prefix, node = ARGV[1], ARGV[2]
local answer = {redis.call('GET', prefix .. 'born') or ''}
for i = 3, #ARGV do
  local key = prefix .. 'session:' .. ARGV[i]
  local owner, epoch, snapshot = unpack(redis.call('HMGET', key, 'node', 'epoch', 'snapshot'))
  if owner and snapshot ~= '' then
    epoch = tonumber(epoch)
    if owner == node or owner == '' or redis.call('EXISTS', prefix .. 'node:' .. owner) == 0 then
      owner, epoch = node, epoch + 1
      redis.call('HSET', key, 'node', node, 'epoch', epoch, 'revision', 0)
    end
    answer[#answer + 1] = {ARGV[i], owner, epoch, snapshot}
  end
end
return answer
"""

OWNED = """
local prefix, owner = ARGV[1], ARGV[2]
local memory = redis.call('GET', prefix .. 'born') or ''
return {memory, redis.call('SMEMBERS', prefix .. 'owner:' .. owner)}
"""

FLUSH = """
local prefix, node, keep, tomb, bound, saves = unpack(ARGV, 1, 6)
local at, lost, gone = 7, {}, {}
for _ = 1, tonumber(saves) do
  local id, owner, epoch, revision, snapshot, free = unpack(ARGV, at, at + 5)
  at = at + 6
  local key, all = prefix .. 'session:' .. id, prefix .. 'owner:' .. owner
  local had, latest = unpack(redis.call('HMGET', key, 'epoch', 'revision'))
  had, latest = tonumber(had or 0), tonumber(latest or 0)
  epoch, revision = tonumber(epoch), tonumber(revision)
  if had > epoch then
    lost[#lost + 1] = id
  elseif had < epoch or latest < revision then
    local holder = node
    if free == '1' or snapshot == '' then holder = '' end
    redis.call('HSET', key, 'node', holder, 'owner', owner, 'epoch', epoch,
      'revision', revision, 'snapshot', snapshot)
    if snapshot == '' then
      redis.call('PEXPIRE', key, tomb)
      redis.call('SREM', all, id)
    else
      redis.call('PEXPIRE', key, keep)
      redis.call('SADD', all, id)
      redis.call('PEXPIRE', all, keep)
    end
  end
end
local lives = redis.call('EXISTS', prefix .. 'node:' .. node) == 1
while lives and at < #ARGV do
  local to, body = ARGV[at], ARGV[at + 1]
  at = at + 2
  if redis.call('EXISTS', prefix .. 'node:' .. to) == 1 then
    redis.call('XADD', prefix .. 'mail:' .. to, 'MAXLEN', '~', bound, '*', 'b', body)
  else
    gone[#gone + 1] = to
  end
end
return {lost, gone}
"""

LEAVE = """
local prefix, node = ARGV[1], ARGV[2]
redis.call('DEL', prefix .. 'node:' .. node, prefix .. 'mail:' .. node)
redis.call('SREM', prefix .. 'nodes', node)
return 1
"""

MEMBERS = """
local prefix, answer = ARGV[1], {}
for _, node in ipairs(redis.call('SMEMBERS', prefix .. 'nodes')) do
  local about = redis.call('GET', prefix .. 'node:' .. node)
  if about then
    answer[#answer + 1] = {node, about, redis.call('PTTL', prefix .. 'node:' .. node)}
  else
    redis.call('SREM', prefix .. 'nodes', node)
  end
end
return answer
"""
