"""What one node counts for all, and what it hears of all, without a node or a coordinator."""

import pytest
import trio

from proxim.actors.limits import ConcurrencyLimit, SlidingWindow
from proxim.backends.redis import shared_limits
from proxim.backends.redis.records import Limit, LimitedKey
from proxim.backends.redis.shared_limits import SharedLimits

ADA, BOB = "ada", "bob"


class Counting:
    def __init__(self, most=3):
        self.woken = 0
        self.places, self.tally = ConcurrencyLimit(most), SlidingWindow(most, 60.0)
        shared = {"places": self.places, "tally": self.tally}
        self.limits = SharedLimits(shared, self._wake)

    def _wake(self):
        self.woken += 1

    def packed(self):
        counts = self.limits.pack()
        return counts and [(each.limit.name, each.key, each.number) for each in counts.counts]

    def flush(self):
        packed = self.packed()
        self.limits.mark_sent()
        return packed


@pytest.fixture
def node():
    return Counting()


def test_many_changes_between_two_flushes_are_one_count(node):
    for _ in range(100):
        node.places.acquire(ADA)
        node.places.release(ADA)
    node.places.acquire(ADA)
    assert node.limits.has_changed
    assert node.flush() == [("places", ADA, 1)]
    assert not node.limits.has_changed
    assert node.flush() is None
    assert node.woken == 0, "connections wait for the next flush"


def test_an_event_asks_for_a_flush(node):
    node.tally.add(ADA, 0.0)
    node.tally.add(ADA, 0.0)
    assert node.woken == 2
    assert node.flush() == [("tally", ADA, 2)]


def test_a_flush_that_failed_is_packed_again_as_it_was(node):
    node.tally.add(ADA, 0.0)
    first = node.limits.pack()
    node.tally.add(ADA, 0.0)
    node.places.acquire(BOB)
    assert node.limits.pack() == first
    node.limits.mark_sent()
    again = node.limits.pack()
    assert again.number > first.number
    assert node.packed() == [("tally", ADA, 1), ("places", BOB, 1)]


async def test_keys_that_reached_a_limit_are_refused_until_another_reply(node, autojump_clock):
    node.limits.apply([LimitedKey("places", ADA, 3), LimitedKey("tally", BOB, 9.0)])
    assert node.places.is_full(ADA)
    assert not node.places.is_full(BOB)
    assert (node.tally.retry_after(ADA, 0.0), node.tally.retry_after(BOB, 0.0)) == (0.0, 9.0)
    assert node.tally.retry_after(BOB, 10.0) == 0.0
    node.limits.apply([])
    assert not node.places.is_full(ADA)
    assert node.tally.retry_after(BOB, 0.0) == 0.0


async def test_a_node_without_a_lease_counts_alone_and_keeps_its_own(node, autojump_clock):
    node.places.acquire(ADA)
    node.tally.add(ADA, 0.0)
    node.limits.apply([LimitedKey("places", BOB, 3)])
    node.limits.forget()
    assert not node.places.is_full(BOB)
    assert node.places.held == {ADA: 1}
    assert node.flush() == [("tally", ADA, 1)], "held places are all counted again later"
    node.limits.count_all()
    assert node.flush() == [("places", ADA, 1)]


def test_all_counts_again_go_in_several_flushes(monkeypatch, node):
    monkeypatch.setattr(shared_limits, "COUNTS_AT_ONCE", 2)
    for number in range(5):
        node.places.acquire(f"{number}")
    node.limits.count_all()
    assert [len(node.flush()) for _ in range(3)] == [2, 2, 1]
    assert not node.limits.has_changed


def test_events_that_wait_for_redis_are_bounded(monkeypatch, node):
    monkeypatch.setattr(shared_limits, "EVENTS_BOUND", 2)
    for who in (ADA, BOB, "eve", ADA):
        node.tally.add(who, 0.0)
    assert node.flush() == [("tally", ADA, 2), ("tally", BOB, 1)]


async def test_address_that_makes_keys_up_has_a_share_of_what_all_nodes_count(
    monkeypatch, node, autojump_clock
):
    monkeypatch.setattr(shared_limits, "EVENTS_PER_ADDRESS", 2)
    for number in range(5):
        node.tally.add(f"made up {number}", trio.current_time(), "one address")
    node.tally.add(BOB, trio.current_time(), "another address")
    assert [key for _, key, _ in node.flush()] == ["made up 0", "made up 1", BOB]
    assert len(node.tally) == 6, "this node counts all of them"
    await trio.sleep(60)
    node.tally.add(ADA, trio.current_time(), "one address")
    assert node.flush() == [("tally", ADA, 1)]


async def test_addresses_with_a_share_are_bounded(monkeypatch, node, autojump_clock):
    monkeypatch.setattr(shared_limits, "MAX_KEYS", 2)
    for number in range(4):
        node.tally.add(f"{number}", 0.0, f"address {number % 3}")
    assert [key for _, key, _ in node.flush()] == ["0", "1", "3"]


def test_a_limit_that_is_off_is_not_counted():
    node = Counting(most=0)
    node.places.acquire(ADA)
    node.tally.add(ADA, 0.0)
    assert not node.limits.has_changed
    assert node.limits.limits == []
    assert Counting(most=3).limits.limits == [Limit("places", 3), Limit("tally", 3, 60.0)]
