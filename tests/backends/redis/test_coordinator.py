"""What a coordinator guarantees, on Redis and in memory."""

import pytest
import trio

from proxim.backends.redis import coordinator as coordinator_module
from proxim.backends.redis import records, scripts
from proxim.backends.redis.coordinator import Coordinator
from proxim.backends.redis.records import (
    EVENT_KEYS_BOUND,
    FIRST_TOMBSTONE_TIME,
    LAYOUT,
    REFUSED_BOUND,
    STREAM_BOUND,
    TOMBSTONE_TIME,
    CoordinatorLost,
    Count,
    Counts,
    EncodedBatch,
    Limit,
    OtherLayout,
    Save,
)
from proxim.protocol.errors import InvalidSetting
from tests.backends.redis import memory_coordinator as memory_module
from tests.backends.redis.memory_coordinator import Memory, MemoryCoordinator
from tests.ports import reserved_port

LEASE = 60.0
SOON = 0.3
NEXT = LAYOUT + 1

REDIS = pytest.param("redis", marks=[pytest.mark.full("Redis"), pytest.mark.needs("redis-server")])


@pytest.fixture(params=["memory", REDIS])
async def coordinator(request, monkeypatch):
    # For so long a receiver waits for mail when there is none.
    monkeypatch.setattr(memory_module, "POLL_TIME", SOON)
    monkeypatch.setattr(coordinator_module, "_POLL_TIME", SOON)
    if request.param == "memory":
        yield MemoryCoordinator(Memory())
        return
    server = request.getfixturevalue("shared_redis")
    # In a database of its own: the nodes of these tests are in nobody's cluster.
    address = coordinator_module.parse_url(server.url)._replace(db=2)
    async with Coordinator(address).opened() as connected:
        await connected._commands.call(lambda client: client.flushdb())
        yield connected


async def lives(coordinator, *nodes, lease=LEASE):
    return [await coordinator.heartbeat(node, node.encode(), lease, ()) for node in nodes]


def save(revision=1, *, epoch=1, snapshot=b"state", free=False, session_id="s"):
    return Save(session_id, "owner", epoch, revision, snapshot, free)


async def look(coordinator, session_id="s"):
    found = (await coordinator.look([session_id])).found
    return (found[0].node, found[0].epoch, found[0].snapshot) if found else None


async def claim(coordinator, node, session_id="s"):
    """Take a session over if it is free, as a node does; return what is recorded then."""
    for record in (await coordinator.look([session_id])).found:
        if record.free or not record.lives:
            taken = save(1, epoch=record.epoch + 1, snapshot=record.snapshot, session_id=session_id)
            await coordinator.flush(node, [taken], [])
    return await look(coordinator, session_id)


@pytest.mark.real_time
async def test_lease_expires(coordinator):
    first, second = await lives(coordinator, "a", "a")
    assert (first.lease_held, second.lease_held) == (False, True)
    assert first.dataset == second.dataset
    assert 0 <= first.age < 60
    await lives(coordinator, "b")
    assert set(await coordinator.members()) == {"a", "b"}
    about, left = (await coordinator.members())["a"]
    assert about == b"a"
    assert 0 < left <= LEASE
    await lives(coordinator, "b", lease=SOON)
    await trio.sleep(2 * SOON)
    assert (await coordinator.heartbeat("a", b"", LEASE, ())).living == {"a"}
    assert set(await coordinator.members()) == {"a"}


async def test_session_is_at_the_node_that_saved_it(coordinator):
    await lives(coordinator, "a", "b")
    assert await claim(coordinator, "b") is None
    assert await coordinator.flush("a", [save()], []) == frozenset()
    assert await claim(coordinator, "b") == ("a", 1, b"state")
    assert (await coordinator.owned_by("owner")).session_ids == ["s"]
    assert (await coordinator.owned_by("stranger")).session_ids == []


