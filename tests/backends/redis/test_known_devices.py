"""Sessions for known devices in a cluster: ids that can be had again, at any node."""

import pytest
import trio
from msgspec import structs

from proxim.actors.limits import LimitSettings
from proxim.protocol import messages as wire
from proxim.protocol.messages import Status
from tests.actors.helpers import DEVICE, ONE_TIME
from tests.actors.test_known_devices import CREATE, OTHER_HASH, TOKEN
from tests.backends.redis.memory_coordinator import Memory
from tests.backends.redis.test_backend import LEASE, MemberNode, members  # noqa: F401

SOON = 0.5


async def opens(host, message=CREATE):
    """Return the session that a host has opened, or the code of the error."""
    await host.asks(message)
    await trio.sleep(SOON)
    answer = [each for each in host.told if isinstance(each, wire.SessionCreated | wire.Error)][-1]
    return answer.session if isinstance(answer, wire.SessionCreated) else answer.code


async def asks(node, session_id):
    guest = node.connect()
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
