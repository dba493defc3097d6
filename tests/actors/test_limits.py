import math

import pytest
import trio

from proxim.actors import limits
from proxim.actors.limits import ConcurrencyLimit, LimitSettings, SlidingWindow, delay
from proxim.protocol import messages as wire
from tests.actors.helpers import DEVICE, PERSISTENT, WRONG, Node

HERE, THERE = "192.0.2.1", "192.0.2.2"


# -- counting --------------------------------------------------------------------------------


def test_concurrency_limit_counts_acquire_and_release():
    limit = ConcurrencyLimit(2)
    for _ in range(2):
        assert not limit.is_full(HERE)
        limit.acquire(HERE)
    assert limit.is_full(HERE)
    assert not limit.is_full(THERE)
    limit.release(HERE)
    assert not limit.is_full(HERE)
    limit.release(HERE)
    assert len(limit) == 0


def test_numbers_of_other_nodes_count_like_those_here():
    limit = ConcurrencyLimit(3)
    limit.acquire(HERE)
    limit.set_elsewhere({HERE: 2})
    assert limit.is_full(HERE)
    assert (limit.held, limit.elsewhere(HERE)) == ({HERE: 1}, 2)
    limit.set_elsewhere({HERE: 1})
    assert not limit.is_full(HERE)
    limit.release(HERE)
    assert len(limit) == 1
    limit.set_elsewhere({})
    assert len(limit) == 0


def test_only_changes_here_are_told():
    limit, told = ConcurrencyLimit(1), []
    limit.watch(told.append)
    for who in (HERE, None):
        limit.acquire(who)
        limit.release(who)
    limit.set_elsewhere({THERE: 1})
    assert told == [HERE, HERE]


@pytest.mark.parametrize(("most", "who"), [(0, HERE), (1, None)])
def test_limit_of_zero_or_key_none_is_never_full(most, who):
    limit = ConcurrencyLimit(most)
    for _ in range(5):
        limit.acquire(who)
        assert not limit.is_full(who)
    for _ in range(5):
        limit.release(who)
    assert len(limit) == 0


def test_sliding_window_slides():
    window = SlidingWindow(3, 10.0)
    assert [window.add(HERE, now) for now in (0, 4, 8)] == [0, 1, 2]
    assert window.retry_after(HERE, 9) == 1
    assert window.retry_after(THERE, 9) == 0
    assert window.retry_after(HERE, 10) == 0
    assert window.add(HERE, 10) == 2
    assert window.retry_after(HERE, 11) == 3


@pytest.mark.parametrize("most", [1, 3])
def test_further_attempts_prolong_the_wait(most):
    window = SlidingWindow(most, 10.0)
    for now in range(8):
        window.add(HERE, now)
    assert window.retry_after(HERE, 8) == 10 - most


@pytest.mark.parametrize(("most", "who"), [(0, HERE), (1, None)])
def test_uncounted_key_never_waits(most, who):
    window = SlidingWindow(most, 10.0)
    assert [window.add(who, now) for now in range(5)] == [0] * 5
    assert window.retry_after(who, 5) == 0
    assert len(window) == 0


def test_past_moments_are_forgotten():
    window = SlidingWindow(3, 10.0)
    for number in range(100):
        window.add(f"{number}", number)
    assert len(window) == 10
    window.add(HERE, 1000)
    assert len(window) == 1


def test_window_forgets_the_key_idle_for_longest(monkeypatch):
    monkeypatch.setattr(limits, "MAX_KEYS", 3)
    window = SlidingWindow(1, math.inf)
    for who in "abcad":
        window.add(who, 0)
    assert len(window) == 3
    assert [bool(window.retry_after(who, 0)) for who in "abcd"] == [True, False, True, True]


def test_delay_doubles_up_to_its_bound():
    assert [delay(before) for before in (0, 1, 2)] == [0.1, 0.2, 0.4]
    assert delay(8) == limits.LONGEST_DELAY
    assert delay(100_000) == limits.LONGEST_DELAY


# -- sessions --------------------------------------------------------------------------------


async def create(host):
    return await host.asks(wire.CreateSession(session_type=PERSISTENT))


async def has_limit(host):
    answer = await create(host)
    if isinstance(answer, wire.SessionCreated):
        return False
    assert answer.code == "limit_reached"
    return True


@pytest.fixture
async def counted(nursery):
    async def start(**settings):
        node = Node(limit_settings=LimitSettings(**settings))
        await nursery.start(node.supervisor.run)
        return node

    return start


