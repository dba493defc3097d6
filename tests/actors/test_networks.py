"""Limits of the networks around an address, and the room that is kept for strangers."""

import math

import pytest

from proxim.actors.limits import LOOPBACK, LimitSettings, NetworkLimit, Source
from proxim.protocol import messages as wire
from tests.actors.helpers import PERSISTENT, Meeting, Node

HERE = "192.0.2.1"
SITE = ("2001:db8:0:100::/56", "2001:db8::/48")


def net(number):
    """Return the source of one of 256 /64 networks in the same /56."""
    return Source(f"2001:db8:0:1{number:02x}::/64", SITE)


def site(number):
    """Return the source of a /56 in the same /48."""
    network = f"2001:db8:0:{number:x}00::"
    return Source(f"{network}/64", (f"{network}/56", SITE[1]))


def fills(limit, sources):
    """Return how many more are let in, from these sources in turn."""
    count = 0
    while any(not limit.is_full(source) for source in sources):
        for source in sources:
            if not limit.is_full(source):
                limit.acquire(source)
                count += 1
    return count


def test_network_has_a_multiple_of_what_an_address_may_have():
    limit = NetworkLimit(10)
    # 40 for the /56, of which 4 are for addresses that have none.
    assert fills(limit, [net(0), net(1)]) == 36
    assert fills(limit, [net(number) for number in range(2, 20)]) == 4
    assert limit.is_full(net(99))
    assert not limit.is_full(site(2)), "another /56"
    limit.release(net(0))
    assert not limit.is_full(net(99))
    assert limit.is_full(net(1))


def test_wider_network_keeps_room_for_sites_that_have_nothing():
    limit = NetworkLimit(10)
    # 160 for the /48, of which 16 are kept; 36 for a /56 that has some.
    assert fills(limit, [site(number) for number in range(5)]) == 144
    assert not limit.is_full(site(6))


def test_networks_of_an_address_that_is_not_counted_are_never_full():
    limit = NetworkLimit(1)
    for _ in range(50):
        limit.acquire(Source(None, (LOOPBACK,)))
    assert not limit.is_full(Source(None, (LOOPBACK,)))


def test_limit_of_zero_is_never_full():
    limit = NetworkLimit(0)
    for _ in range(50):
        limit.acquire(net(0))
    assert not limit.is_full(net(0))


def test_endless_room_is_endless_for_everybody():
    limit = NetworkLimit(0)
    limit.acquire(net(0))
    assert limit.room(net(0), math.inf) == limit.room(net(1), math.inf) == math.inf


def test_what_is_released_is_forgotten():
    limit = NetworkLimit(1)
    for source in (net(1), net(2), Source(None, (LOOPBACK,)), Source()):
        limit.acquire(source)
        limit.release(source)
    assert not limit._held


# -- sessions --------------------------------------------------------------------------------


@pytest.fixture
async def counted(nursery):
    async def start(**settings):
        node = Node(limit_settings=LimitSettings(sessions_per_owner=0, **settings))
        await nursery.start(node.supervisor.run)
        return node

    return start


async def opens(node, source, uuid="desk"):
    """Return whether a client from there may open a session."""
    host = node.connect(*source)
    await host.registers(uuid=uuid)
    answer = await host.asks(wire.CreateSession(session_type=PERSISTENT))
    if isinstance(answer, wire.SessionCreated):
        return True
    assert answer.code == "limit_reached"
    return False


@pytest.mark.parametrize(
    "greedy",
    [Source(HERE), Source(None, (LOOPBACK,)), net(1)],
    ids=["an address", "loopback", "a network"],
)
async def test_room_is_kept_for_strangers(autojump_clock, counted, greedy):
    node = await counted(max_sessions=20, sessions_per_address=0)
    assert [await opens(node, greedy) for _ in range(19)] == [True] * 18 + [False]
    assert node.supervisor.stats.refusals["max_sessions"] == 1
    strangers = [Source(f"198.51.100.{number}") for number in range(3)]
    assert [await opens(node, stranger) for stranger in strangers] == [True, True, False]


async def test_host_in_the_nodes_process_may_use_all_room(autojump_clock, counted):
    node = await counted(max_sessions=20)
    assert [await opens(node, Source()) for _ in range(21)] == [True] * 20 + [False]


async def test_network_of_many_addresses_cannot_fill_a_node(autojump_clock, counted):
    node = await counted(max_sessions=1000, sessions_per_address=2)
    assert sum([await opens(node, net(number)) for number in range(50)]) == 4 * 2
    assert node.supervisor.stats.refusals["sessions_per_address"] == 42
    assert await opens(node, Source(HERE))
    assert await opens(node, site(2))


async def test_ended_session_makes_room_in_its_networks(autojump_clock, counted):
    node = await counted(sessions_per_address=1)
    assert [await opens(node, net(number)) for number in range(5)] == [True] * 4 + [False]
    for actor in node.supervisor.actors():
        node.supervisor.release(actor)
    assert await opens(node, net(5))


# -- prompts ---------------------------------------------------------------------------------


async def prompts(node, source, uuid):
    """Return whether a host there is prompted by a guest from elsewhere."""
    meeting = Meeting(node, node.connect(*source))
    await meeting.host.registers(uuid=uuid)
    await meeting.open(PERSISTENT, None)
    meeting.guest = node.connect()
    answer = await meeting.guest.asks(meeting.pair_request())
    if isinstance(answer, wire.PairPending):
        return meeting
    assert (answer.code, answer.retry_after) == ("rate_limited", 1.0)
    return None


async def prompted_from(node, source, count):
    return [bool(await prompts(node, source, f"desk-{number}")) for number in range(count)]


@pytest.mark.parametrize(
    "greedy",
    [Source(HERE), Source(None, (LOOPBACK,)), net(1)],
    ids=["an address", "loopback", "a network"],
)
async def test_room_for_prompts_is_kept_for_strangers(autojump_clock, counted, greedy):
    node = await counted(max_prompts=20)
    assert await prompted_from(node, greedy, 19) == [True] * 18 + [False]
    assert node.supervisor.stats.refusals["max_prompts"] == 1
    strangers = [Source(f"198.51.100.{number}") for number in range(3)]
    asked = [await prompts(node, each, f"phone-{each.address}") for each in strangers]
    assert [bool(each) for each in asked] == [True, True, False]
    for meeting in asked[:2]:
        await meeting.decide()
    assert await prompts(node, strangers[0], "phone"), "its answered prompt counts no more"


async def test_host_in_the_nodes_process_may_have_all_prompts(autojump_clock, counted):
    node = await counted(max_prompts=20)
    assert await prompted_from(node, Source(), 21) == [True] * 20 + [False]


async def test_prompt_of_a_session_that_is_removed_counts_no_more(autojump_clock, counted):
    node = await counted(max_prompts=20)
    assert await prompts(node, net(1), "desk")
    for actor in node.supervisor.actors():
        node.supervisor.release(actor)
    assert not node.supervisor.limits.prompt_networks._held
