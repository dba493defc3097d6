"""Limits by owner and by address, at nodes on a coordinator in memory, under a mock clock."""

import pytest
import trio

from proxim.actors.limits import LimitSettings
from proxim.backends.redis.backend import WATCH_TIME
from proxim.backends.redis.heartbeat import HEARTBEAT_TIME
from proxim.protocol import messages as wire
from tests.actors.helpers import KEY, PERSISTENT, Meeting
from tests.backends.redis.memory_coordinator import Memory
from tests.backends.redis.test_backend import LEASE, MemberNode

HERE, THERE = "192.0.2.1", "192.0.2.2"
SOON = 0.1
TOLD = WATCH_TIME + SOON
"""Seconds until the other nodes know of a connection."""


@pytest.fixture
def join(nursery, autojump_clock):
    memory = Memory()

    async def start(count=3, **limits):
        nodes = [MemberNode(memory, limit_settings=LimitSettings(**limits)) for _ in range(count)]
        for node in nodes:
            await nursery.start(node.live)
        await trio.sleep(SOON)
        return nodes

    return start


def full(nodes, address=HERE):
    return [node.places.is_full(address) for node in nodes]


# -- connections -------------------------------------------------------------------------------


async def test_connections_of_an_address_count_at_all_nodes(autojump_clock, join):
    nodes = await join()
    for node in nodes:
        node.places.acquire(HERE)
    assert full(nodes) == [False] * 3
    await trio.sleep(TOLD)
    assert full(nodes) == [True] * 3
    assert full(nodes, THERE) == [False] * 3
    nodes[0].places.release(HERE)
    await trio.sleep(TOLD)
    assert full(nodes) == [False] * 3


async def test_node_that_joins_knows_the_counts_at_once(autojump_clock, join):
    nodes = await join(2)
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes += await join(1)
    assert full(nodes) == [True] * 3


async def test_counts_of_a_dead_node_end_with_its_lease(autojump_clock, join):
    nodes = await join()
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes[0].life.cancel()
    await trio.sleep(LEASE - HEARTBEAT_TIME - SOON)
    assert full(nodes[1:]) == [True] * 2
    await trio.sleep(2 * HEARTBEAT_TIME + SOON)
    assert full(nodes[1:]) == [False] * 2


async def test_counts_of_a_node_that_leaves_end_at_once(autojump_clock, join):
    nodes = await join()
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    await nodes[0].member.leave()
    await trio.sleep(SOON)
    assert full(nodes[1:]) == [False] * 2


async def test_node_that_lost_its_lease_counts_all_under_its_new_id(autojump_clock, join):
    here, there = await join(2)
    for node in (here, here, there):
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    node_id = here.member.bus.node
    del here.coordinator._memory.leases[node_id]
    await trio.sleep(3 * HEARTBEAT_TIME)
    assert here.member.bus.node != node_id
    assert (here.places.elsewhere(HERE), there.places.elsewhere(HERE)) == (1, 2)
    assert full([here, there]) == [True, True]


async def test_node_without_redis_counts_alone_once_its_lease_has_expired(autojump_clock, join):
    nodes = await join(2)
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    for node in nodes:
        node.coordinator.is_cut = True
    nodes[0].places.release(HERE)
    await trio.sleep(LEASE / 2)
    assert full(nodes) == [False, True]
    await trio.sleep(LEASE)
    assert full(nodes) == [False, False]
    nodes[1].places.acquire(HERE)
    for node in nodes:
        node.coordinator.is_cut = False
    await trio.sleep(5)
    assert full(nodes) == [True, True]


async def test_short_outage_of_redis_loses_no_count(autojump_clock, join):
    nodes = await join(2)
    node_id = nodes[0].member.bus.node
    nodes[1].coordinator.is_cut = nodes[0].coordinator.is_cut = True
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(4)
    assert not nodes[0].member.lease.is_connected
    assert nodes[0].member.lease.is_held
    for _ in range(5):
        nodes[0].places.acquire(THERE)
        nodes[0].places.release(THERE)
    assert len(nodes[0].member.limits._changed) == 1, "one entry a key waits to be counted"
    await trio.sleep(1)
    nodes[1].coordinator.is_cut = nodes[0].coordinator.is_cut = False
    await trio.sleep(5)
    assert full(nodes) == [True, True]
    assert nodes[0].member.bus.node == node_id, "it kept its lease"


async def test_redis_that_was_emptied_counts_as_before(autojump_clock, join):
    nodes = await join(2)
    for node in (nodes[0], nodes[0], nodes[1]):
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes[0].coordinator._memory.forget()
    await trio.sleep(5)
    assert [node.places.elsewhere(HERE) for node in nodes] == [1, 2]


async def test_suspended_node_counts_its_connections_again_and_those_of_others(
    autojump_clock, join
):
    nodes = await join(2)
    for node in nodes:
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes[0].member.lease.running_until = trio.current_time()
    nodes[1].places.acquire(HERE)
    await trio.sleep(LEASE + HEARTBEAT_TIME)
    assert [node.places.elsewhere(HERE) for node in nodes] == [2, 1]


