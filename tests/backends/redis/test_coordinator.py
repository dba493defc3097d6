"""What a hub promises; the same of both kinds."""

import pytest
import trio

from proxim.backends.redis import memory_coordinator as local_module
from proxim.backends.redis import redis_coordinator as redis_module
from proxim.backends.redis.coordinator import MAIL_BOUND, HubLost, Sack, Save
from proxim.backends.redis.memory_coordinator import LocalHub, Memory
from proxim.backends.redis.redis_coordinator import RedisHub
from proxim.protocol.errors import InvalidSetting
from tests.ports import reserved_port

LEASE = 60.0
SOON = 0.3


REDIS = pytest.param("redis", marks=[pytest.mark.full("Redis"), pytest.mark.needs("redis-server")])


@pytest.fixture(params=["local", REDIS])
async def hub(request, monkeypatch):
    # For so long a receiver waits for mail when there is none.
    monkeypatch.setattr(local_module, "_PATIENCE", SOON)
    monkeypatch.setattr(redis_module, "_POLL_TIME", SOON)
    if request.param == "local":
        yield LocalHub(Memory())
        return
    server = request.getfixturevalue("shared_redis")
    async with RedisHub(redis_module.parse_url(server.url)).opened() as connected:
        await connected._commands.call(lambda client: client.flushall())
        yield connected


async def lives(hub, *nodes, lease=LEASE):
    return [await hub.beat(node, node.encode(), lease, ()) for node in nodes]


def save(revision=1, *, epoch=1, snapshot=b"state", free=False, session_id="s"):
    return Save(session_id, "owner", epoch, revision, snapshot, free)


async def claim(hub, node, session_id="s"):
    claims = (await hub.claim(node, [session_id])).found
    return (claims[0].node, claims[0].epoch, claims[0].snapshot) if claims else None


@pytest.mark.real_time
async def test_a_lease_runs_and_runs_out(hub):
    first, second = await lives(hub, "a", "a")
    assert (first.kept, second.kept) == (False, True)
    assert first.memory == second.memory
    assert 0 <= first.age < 60
    await lives(hub, "b")
    assert set(await hub.members()) == {"a", "b"}
    about, left = (await hub.members())["a"]
    assert about == b"a"
    assert 0 < left <= LEASE
    await lives(hub, "b", lease=SOON)
    await trio.sleep(2 * SOON)
    assert (await hub.beat("a", b"", LEASE, ["a", "b", "c"])).gone == {"b", "c"}
    assert set(await hub.members()) == {"a"}


async def test_a_session_is_where_it_was_saved(hub):
    await lives(hub, "a", "b")
    assert await claim(hub, "b") is None
    assert await hub.flush("a", [save()], []) == (frozenset(), frozenset())
    assert await claim(hub, "b") == ("a", 1, b"state")
    assert (await hub.owned_by("owner")).session_ids == ["s"]
    assert (await hub.owned_by("stranger")).session_ids == []


@pytest.mark.real_time
async def test_a_session_of_a_dead_node_is_taken_over_once(hub):
    await lives(hub, "a", "b", "c")
    await hub.flush("a", [save()], [])
    assert (await claim(hub, "b"))[0] == "a"
    await lives(hub, "a", lease=SOON)
    await trio.sleep(2 * SOON)
    assert await claim(hub, "b") == ("b", 2, b"state")
    assert await claim(hub, "c") == ("b", 2, b"state")


@pytest.mark.real_time
async def test_who_lost_a_session_changes_nothing_more(hub):
    await lives(hub, "a", lease=SOON)
    await hub.flush("a", [save()], [])
    await trio.sleep(2 * SOON)
    await lives(hub, "a", "b")
    await hub.leave("a")
    await claim(hub, "b")
    late = [save(9, snapshot=b"late"), save(10, snapshot=b""), save(11, free=True)]
    for each in late:
        assert (await hub.flush("a", [each], [])).lost == {"s"}
    assert await claim(hub, "c") == ("b", 2, b"state")