@pytest.mark.real_time
async def test_session_of_a_dead_node_is_claimed_once(coordinator):
    await lives(coordinator, "a", "b", "c")
    await coordinator.flush("a", [save()], [])
    assert (await claim(coordinator, "b"))[0] == "a"
    await lives(coordinator, "a", lease=SOON)
    await trio.sleep(2 * SOON)
    assert await claim(coordinator, "b") == ("b", 2, b"state")
    assert await claim(coordinator, "c") == ("b", 2, b"state")


@pytest.mark.real_time
async def test_former_owner_cannot_change_a_session(coordinator):
    await lives(coordinator, "a", lease=SOON)
    await coordinator.flush("a", [save()], [])
    await trio.sleep(2 * SOON)
    await lives(coordinator, "a", "b")
    await coordinator.leave("a")
    await claim(coordinator, "b")
    late = [save(9, snapshot=b"late"), save(10, snapshot=b""), save(11, free=True)]
    for each in late:
        assert (await coordinator.flush("a", [each], [])) == {"s"}
    assert await claim(coordinator, "c") == ("b", 2, b"state")


async def test_older_revision_changes_nothing(coordinator):
    await lives(coordinator, "a")
    await coordinator.flush("a", [save(2, snapshot=b"new")], [])
    assert (await coordinator.flush("a", [save(1, snapshot=b"old")], [])) == frozenset()
    assert await claim(coordinator, "b") == ("a", 1, b"new")
    await coordinator.leave("a")
    await claim(coordinator, "b")
    await coordinator.flush("b", [save(2, epoch=2, snapshot=b"newer")], [])
    await coordinator.flush("b", [save(1, epoch=2, snapshot=b"older")], [])
    assert await look(coordinator) == ("b", 2, b"newer")


async def test_of_two_nodes_that_take_a_session_over_one_is_told_that_it_lost(coordinator):
    await lives(coordinator, "b", "c")
    await coordinator.flush("a", [save()], [])
    taken = save(1, epoch=2)
    assert await coordinator.flush("b", [taken], []) == frozenset()
    assert await coordinator.flush("c", [taken], []) == {"s"}
    assert await coordinator.flush("b", [taken], []) == frozenset(), "the answer may be lost"
    await coordinator.flush("b", [save(2, epoch=2, free=True)], [])
    assert await coordinator.flush("c", [taken], []) == {"s"}, "even if it is free again"


async def test_free_session_can_be_claimed(coordinator):
    await lives(coordinator, "a", "b")
    await coordinator.flush("a", [save()], [])
    await coordinator.flush("a", [save(2, free=True)], [])
    assert await claim(coordinator, "b") == ("b", 2, b"state")
    assert (await coordinator.flush("a", [save(3)], [])) == {"s"}


@pytest.mark.real_time
async def test_deleted_session_does_not_come_back(coordinator):
    await lives(coordinator, "a", lease=SOON)
    await coordinator.flush("a", [save()], [])
    await trio.sleep(2 * SOON)
    await lives(coordinator, "b")
    await claim(coordinator, "b")
    await coordinator.flush("b", [save(2, epoch=2, snapshot=b"")], [])
    assert (await coordinator.owned_by("owner")).session_ids == []
    assert await claim(coordinator, "b") is None
    assert (await coordinator.flush("a", [save(7)], [])) == {"s"}
    assert await claim(coordinator, "a") is None


async def test_later_epoch_wins_in_an_emptied_redis(coordinator):
    await lives(coordinator, "a", "b")
    await coordinator.flush("a", [save(5, epoch=3)], [])
    await coordinator.flush("b", [save(1, epoch=4, snapshot=b"later")], [])
    assert await claim(coordinator, "c") == ("b", 4, b"later")
    assert (await coordinator.flush("a", [save(6, epoch=3)], [])) == {"s"}


async def test_node_with_a_new_id_keeps_sessions_that_were_not_claimed(coordinator):
    await lives(coordinator, "a", "a2")
    await coordinator.flush("a", [save()], [])
    await coordinator.leave("a")
    await coordinator.flush("a2", [save(2)], [])
    assert await claim(coordinator, "b") == ("a2", 1, b"state")