async def test_guesses_count_at_all_nodes_until_their_window_is_over(autojump_clock, join):
    nodes = await join(guesses_per_address=3, guess_window=100.0)
    for node in nodes:
        node.supervisor.limits.guesses.add(HERE, trio.current_time())
    await trio.sleep(SOON)
    now = trio.current_time()
    assert [node.supervisor.limits.guesses.retry_after(HERE, now) > 99 for node in nodes] == [
        True
    ] * 3
    (newcomer,) = await join(1, guesses_per_address=3, guess_window=100.0)
    assert newcomer.supervisor.limits.guesses.retry_after(HERE, now) > 90
    assert newcomer.supervisor.limits.guesses.retry_after(THERE, now) == 0
    await trio.sleep(100)
    assert newcomer.supervisor.limits.guesses.retry_after(HERE, trio.current_time()) == 0


# -- sessions ----------------------------------------------------------------------------------


async def registered(node, uuid, address=None):
    host = node.connect(address)
    await host.registers(uuid=uuid)
    return host


async def answer_to_create(host):
    answer = await host.asks(wire.CreateSession(session_type=PERSISTENT))
    return getattr(answer, "code", "created"), getattr(answer, "message", "")


async def test_sessions_of_an_address_count_at_all_nodes(autojump_clock, join):
    nodes = await join(sessions_per_address=2)
    for number, node in enumerate(nodes[:2]):
        host = await registered(node, f"desk-{number}", HERE)
        assert (await answer_to_create(host))[0] == "created"
    refusal = ("limit_reached", "too many sessions were opened from this address")
    for number, node in enumerate(nodes):
        host = await registered(node, f"another-{number}", HERE)
        assert await answer_to_create(host) == refusal
        assert node.supervisor.stats.refusals["sessions_per_address"] == 1
        host = await registered(node, f"other-{number}", THERE)
        assert (await answer_to_create(host))[0] == ("limit_reached" if number == 2 else "created")


async def test_session_is_counted_at_all_nodes_before_its_host_is_told(autojump_clock, join):
    nodes = await join(2, sessions_per_address=1)
    host, other = [await registered(node, "desk", HERE) for node in nodes]
    seen = []
    tell = host.tell

    def tells(message):
        if isinstance(message, wire.SessionCreated):
            seen.append(nodes[0].member.limits.has_changed)
        tell(message)

    host.tell = tells
    assert (await answer_to_create(host))[0] == "created"
    assert seen == [False]
    assert (await answer_to_create(other))[0] == "limit_reached"


async def test_sessions_of_an_owner_count_at_all_nodes(autojump_clock, join):
    nodes = await join(2, sessions_per_owner=1)
    hosts = [await registered(node, "desk") for node in nodes]
    assert (await answer_to_create(hosts[0]))[0] == "created"
    answers = {await answer_to_create(host) for host in hosts}
    assert {code for code, _ in answers} == {"limit_reached"}
    assert len(answers) == 1, "the same words at each"
    assert [node.supervisor.stats.refusals["sessions_per_owner"] for node in nodes] == [1, 1]


# -- prompts -----------------------------------------------------------------------------------


async def asks(meeting, at):
    meeting.guest = at.connect()
    return await meeting.guest.asks(meeting.pair_request())


async def meets(node, count):
    """Return sessions of one host, which has a connection at each node."""
    host = node.connect()
    await host.asks(wire.Register(uuid="desk", key=KEY, seats=[]))
    return [await Meeting(node, host).open(PERSISTENT, None) for _ in range(count)]


async def test_prompts_of_a_host_count_at_all_nodes(autojump_clock, join):
    nodes = await join(prompts_per_host=2)
    here, there = await meets(nodes[0], 2), await meets(nodes[1], 2)
    for meeting in (here[0], there[0]):
        assert isinstance(await asks(meeting, nodes[2]), wire.PairPending)
    for meeting, at in ((here[1], 0), (there[1], 1), (here[1], 2)):
        refused = await asks(meeting, nodes[at])
        assert refused.code == "rate_limited"
        assert 0 < refused.retry_after <= 40
    await here[0].decide()
    assert isinstance(await asks(there[1], nodes[0]), wire.PairPending)


async def test_guest_waits_a_second_if_all_prompts_are_at_other_nodes(autojump_clock, join):
    nodes = await join(2, prompts_per_host=1)
    (here,), (there,) = await meets(nodes[0], 1), await meets(nodes[1], 1)
    assert isinstance(await asks(here, nodes[0]), wire.PairPending)
    assert (await asks(there, nodes[1])).retry_after == 1.0
    await trio.sleep(41)
    assert isinstance(await asks(there, nodes[1]), wire.PairPending)


async def test_prompts_of_a_dead_node_end_with_its_lease(autojump_clock, join):
    nodes = await join(2, prompts_per_host=1)
    (here,), (there,) = await meets(nodes[0], 1), await meets(nodes[1], 1)
    assert isinstance(await asks(here, nodes[0]), wire.PairPending)
    nodes[0].life.cancel()
    assert (await asks(there, nodes[1])).code == "rate_limited"
    await trio.sleep(LEASE + HEARTBEAT_TIME)
    assert isinstance(await asks(there, nodes[1]), wire.PairPending)


async def test_prompt_of_an_abandoned_session_is_not_counted(autojump_clock, join):
    nodes = await join(2, prompts_per_host=1)
    (here,) = await meets(nodes[0], 1)
    assert isinstance(await asks(here, nodes[0]), wire.PairPending)
    actor = nodes[0].supervisor.find(here.id)
    nodes[0].supervisor.release(actor)
    assert len(nodes[0].supervisor.limits.prompts) == 0
    await trio.sleep(TOLD)
    assert nodes[1].supervisor.limits.prompts.elsewhere(actor.owner.hash) == 0
