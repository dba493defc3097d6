"""Limits by owner and by address, at members on a hub in memory under a clock of the test's."""

import pytest
import trio

from proxim.actors.limits import LimitSettings
from proxim.backends.redis.backend import BEAT_TIME, MEET_TIME, PULSE_TIME
from proxim.backends.redis.memory_coordinator import Memory
from proxim.protocol import messages as wire
from tests.actors.helpers import KEY, PERSISTENT, Meeting
from tests.backends.redis.test_backend import LEASE, MemberNode

HERE, THERE = "192.0.2.1", "192.0.2.2"
SOON = 0.1
TOLD = PULSE_TIME + SOON
"""By when the others have heard of a connection."""


@pytest.fixture
def join(nursery, autojump_clock):
    memory = Memory()

    async def start(count=3, **settings):
        nodes = [MemberNode(memory, limit_settings=LimitSettings(**settings)) for _ in range(count)]
        for node in nodes:
            await nursery.start(node.live)
        await trio.sleep(SOON)
        return nodes

    return start


class Silent:
    """A hub that nobody can leave."""

    def __init__(self, hub):
        self._hub = hub

    def __getattr__(self, name):
        return getattr(self._hub, name)

    async def leave(self, node):
        await trio.lowlevel.checkpoint()


def waits(node):
    return sum(map(len, node.member.post._waiting.values()))


def full(nodes, address=HERE):
    return [node.places.is_full(address) for node in nodes]


# -- connections -------------------------------------------------------------------------------


async def test_connections_of_an_address_count_wherever_they_are(autojump_clock, join):
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


async def test_a_node_that_joins_hears_at_once_what_there_is(autojump_clock, join):
    nodes = await join(2)
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    nodes += await join(1)
    assert full(nodes) == [True] * 3


async def test_a_node_that_dies_has_nothing_after_its_lease(autojump_clock, join):
    nodes = await join()
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes[0].life.cancel()
    await trio.sleep(LEASE - BEAT_TIME - SOON)
    assert full(nodes[1:]) == [True] * 2
    await trio.sleep(2 * BEAT_TIME + SOON)
    assert full(nodes[1:]) == [False] * 2


async def test_a_node_that_leaves_has_nothing_at_once(autojump_clock, join):
    nodes = await join()
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    # By its own word, not since the hub says that it lives no more.
    nodes[0].member._hub = Silent(nodes[0].hub)
    await nodes[0].member.leave()
    await trio.sleep(SOON)
    assert full(nodes[1:]) == [False] * 2


async def test_what_was_lost_with_mail_is_told_anew(autojump_clock, join):
    here, there = await join(2)
    for node in (here, there):
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    # What here tells next does not arrive.
    here.places.acquire(HERE)
    here.member.counts.tell()
    here.member.post.pack()
    here.member.post.is_sent()
    await trio.sleep(TOLD)
    assert there.places.elsewhere(HERE) == 1
    here.places.acquire(THERE)
    await trio.sleep(TOLD)
    assert (here.places.elsewhere(HERE), there.places.elsewhere(HERE)) == (1, 2)
    assert there.places.elsewhere(THERE) == 1


async def test_a_node_that_lost_its_lease_tells_all_under_its_new_name(autojump_clock, join):
    here, there = await join(2)
    for node in (here, there):
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    name = here.member.post.node
    del here.hub._memory.leases[name]
    await trio.sleep(2 * BEAT_TIME + MEET_TIME)
    assert here.member.post.node != name
    assert (here.places.elsewhere(HERE), there.places.elsewhere(HERE)) == (1, 1)


async def test_without_a_hub_a_node_counts_what_it_knew_for_a_lease_and_then_alone(
    autojump_clock, join
):
    nodes = await join(2)
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(TOLD)
    for node in nodes:
        node.hub.is_cut = True
    nodes[0].places.release(HERE)
    await trio.sleep(LEASE / 2)
    assert full(nodes) == [False, True]
    await trio.sleep(LEASE)
    assert full(nodes) == [False, False]
    nodes[1].places.acquire(HERE)
    for node in nodes:
        node.hub.is_cut = False
    await trio.sleep(5)
    assert full(nodes) == [True, True]