async def test_batches_arrive_once_and_in_order(coordinator):
    await lives(coordinator, "a", "b")
    sent = [bytes([number]) for number in range(100)]
    for body in sent[:50]:
        await coordinator.flush("a", [], [EncodedBatch("b", body)])
    got = []
    while len(got) < 50:
        got += await coordinator.receive("b")
    await lives(coordinator, "b")
    await coordinator.flush("a", [], [EncodedBatch("b", body) for body in sent[50:]])
    while len(got) < 100:
        got += await coordinator.receive("b")
    assert got == sent
    assert await coordinator.receive("b") == []


async def test_receiver_is_woken(coordinator, nursery):
    await lives(coordinator, "a", "b")
    got = []

    async def receive():
        while not got:
            got.extend(await coordinator.receive("b"))

    async with trio.open_nursery() as waiting:
        waiting.start_soon(receive)
        await trio.sleep(0.1)
        await coordinator.flush("a", [], [EncodedBatch("b", b"\x00\xff")])
    assert got == [b"\x00\xff"]


async def test_no_batch_is_kept_for_a_dead_node(coordinator):
    await lives(coordinator, "a", "b")
    await coordinator.flush("a", [], [EncodedBatch("b", b"1")])
    await coordinator.leave("b")
    batches = [EncodedBatch("b", b"2"), EncodedBatch("a", b"3")]
    await coordinator.flush("a", [save()], batches)
    assert await coordinator.receive("a") == [b"", b"3"]
    await lives(coordinator, "b")
    assert await coordinator.receive("b") == []


@pytest.mark.real_time
async def test_dead_node_sends_nothing(coordinator):
    await lives(coordinator, "b")
    await lives(coordinator, "a", lease=SOON)
    await trio.sleep(2 * SOON)
    await coordinator.flush("a", [], [EncodedBatch("b", b"late")])
    await lives(coordinator, "a")
    await coordinator.flush("a", [], [EncodedBatch("b", b"again")])
    assert await coordinator.receive("b") == [b"again"]


async def test_repeated_flush_changes_nothing(coordinator):
    await lives(coordinator, "a", "b")
    for _ in range(3):
        assert await coordinator.flush("a", [save(2, snapshot=b"new")], []) == frozenset()
        await coordinator.flush("a", [save(1, snapshot=b"old")], [])
    assert await claim(coordinator, "b") == ("a", 1, b"new")
    await coordinator.flush("a", [save(3, snapshot=b"new", free=True)], [])
    assert await claim(coordinator, "b") == ("b", 2, b"new")
    assert (await coordinator.flush("a", [save(3, snapshot=b"new", free=True)], [])) == {"s"}
    assert await claim(coordinator, "c") == ("b", 2, b"new")


async def test_unread_batches_are_bounded(coordinator):
    await lives(coordinator, "a", "b")
    for start in range(0, 3 * STREAM_BOUND, 256):
        batches = [EncodedBatch("b", str(number).encode()) for number in range(start, start + 256)]
        await coordinator.flush("a", [], batches)
    got, more = [], await coordinator.receive("b")
    while more:
        got, more = got + more, await coordinator.receive("b")
    assert STREAM_BOUND <= len(got) <= STREAM_BOUND + 128
    assert got[-1] == str(3 * STREAM_BOUND - 1).encode()


# -- limits ----------------------------------------------------------------------------------

HELD, EVENTS = Limit("held", 3), Limit("events", 3, 600.0)


class CountingNode:
    """A node that counts what it holds, and events."""

    def __init__(self, coordinator, name):
        self.coordinator = coordinator
        self.name = name
        self.number = 0

    async def counts(self, limit, key, held, **more):
        self.number += 1
        counts = Counts(self.number, [Count(limit, key, held)])
        await self.coordinator.flush(self.name, [], [], counts._replace(**more))

    async def refused(self, limit=HELD, lease=LEASE):
        reply = await self.coordinator.heartbeat(self.name, b"", lease, [limit])
        return {refused.key: refused.value for refused in reply.refused}


