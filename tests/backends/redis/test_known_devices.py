"""Sessions for known devices in a cluster: ids that can be had again, at any node."""

import pytest
import trio
from msgspec import structs

from proxim.actors.limits import LimitSettings
from proxim.backends.redis import coordinator as coordinator_module
from proxim.backends.redis.coordinator import Coordinator
from proxim.backends.redis.records import (
    FIRST_TOMBSTONE_TIME,
    RESERVATION_TIME,
    RETENTION_TIME,
    TOMBSTONE_TIME,
)
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.messages import Status
from tests.actors.helpers import DEVICE, ONE_TIME
from tests.actors.test_known_devices import CREATE, OTHER_HASH, TOKEN
from tests.backends.redis.memory_coordinator import Memory
from tests.backends.redis.test_backend import LEASE, MemberNode, members  # noqa: F401
from tests.backends.redis.test_coordinator import claim, lives, save

SOON = 0.5


async def opens(host, message=CREATE):
    """Return the session that a host has opened, or the code of the error."""
    await host.asks(message)
    await trio.sleep(SOON)
    answer = [each for each in host.told if isinstance(each, wire.SessionCreated | wire.Error)][-1]
    return answer.session if isinstance(answer, wire.SessionCreated) else answer.code


async def asks(node, session_id, guest=None):
    guest = guest or node.connect()
    await guest.asks(wire.PairRequest(session_id=session_id, token=TOKEN, device_info=DEVICE))
    await trio.sleep(SOON)
    return guest


async def test_all_nodes_have_the_same_boot(autojump_clock, members):  # noqa: F811
    (boot,) = {node.member.boot for node in members}
    assert len(boot) == 22


async def test_boot_changes_when_redis_forgets(autojump_clock, members):  # noqa: F811
    before = members[0].member.boot
    members[0].coordinator._memory.forget()
    await trio.sleep(LEASE)
    (after,) = {node.member.boot for node in members}
    assert after != before


async def test_live_session_is_told_at_any_node(autojump_clock, members):  # noqa: F811
    first, second = await members[0].host(), await members[1].host()
    before = await opens(first)
    after = await opens(second)
    assert after == before
    assert first.close_code == 4000
    guest = await asks(members[2], before.session_id)
    assert guest.heard(wire.PairPending)
    assert second.heard(wire.PairPrompt)


async def test_two_nodes_at_once_open_one_session(autojump_clock, members):  # noqa: F811
    hosts = [await node.host() for node in members]
    async with trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(host.asks, CREATE)
    await trio.sleep(SOON)
    made = sum(bool(host.heard(wire.SessionCreated)) for host in hosts)
    refused = [each.code for host in hosts for each in host.heard(wire.Error)]
    assert (made, refused) == (1, ["unavailable"] * 2)
    alive = [each for node in members for each in node.supervisor.actors()]
    assert len(alive) == 1


async def test_ended_session_is_opened_anew_at_its_node_and_soon_at_others(
    autojump_clock,
    members,  # noqa: F811
):
    host, elsewhere = await members[0].host(), await members[1].host()
    other = structs.replace(CREATE, token_hash=OTHER_HASH, session_type=ONE_TIME)
    session_id = (await opens(host)).session_id
    await host.asks(wire.CloseSession(session_id=session_id))
    assert await opens(elsewhere, other) == "unavailable"
    again = await opens(host, other)
    assert (again.session_id, again.status) == (session_id, Status.PENDING)
    await host.asks(wire.CloseSession(session_id=session_id))
    await trio.sleep(61)
    third = await opens(elsewhere)
    assert (third.session_id, third.status) == (session_id, Status.PENDING)
    assert (await asks(members[2], session_id)).heard(wire.PairPending)


async def test_end_is_told_before_the_session_is_opened_anew(autojump_clock, members):  # noqa: F811
    node = members[0]
    host = await node.host()
    session_id = (await opens(host)).session_id
    guest = await asks(node, session_id)
    await host.asks(wire.PairDecision(session_id=session_id, approve=True))
    flush = node.coordinator.flush

    async def slow(*arguments):
        await trio.sleep(0.5)
        return await flush(*arguments)

    node.coordinator.flush = slow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(host.asks, wire.CloseSession(session_id=session_id))
        await trio.sleep(0.1)
        nursery.start_soon(host.asks, CREATE)
    await trio.sleep(3)
    assert guest.endings == ["closed"]
    assert host.endings == ["closed"]
    assert len(host.heard(wire.SessionCreated)) == 2