async def test_an_older_revision_changes_nothing(hub):
    await lives(hub, "a")
    await hub.flush("a", [save(2, snapshot=b"new")], [])
    assert (await hub.flush("a", [save(1, snapshot=b"old")], [])).lost == frozenset()
    assert await claim(hub, "b") == ("a", 1, b"new")
    await hub.leave("a")
    await claim(hub, "b")
    await hub.flush("b", [save(1, epoch=2, snapshot=b"newer")], [])
    assert await claim(hub, "b") == ("b", 3, b"newer")


async def test_what_was_set_free_is_anybodys(hub):
    await lives(hub, "a", "b")
    await hub.flush("a", [save()], [])
    await hub.flush("a", [save(2, free=True)], [])
    assert await claim(hub, "b") == ("b", 2, b"state")
    assert (await hub.flush("a", [save(3)], [])).lost == {"s"}


@pytest.mark.real_time
async def test_what_is_gone_does_not_come_back(hub):
    await lives(hub, "a", lease=SOON)
    await hub.flush("a", [save()], [])
    await trio.sleep(2 * SOON)
    await lives(hub, "b")
    await claim(hub, "b")
    await hub.flush("b", [save(1, epoch=2, snapshot=b"")], [])
    assert (await hub.owned_by("owner")).session_ids == []
    assert await claim(hub, "b") is None
    assert (await hub.flush("a", [save(7)], [])).lost == {"s"}
    assert await claim(hub, "a") is None


async def test_who_has_the_later_epoch_wins_when_all_was_forgotten(hub):
    await lives(hub, "a", "b")
    await hub.flush("a", [save(5, epoch=3)], [])
    await hub.flush("b", [save(1, epoch=4, snapshot=b"later")], [])
    assert await claim(hub, "c") == ("b", 4, b"later")
    assert (await hub.flush("a", [save(6, epoch=3)], [])).lost == {"s"}


async def test_who_comes_back_under_another_name_keeps_what_nobody_took(hub):
    await lives(hub, "a", "a2")
    await hub.flush("a", [save()], [])
    await hub.leave("a")
    await hub.flush("a2", [save(2)], [])
    assert await claim(hub, "b") == ("a2", 1, b"state")


async def test_mail_comes_once_and_in_order(hub):
    await lives(hub, "a", "b")
    sent = [bytes([number]) for number in range(100)]
    for body in sent[:50]:
        await hub.flush("a", [], [Sack("b", body)])
    got = []
    while len(got) < 50:
        got += await hub.receive("b")
    await lives(hub, "b")
    await hub.flush("a", [], [Sack("b", body) for body in sent[50:]])
    while len(got) < 100:
        got += await hub.receive("b")
    assert got == sent
    assert await hub.receive("b") == []


async def test_a_receiver_is_woken(hub, nursery):
    await lives(hub, "a", "b")
    got = []

    async def receive():
        while not got:
            got.extend(await hub.receive("b"))

    async with trio.open_nursery() as waiting:
        waiting.start_soon(receive)
        await trio.sleep(0.1)
        await hub.flush("a", [], [Sack("b", b"\x00\xff")])
    assert got == [b"\x00\xff"]


async def test_nobody_keeps_mail_for_the_dead(hub):
    await lives(hub, "a", "b")
    await hub.flush("a", [], [Sack("b", b"1")])
    await hub.leave("b")
    flushed = await hub.flush("a", [save()], [Sack("b", b"2"), Sack("a", b"3")])
    assert flushed.gone == {"b"}
    assert await hub.receive("a") == [b"3"]
    await lives(hub, "b")
    assert await hub.receive("b") == []


@pytest.mark.real_time
async def test_who_lives_no_more_sends_nothing(hub):
    await lives(hub, "b")
    await lives(hub, "a", lease=SOON)
    await trio.sleep(2 * SOON)
    assert (await hub.flush("a", [], [Sack("b", b"late")])).gone == frozenset()
    await lives(hub, "a")
    await hub.flush("a", [], [Sack("b", b"again")])
    assert await hub.receive("b") == [b"again"]