@pytest.fixture
async def counting(coordinator):
    nodes = [CountingNode(coordinator, name) for name in "abc"]
    await lives(coordinator, *"abc")
    return nodes


async def test_key_is_refused_by_what_all_nodes_hold(counting):
    a, b, c = counting
    await a.counts(HELD, "x", 1)
    await b.counts(HELD, "x", 1)
    assert [await node.refused() for node in counting] == [{}] * 3
    await c.counts(HELD, "x", 2)
    assert [await node.refused() for node in counting] == [{"x": 3}, {"x": 3}, {"x": 2}]
    await c.counts(HELD, "x", 0)
    assert [await node.refused() for node in counting] == [{}] * 3


async def test_nodes_are_woken_when_a_key_reaches_a_limit_or_no_longer_does(counting):
    a, b, _ = counting
    await a.counts(HELD, "x", 2)
    assert await b.coordinator.receive("b") == []
    await a.counts(HELD, "x", 3)
    assert await b.coordinator.receive("b") == [b""]
    await b.refused()
    await a.counts(HELD, "x", 4)
    assert await b.coordinator.receive("b") == []
    await a.counts(HELD, "x", 2)
    assert await b.coordinator.receive("b") == [b""]


@pytest.mark.real_time
async def test_held_counts_end_with_the_lease(counting):
    a, b, c = counting
    await a.counts(HELD, "x", 3)
    assert await a.refused(lease=SOON) == {"x": 0}
    assert await b.refused() == {"x": 3}
    await trio.sleep(2 * SOON)
    assert await b.refused() == {}
    await lives(a.coordinator, "a")
    await a.counts(HELD, "x", 3)
    assert await c.refused() == {"x": 3}
    await a.coordinator.leave("a")
    assert await c.refused() == {}


async def test_events_of_all_nodes_count_until_their_window_is_over(counting):
    a, b, c = counting
    await a.counts(EVENTS, "x", 1)
    await b.counts(EVENTS, "x", 1)
    assert await c.refused(EVENTS) == {}
    await a.counts(EVENTS, "x", 1)
    (left,) = (await c.refused(EVENTS)).values()
    assert 590 < left <= 600
    await a.coordinator.leave("a")
    assert set(await c.refused(EVENTS)) == {"x"}, "an event outlives its node"


@pytest.mark.real_time
async def test_events_expire_one_by_one(counting):
    a, b, _ = counting
    short = EVENTS._replace(window=2 * SOON)
    await a.counts(short, "x", 2)
    await trio.sleep(SOON)
    await a.counts(short, "x", 1)
    assert set(await b.refused(short)) == {"x"}
    await trio.sleep(1.5 * SOON)
    assert await b.refused(short) == {}
    await a.counts(short, "x", 2)
    assert set(await b.refused(short)) == {"x"}


async def test_keys_of_events_are_bounded_until_they_expire(monkeypatch, counting):
    monkeypatch.setattr(records, "EVENT_KEYS_BOUND", 2)
    monkeypatch.setattr(scripts, "FLUSH", scripts.FLUSH.replace(f"{EVENT_KEYS_BOUND}", "2"))
    a, b, _ = counting
    short = EVENTS._replace(window=2 * SOON)
    for key in "xyz":
        await a.counts(short, key, 3)
    await b.counts(short, "x", 3)
    assert set(await b.refused(short)) == {"x", "y"}
    await trio.sleep(3 * SOON)
    await a.counts(short, "z", 3)
    assert set(await b.refused(short)) == {"z"}


async def test_repeated_counts_change_nothing(counting):
    a, b, _ = counting
    for _ in range(3):
        await a.counts(EVENTS, "x", 1, number=1)
    assert await b.refused(EVENTS) == {}
    await a.counts(HELD, "x", 3)
    await a.counts(HELD, "x", 0, number=2)
    assert await b.refused() == {"x": 3}, "a late flush of an earlier number"


