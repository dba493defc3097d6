"""A coordinator in memory, for several nodes in one test, by the same rules as Redis."""

import secrets
from collections import defaultdict
from types import SimpleNamespace

import trio

from proxim.backends.redis import records as rules
from proxim.backends.redis.records import (
    STREAM_BOUND,
    HeartbeatReply,
    LimitedKey,
    OtherLayout,
    Owned,
    Record,
    Records,
    Save,
)

POLL_TIME = 1.0


class Memory:
    """What all nodes of the test share."""

    def __init__(self):
        self.forget()

    def forget(self):
        """Start empty, as Redis does without persistence."""
        self.name = secrets.token_hex(8)
        self.born = trio.current_time()
        self.layout = rules.LAYOUT
        self.leases = {}
        self.sessions = {}
        self.batches = {}
        self.counts = defaultdict(dict)
        self.numbers = {}
        self.times = defaultdict(list)
        self.refused = defaultdict(set)
        self.arrived = trio.Event()

    def lives(self, node):
        return node in self.leases and trio.current_time() < self.leases[node][1]

    @property
    def living(self):
        return [node for node in self.leases if self.lives(node)]

    def refusal(self, limit, key):
        """What ``refusal`` in the scripts returns, in seconds."""
        if limit.window:
            times = self.times.get((limit.name, key), ())
            if len(times) < limit.most:
                return 0
            return max(0.0, times[0] + limit.window - trio.current_time())
        held = sum(self.counts[node].get((limit.name, key), 0) for node in self.living)
        return held if held >= limit.most else 0

    def send(self, node, body):
        batches = self.batches.setdefault(node, [])
        batches.append(body)
        del batches[:-STREAM_BOUND]
        self.arrived.set()
        self.arrived = trio.Event()


class MemoryCoordinator:
    """A node's way to a ``Memory``. ``layout`` is the version that the node uses."""

    def __init__(self, memory, layout=rules.LAYOUT):
        self._memory = memory
        self._layout = layout

    async def heartbeat(self, node, description, lease, limits):
        await trio.lowlevel.checkpoint()
        memory, now = self._memory, trio.current_time()
        if memory.layout != self._layout:
            if set(memory.living) - {node}:
                raise OtherLayout(memory.layout)
            memory.layout = self._layout
        held = memory.lives(node)
        memory.leases[node] = description, now + lease
        refused = []
        for limit in limits:
            for key in list(memory.refused[limit.name]):
                if not (value := memory.refusal(limit, key)):
                    memory.refused[limit.name].remove(key)
                    continue
                own = 0 if limit.window else memory.counts[node].get((limit.name, key), 0)
                refused.append(LimitedKey(limit.name, key, value - own))
        return HeartbeatReply(
            held, memory.name, now - memory.born, frozenset(memory.living), refused
        )

    async def look(self, session_ids):
        await trio.lowlevel.checkpoint()
        found = [
            Record(
                *(session_id, entry.node, entry.epoch, entry.revision),
                *(entry.free, entry.snapshot, self._memory.lives(entry.node)),
            )
            for session_id in session_ids
            if (entry := self._memory.sessions.get(session_id)) and entry.snapshot
        ]
        return Records(self._memory.name, found)

    async def reserve(self, node, session_id, seconds=rules.RESERVATION_TIME):
        await trio.lowlevel.checkpoint()
        entry = self._memory.sessions.get(session_id)
        if entry and (entry.snapshot or entry.until > trio.current_time()):
            return 0
        epoch = max(entry.epoch + 1 if entry else 1, int(trio.current_time()))
        reserved = Save(session_id, "", epoch, 0, b"")._asdict()
        until = trio.current_time() + seconds
        self._memory.sessions[session_id] = SimpleNamespace(node=node, until=until, **reserved)
        return epoch

    async def owned_by(self, owner):
        await trio.lowlevel.checkpoint()
        session_ids = [
            session_id
            for session_id, entry in self._memory.sessions.items()
            if entry.owner == owner and entry.snapshot
        ]
        return Owned(self._memory.name, session_ids)

    async def flush(self, node, saves, batches, counts=None):
        await trio.lowlevel.checkpoint()
        lost = frozenset(save.session_id for save in saves if not self._save(node, save))
        if not self._memory.lives(node):
            return lost
        if counts is not None and counts.number > self._memory.numbers.get(node, 0):
            self._memory.numbers[node] = counts.number
            if sum(self._count(node, *each) for each in counts.counts):
                self._ask_for_heartbeats()
        for each in batches:
            self._send(each)
        return lost

    def _save(self, node, save):
        entry = self._memory.sessions.get(save.session_id)
        if entry is None or (entry.epoch, entry.revision) < (save.epoch, save.revision):
            self._memory.sessions[save.session_id] = SimpleNamespace(
                node=node, until=0.0, **save._asdict()
            )
            return True
        return entry.epoch == save.epoch and entry.node == node

    def _count(self, node, limit, key, number):
        """Whether the key is refused from now on, or no more."""
        memory = self._memory
        if limit.window:
            now = trio.current_time()
            known = {each for each in memory.times if each[0] == limit.name}
            for each in list(known):
                if memory.times[each][-1] + limit.window <= now:
                    known.remove(each)
                    del memory.times[each]
            if (limit.name, key) in known or len(known) < rules.EVENT_KEYS_BOUND:
                times = memory.times[limit.name, key]
                times.extend([now] * min(number, limit.most))
                del times[: -limit.most]
        else:
            memory.counts[node][limit.name, key] = number
        refused, before = memory.refused[limit.name], len(memory.refused[limit.name])
        if not memory.refusal(limit, key):
            refused.discard(key)
        elif before < rules.REFUSED_BOUND:
            refused.add(key)
        return len(refused) != before

    def _ask_for_heartbeats(self):
        for node in self._memory.living:
            self._memory.send(node, b"")

    def _send(self, batch):
        if self._memory.lives(batch.node):
            self._memory.send(batch.node, batch.body)

    async def receive(self, node):
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(POLL_TIME):
            while not self._memory.batches.get(node):
                await self._memory.arrived.wait()
        return self._memory.batches.pop(node, [])

    async def leave(self, node):
        await trio.lowlevel.checkpoint()
        for each in (self._memory.leases, self._memory.batches, self._memory.counts):
            each.pop(node, None)
        self._ask_for_heartbeats()

    async def members(self):
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        leases = self._memory.leases
        return {node: (leases[node][0], leases[node][1] - now) for node in self._memory.living}