async def test_a_flush_that_is_made_again_changes_nothing(hub):
    await lives(hub, "a", "b")
    for _ in range(3):
        assert await hub.flush("a", [save(2, snapshot=b"new")], []) == (frozenset(), frozenset())
        await hub.flush("a", [save(1, snapshot=b"old")], [])
    assert await claim(hub, "b") == ("a", 1, b"new")
    await hub.flush("a", [save(3, snapshot=b"new", free=True)], [])
    assert await claim(hub, "b") == ("b", 2, b"new")
    assert (await hub.flush("a", [save(3, snapshot=b"new", free=True)], [])).lost == {"s"}
    assert await claim(hub, "c") == ("b", 2, b"new")


async def test_mail_that_nobody_fetches_is_bounded(hub):
    await lives(hub, "a", "b")
    for start in range(0, 3 * MAIL_BOUND, 256):
        sacks = [Sack("b", str(number).encode()) for number in range(start, start + 256)]
        await hub.flush("a", [], sacks)
    got, more = [], await hub.receive("b")
    while more:
        got, more = got + more, await hub.receive("b")
    assert MAIL_BOUND <= len(got) <= MAIL_BOUND + 128
    assert got[-1] == str(3 * MAIL_BOUND - 1).encode()


# -- Redis alone -----------------------------------------------------------------------------


async def test_a_redis_that_was_restarted_says_that_it_has_forgotten(redis):
    async with RedisHub(redis_module.parse_url(redis.url)).opened() as hub:
        (before,) = await lives(hub, "a")
        redis.restart()
        for _ in range(3):
            try:
                (after,) = await lives(hub, "a")
                break
            except HubLost:
                await trio.sleep(0.1)
        assert not after.kept
        assert after.memory != before.memory
        assert after.age < 60


@pytest.mark.real_time
async def test_a_frozen_redis_is_not_waited_for(redis):
    async with RedisHub(redis_module.parse_url(redis.url)).opened() as hub:
        redis.freeze()

        async def fail(*attempts):
            for attempt in attempts:
                with pytest.raises(HubLost):
                    await attempt

        with trio.fail_after(60):
            async with trio.open_nursery() as failing:
                failing.start_soon(fail, hub.claim("a", ["s"]), hub.owned_by("o"))
                failing.start_soon(fail, hub.receive("a"))
        redis.thaw()
        assert (await hub.claim("a", ["s"])).found == []


async def test_a_redis_that_is_not_there(redis):
    redis.kill()
    with pytest.raises(HubLost):
        async with RedisHub(redis_module.parse_url(redis.url)).opened():
            pass


@pytest.mark.parametrize(
    "url",
    ["redis-sentinel://h:26379/mymaster", "redis+cluster://h", "redis://a:1,b:2", "http://h",
     "redis://", "redis://h/x", "redis://h:port", "redis://h?db=1", "127.0.0.1:6379"],
)  # fmt: skip
def test_what_is_no_single_redis_is_refused(url):
    with pytest.raises(InvalidSetting, match="the URL of one Redis"):
        redis_module.parse_url(url)


def test_a_refusal_keeps_the_password_to_itself():
    with pytest.raises(InvalidSetting) as refusal:
        redis_module.parse_url("redis+sentinel://user:hunter2@h")
    assert "hunter2" not in str(refusal.value)


def test_a_url_says_where_and_as_whom():
    place = redis_module.parse_url("rediss://us%40er:p%2Fw@[::1]:7000/3")
    assert place == ("::1", 7000, 3, "us@er", "p/w", True)
    assert redis_module.parse_url("redis://h") == ("h", 6379, 0, None, None, False)


async def test_a_member_of_a_redis_cluster_is_refused(start_redis):
    with reserved_port() as bus:
        server = start_redis("--cluster-enabled", "yes", "--cluster-port", str(bus))
        with pytest.raises(InvalidSetting, match="Redis Cluster"):
            async with RedisHub(redis_module.parse_url(server.url)).opened():
                pass