async def test_dead_node_counts_nothing(counting):
    a, b, _ = counting
    await a.coordinator.leave("a")
    await a.counts(HELD, "x", 3)
    await a.counts(EVENTS, "x", 3)
    assert await b.refused() == await b.refused(EVENTS) == {}


async def test_refused_keys_are_bounded(counting):
    a, b, _ = counting
    for start in range(0, REFUSED_BOUND + 500, 500):
        counts = [Count(HELD, f"{number}", 3) for number in range(start, start + 500)]
        await a.coordinator.flush("a", [], [], Counts(start + 1, counts))
    assert len(await b.refused()) == REFUSED_BOUND


# -- what is kept in Redis -------------------------------------------------------------------


async def test_deleted_session_is_kept_short_if_no_other_node_had_it(redis):
    def left(session_id):
        return int(redis.ask("PTTL", f"proxim:session:{session_id}")) / 1000

    async with Coordinator(coordinator_module.parse_url(redis.url)).opened() as coordinator:
        await lives(coordinator, "a", "b")
        for session_id in ("one", "two"):
            await coordinator.flush("a", [save(session_id=session_id)], [])
        await coordinator.leave("a")
        await claim(coordinator, "b", "two")
        await coordinator.flush("a", [save(2, snapshot=b"", session_id="one")], [])
        await coordinator.flush("b", [save(2, epoch=2, snapshot=b"", session_id="two")], [])
        assert 0 < left("one") <= FIRST_TOMBSTONE_TIME
        assert FIRST_TOMBSTONE_TIME < left("two") <= TOMBSTONE_TIME
        late = [save(1, session_id="one"), save(9, session_id="two")]
        assert await coordinator.flush("a", late, []) == {"two"}
        assert await look(coordinator, "one") is await look(coordinator, "two") is None


# -- versions --------------------------------------------------------------------------------


async def test_node_of_another_version_is_refused_while_others_live(coordinator, monkeypatch):
    await lives(coordinator, "a")
    other = await as_version(coordinator, NEXT, monkeypatch)
    with pytest.raises(OtherLayout, match=f"use version {LAYOUT} .* this node version {NEXT}"):
        await lives(other, "b")
    assert set(await coordinator.members()) == {"a"}, "a refused node leaves no trace"
    await coordinator.leave("a")
    await lives(other, "b")
    with pytest.raises(OtherLayout):
        await lives(await as_version(coordinator, LAYOUT, monkeypatch), "a")


async def as_version(coordinator, layout, monkeypatch):
    """Return the same coordinator as a node of that version uses it."""
    monkeypatch.setattr(records, "LAYOUT", layout)
    if isinstance(coordinator, MemoryCoordinator):
        return MemoryCoordinator(coordinator._memory, layout)
    former = LAYOUT + NEXT - layout
    text = scripts.HEARTBEAT.replace(f"'{former}'", f"'{layout}'")
    text = text.replace(f"'layout', {former})", f"'layout', {layout})")
    monkeypatch.setattr(scripts, "HEARTBEAT", text)
    return coordinator


async def test_living_nodes_without_a_version_have_version_one(redis):
    """Version 1 used the same keys for nodes."""
    async with Coordinator(coordinator_module.parse_url(redis.url)).opened() as coordinator:
        redis.ask("SADD", "proxim:nodes", "old")
        redis.ask("SET", "proxim:node:old", '{"version": "0.1"}')
        with pytest.raises(OtherLayout, match="use version 1 "):
            await lives(coordinator, "new")
        redis.ask("DEL", "proxim:node:old")
        await lives(coordinator, "new")


# -- Redis alone -----------------------------------------------------------------------------


async def test_restarted_redis_has_another_dataset(redis):
    async with Coordinator(coordinator_module.parse_url(redis.url)).opened() as coordinator:
        (before,) = await lives(coordinator, "a")
        redis.restart()
        for _ in range(3):
            try:
                (after,) = await lives(coordinator, "a")
                break
            except CoordinatorLost:
                await trio.sleep(0.1)
        assert not after.lease_held
        assert after.dataset != before.dataset
        assert after.age < 60