async def test_a_short_break_loses_no_change(autojump_clock, join):
    nodes = await join(2)
    nodes[1].hub.is_cut = nodes[0].hub.is_cut = True
    for _ in range(3):
        nodes[0].places.acquire(HERE)
    await trio.sleep(4)
    assert not nodes[0].member.lease.is_in_touch
    assert nodes[0].member.lease.is_held
    waiting = waits(nodes[0])
    nodes[0].places.acquire(THERE)
    await trio.sleep(1)
    assert waits(nodes[0]) == waiting, "nothing piles up for who cannot be told"
    nodes[1].hub.is_cut = nodes[0].hub.is_cut = False
    await trio.sleep(5)
    assert full(nodes) == [True, True]
    assert nodes[0].member.post.node in nodes[1].member.counts.others, "it kept its name"


async def test_a_hub_that_has_forgotten_everything_is_told_nothing_wrong(autojump_clock, join):
    nodes = await join(2)
    for node in nodes:
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes[0].hub._memory.forget()
    await trio.sleep(5)
    assert [node.places.elsewhere(HERE) for node in nodes] == [1, 1]
    assert [len(node.member.counts.others) for node in nodes] == [1, 1]


async def test_a_node_that_slept_has_its_connections_and_hears_of_the_others(autojump_clock, join):
    nodes = await join(2)
    for node in nodes:
        node.places.acquire(HERE)
    await trio.sleep(TOLD)
    nodes[0].member.lease._awake_until = trio.current_time()
    nodes[1].places.acquire(HERE)
    await trio.sleep(LEASE + MEET_TIME)
    assert [node.places.elsewhere(HERE) for node in nodes] == [2, 1]


# -- sessions ----------------------------------------------------------------------------------


async def registered(node, uuid, address=None):
    host = node.connect(address)
    await host.registers(uuid=uuid)
    return host


async def answer_to_create(host):
    answer = await host.asks(wire.CreateSession(session_type=PERSISTENT))
    return getattr(answer, "code", "created"), getattr(answer, "message", "")


async def test_sessions_of_an_address_count_wherever_they_were_opened(autojump_clock, join):
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


async def test_a_session_is_counted_by_the_others_before_its_host_hears_of_it(autojump_clock, join):
    nodes = await join(2, sessions_per_address=1)
    host, other = [await registered(node, "desk", HERE) for node in nodes]
    seen = []
    tell = host.tell

    def tells(message):
        if isinstance(message, wire.SessionCreated):
            seen.append(nodes[0].member.counts.has_changed)
        tell(message)

    host.tell = tells
    assert (await answer_to_create(host))[0] == "created"
    assert seen == [False]
    assert (await answer_to_create(other))[0] == "limit_reached"


async def test_an_owners_sessions_count_wherever_they_are_and_a_refusal_is_counted(
    autojump_clock, join
):
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
    """Sessions of one host, which has a connection at each node."""
    host = node.connect()
    await host.asks(wire.Register(uuid="desk", key=KEY, seats=[]))
    return [await Meeting(node, host).open(PERSISTENT, None) for _ in range(count)]


async def test_a_host_is_asked_by_so_many_at_all_nodes(autojump_clock, join):
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


async def test_a_host_that_is_asked_elsewhere_alone_is_asked_again_in_a_second(
    autojump_clock, join
):
    nodes = await join(2, prompts_per_host=1)
    (here,), (there,) = await meets(nodes[0], 1), await meets(nodes[1], 1)
    assert isinstance(await asks(here, nodes[0]), wire.PairPending)
    assert (await asks(there, nodes[1])).retry_after == 1.0
    await trio.sleep(41)
    assert isinstance(await asks(there, nodes[1]), wire.PairPending)


async def test_prompts_of_a_node_that_dies_are_nobodys(autojump_clock, join):
    nodes = await join(2, prompts_per_host=1)
    (here,), (there,) = await meets(nodes[0], 1), await meets(nodes[1], 1)
    assert isinstance(await asks(here, nodes[0]), wire.PairPending)
    nodes[0].life.cancel()
    assert (await asks(there, nodes[1])).code == "rate_limited"
    await trio.sleep(LEASE + BEAT_TIME)
    assert isinstance(await asks(there, nodes[1]), wire.PairPending)


async def test_a_node_that_gives_up_a_prompt_has_it_no_more(autojump_clock, join):
    nodes = await join(2, prompts_per_host=1)
    (here,) = await meets(nodes[0], 1)
    assert isinstance(await asks(here, nodes[0]), wire.PairPending)
    actor = nodes[0].supervisor.find(here.id)
    nodes[0].supervisor.release(actor)
    assert len(nodes[0].supervisor.limits.prompts) == 0
    await trio.sleep(TOLD)
    assert nodes[1].supervisor.limits.prompts.elsewhere(actor.owner.hash) == 0