async def test_sessions_per_owner_counts_live_sessions(autojump_clock, counted):
    node = await counted(sessions_per_owner=2)
    host, other = await node.host(), await node.host(uuid="other")
    first = (await create(host)).session.session_id
    assert not await has_limit(host)
    assert await has_limit(host)
    assert not await has_limit(other)
    await host.asks(wire.CloseSession(session_id=first))
    assert not await has_limit(host)
    assert await has_limit(host)


async def test_sessions_per_address_counts_until_the_sweep(autojump_clock, counted):
    node = await counted(sessions_per_address=1)
    hosts = [node.connect(address) for address in (HERE, HERE, THERE, None)]
    for number, host in enumerate(hosts):
        await host.registers(uuid=f"desk-{number}")
    first = (await create(hosts[0])).session.session_id
    assert [await has_limit(host) for host in hosts] == [True, True, False, False]
    await hosts[0].asks(wire.CloseSession(session_id=first))
    assert await has_limit(hosts[1])
    await node.supervisor.sweep()
    assert not await has_limit(hosts[1])


async def test_max_sessions_counts_all_sessions(autojump_clock, counted):
    node = await counted(max_sessions=2)
    for number in range(3):
        assert await has_limit(await node.host(uuid=f"desk-{number}")) is (number == 2)


# -- prompts and denials ---------------------------------------------------------------------


async def test_prompts_per_host_limits_open_prompts(autojump_clock, counted):
    node = await counted(prompts_per_host=2)
    host = await node.host()
    meetings = [await node.invites(host=host) for _ in range(3)]
    for meeting in meetings[:2]:
        await meeting.ask()
        await trio.sleep(10)
    last, heard = meetings[2], len(host.told)
    refused = await last.guest.asks(last.pair_request())
    assert (refused.code, refused.retry_after) == ("rate_limited", pytest.approx(20))
    assert len(host.told) == heard, "the host is not prompted"
    await trio.sleep(refused.retry_after)
    assert isinstance(await last.guest.asks(last.pair_request()), wire.PairPending)


async def test_max_prompts_limits_the_open_prompts_of_all_hosts(autojump_clock, counted):
    node = await counted(max_prompts=2, prompts_per_host=0)
    meetings = [await node.invites(host=await node.host(uuid=f"desk-{n}")) for n in range(3)]
    for meeting in meetings[:2]:
        await meeting.ask()
    last = meetings[2]
    refused = await last.guest.asks(last.pair_request())
    assert (refused.code, refused.retry_after) == ("rate_limited", 1.0)
    assert node.supervisor.stats.refusals["max_prompts"] == 1
    await meetings[0].decide()
    assert isinstance(await last.guest.asks(last.pair_request()), wire.PairPending)


async def test_wrong_token_is_not_told_about_prompts(autojump_clock, counted):
    node = await counted(prompts_per_host=1)
    host = await node.host()
    await node.prompts(host=host)
    other = await node.invites(host=host)
    guess = wire.PairRequest(session_id=other.id, token=WRONG, device_info=DEVICE)
    assert (await node.connect().asks(guess)).code == "unknown_session"


async def test_guest_denied_too_often_has_to_wait(autojump_clock, counted):
    node = await counted(denials_per_address=2, guess_window=100.0)
    host = await node.host()

    async def asks_from(address):
        meeting = await node.invites(host=host)
        meeting.guest = node.connect(address)
        answer = await meeting.guest.asks(meeting.pair_request())
        if isinstance(answer, wire.PairPending):
            await host.asks(meeting.decision(False))
        return getattr(answer, "retry_after", None)

    assert [await asks_from(HERE) for _ in range(3)] == [None, None, pytest.approx(100)]
    assert [await asks_from(None) for _ in range(3)] == [None] * 3
    assert await asks_from(THERE) is None
    first, host = host, await node.host(uuid="another")
    assert await asks_from(HERE) is None, "guests of another host do not wait"
    host = first
    await trio.sleep(100)
    assert await asks_from(HERE) is None


# -- counts of all nodes ------------------------------------------------------------------------


def test_event_is_told_and_a_key_that_all_nodes_refuse_has_to_wait():
    window, told = SlidingWindow(2, 60.0), []
    window.watch(lambda *about: told.append(about))
    assert window.add("a", 0.0, "address") == 0
    assert told == [("a", "address")]
    assert window.retry_after("a", 2.0) == 0.0
    window.set_refused({"a": 50.0, "b": 40.0})
    assert [window.retry_after(key, 2.0) for key in "ab"] == [48.0, 38.0]
    assert window.retry_after("b", 41.0) == 0.0
    assert window.add("a", 2.0) == 1
    assert window.retry_after("a", 3.0) == 57.0