@pytest.mark.real_time
async def test_commands_to_a_frozen_redis_time_out(redis):
    async with Coordinator(coordinator_module.parse_url(redis.url)).opened() as coordinator:
        redis.freeze()

        async def fail(*attempts):
            for attempt in attempts:
                with pytest.raises(CoordinatorLost):
                    await attempt

        with trio.fail_after(60):
            async with trio.open_nursery() as failing:
                failing.start_soon(fail, coordinator.look(["s"]), coordinator.owned_by("o"))
                failing.start_soon(fail, coordinator.receive("a"))
        redis.thaw()
        assert (await coordinator.look(["s"])).found == []


async def test_connecting_to_a_stopped_redis_fails(redis):
    redis.kill()
    with pytest.raises(CoordinatorLost):
        async with Coordinator(coordinator_module.parse_url(redis.url)).opened():
            pass


@pytest.mark.parametrize(
    "url",
    ["redis-sentinel://h:26379/mymaster", "redis+cluster://h", "redis://a:1,b:2", "http://h",
     "redis://", "redis://h/x", "redis://h:port", "redis://h?db=1", "127.0.0.1:6379"],
)  # fmt: skip
def test_url_of_anything_but_one_redis_is_refused(url):
    with pytest.raises(InvalidSetting, match="the URL of one Redis"):
        coordinator_module.parse_url(url)


def test_refusal_does_not_contain_the_password():
    with pytest.raises(InvalidSetting) as refusal:
        coordinator_module.parse_url("redis+sentinel://user:hunter2@h")
    assert "hunter2" not in str(refusal.value)


def test_url_is_parsed():
    address = coordinator_module.parse_url("rediss://us%40er:p%2Fw@[::1]:7000/3")
    assert address == ("::1", 7000, 3, "us@er", "p/w", True)
    assert coordinator_module.parse_url("redis://h") == ("h", 6379, 0, None, None, False)


async def test_redis_cluster_is_refused(start_redis):
    with reserved_port() as bus:
        server = start_redis("--cluster-enabled", "yes", "--cluster-port", str(bus))
        with pytest.raises(InvalidSetting, match="Redis Cluster"):
            async with Coordinator(coordinator_module.parse_url(server.url)).opened():
                pass


# -- ids that are reserved ---------------------------------------------------------------------


async def test_id_is_reserved_by_one_node_which_opens_the_session_then(coordinator):
    await lives(coordinator, "a", "b")
    epoch = await coordinator.reserve("a", "s")
    assert epoch > 0
    assert await coordinator.reserve("b", "s") == 0
    assert await look(coordinator) is None
    assert await coordinator.flush("b", [save(epoch=1)], []) == {"s"}
    assert await coordinator.flush("a", [save(epoch=epoch)], []) == frozenset()
    assert await look(coordinator) == ("a", epoch, b"state")
    assert await coordinator.reserve("a", "s") == await coordinator.reserve("b", "s") == 0


async def test_id_of_a_deleted_session_is_reserved_in_a_later_epoch(coordinator):
    await lives(coordinator, "a", "b")
    first = await coordinator.reserve("a", "s")
    await coordinator.flush("a", [save(epoch=first)], [])
    await coordinator.flush("a", [save(2, epoch=first, snapshot=b"")], [])
    second = await coordinator.reserve("b", "s")
    assert second > first
    assert await coordinator.flush("a", [save(9, epoch=first)], []) == {"s"}
    assert await coordinator.flush("b", [save(epoch=second)], []) == frozenset()
    assert await look(coordinator) == ("b", second, b"state")


@pytest.mark.real_time
async def test_id_that_was_reserved_and_not_opened_is_free_soon(coordinator):
    await lives(coordinator, "a", "b")
    first = await coordinator.reserve("a", "s", SOON)
    assert await coordinator.reserve("a", "s") == 0
    await trio.sleep(2 * SOON)
    second = await coordinator.reserve("b", "s")
    assert second > first
    assert await coordinator.flush("a", [save(epoch=first)], []) == {"s"}