async def test_session_opened_anew_outlives_its_node(autojump_clock, members):  # noqa: F811
    host = await members[0].host()
    session_id = (await opens(host)).session_id
    await host.asks(wire.CloseSession(session_id=session_id))
    await opens(host)
    members[0].life.cancel()
    await trio.sleep(2 * LEASE)
    back = await members[1].host()
    assert [each.session_id for each in back.told[0].sessions] == [session_id]


async def test_id_that_a_limit_kept_from_being_opened_stays_usable(nursery, autojump_clock):
    memory = Memory()
    node = MemberNode(memory, limit_settings=LimitSettings(standing_per_owner=1))
    await nursery.start(node.live)
    host = await node.host()
    plain = structs.replace(CREATE, nonce=None)
    first = (await opens(host, plain)).session_id
    assert await opens(host) == "limit_reached"
    await host.asks(wire.CloseSession(session_id=first))
    await trio.sleep(61)
    assert (await opens(host)).status is Status.PENDING


@pytest.mark.parametrize("standing", [True, False])
async def test_each_limit_of_an_owner_counts_at_all_nodes(nursery, autojump_clock, standing):
    memory = Memory()
    limits = LimitSettings(sessions_per_owner=1, standing_per_owner=1)
    nodes = [MemberNode(memory, limit_settings=limits) for _ in range(2)]
    for node in nodes:
        await nursery.start(node.live)
    hosts = [await node.host() for node in nodes]
    plain = structs.replace(CREATE, nonce=None, link_ttl=None)
    kinds = [plain, structs.replace(CREATE, nonce=None)]
    first, second = reversed(kinds) if standing else kinds
    assert (await opens(hosts[0], first)).status is Status.PENDING
    assert await opens(hosts[1], first) == "limit_reached"
    assert (await opens(hosts[1], second)).status is Status.PENDING
    await hosts[0].registers()
    assert len(hosts[0].heard(wire.Registered)[-1].sessions) == 2


# -- how long Redis keeps an id --------------------------------------------------------------


class NodeOnRedis(MemberNode):
    """A cluster node without sockets, on a real Redis."""

    def __init__(self, coordinator, **options):
        self._connected = coordinator
        super().__init__(Memory(), **options)

    def _make_backend(self, supervisor):
        self.coordinator = self._connected
        return super()._make_backend(supervisor)


@pytest.fixture
async def connected(redis):
    async with Coordinator(coordinator_module.parse_url(redis.url)).opened() as coordinator:
        yield coordinator


def seconds_left(redis, session_id):
    return int(redis.ask("PTTL", f"proxim:session:{session_id}")) / 1000


async def test_id_whose_opening_was_refused_is_soon_gone_from_redis(nursery, redis, connected):
    node = NodeOnRedis(connected, limit_settings=LimitSettings(standing_per_owner=1))
    await nursery.start(node.live)
    nonces = [tokens.encode(bytes([each]) * 32) for each in range(8)]
    hosts = [await node.host() for _ in nonces[:3]]
    async with trio.open_nursery() as requests:
        for at, nonce in enumerate(nonces):
            message = structs.replace(CREATE, nonce=nonce)
            requests.start_soon(hosts[at % 3].asks, message)
    opened = {each.session.session_id for host in hosts for each in host.heard(wire.SessionCreated)}
    refused = {tokens.session_id_of(each) for each in nonces} - opened
    assert (len(opened), len(refused)) == (1, 7)
    left = [seconds_left(redis, each) for each in refused]
    assert [each for each in left if each > 0], "no id was reserved: the limit was checked before"
    assert max(left) <= RESERVATION_TIME
    assert RESERVATION_TIME < TOMBSTONE_TIME < seconds_left(redis, *opened) <= RETENTION_TIME
    node.life.cancel()


async def test_reservation_leaves_a_tombstone_its_time(redis, connected):
    await lives(connected, "a", "b")
    for session_id in ("one", "two"):
        await connected.flush("a", [save(session_id=session_id)], [])
    await connected.leave("a")
    await claim(connected, "b", "two")
    await connected.flush("a", [save(2, snapshot=b"", session_id="one")], [])
    await connected.flush("b", [save(2, epoch=2, snapshot=b"", session_id="two")], [])
    for session_id in ("one", "two", "new"):
        assert await connected.reserve("b", session_id) > 2
    assert 0 < seconds_left(redis, "new") <= RESERVATION_TIME
    assert RESERVATION_TIME < seconds_left(redis, "one") <= FIRST_TOMBSTONE_TIME
    assert FIRST_TOMBSTONE_TIME < seconds_left(redis, "two") <= TOMBSTONE_TIME
