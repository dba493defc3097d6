"""What waits for another node: its order, its bounds, and who is refused."""

import pytest
from msgspec import Raw

from proxim.actors.congestion import Congestion
from proxim.backends.redis import outgoing as module
from proxim.backends.redis import rpc
from proxim.backends.redis.outgoing import (
    BATCH_BYTES,
    REQUEST_BOUND,
    SIGNAL_BOUND,
    STALL_TIME,
    WINDOW,
    Outgoing,
)

LARGE = 64 * 1024 - 256
"""Bytes of a signal that takes 64 KiB in the queue."""

SMALL = 2000
"""Bytes of an SDP."""


def signal(seat, size=SMALL):
    return rpc.SendSignal(seat_number=seat, data=Raw(b'"%b"' % (b"x" * (size - 2))))


class Queue:
    """An ``Outgoing`` whose messages are short names: ``a1`` is about session ``a``."""

    def __init__(self):
        self.outgoing = Outgoing()
        self._names = {}
        self.now = 0.0

    def put(self, *names):
        for name in names:
            self.outgoing.put(self._named(name, rpc.LeaveSeat(seat_number=0)), name[0])

    def signal(self, *names, size=SMALL):
        told = [
            self.outgoing.put_signal(self._named(name, signal(0, size)), name[0]) for name in names
        ]
        return told[-1]

    def _named(self, name, message):
        self._names[id(message)] = name, message
        return message

    def take(self):
        return [self._names[id(message)][0] for message in self.outgoing.take(self.now)]

    def fill(self, sessions):
        """Add signals of sessions by turns until all are refused; return how many each has."""
        counts = dict.fromkeys(sessions, 0)
        refused = set()
        while len(refused) < len(counts):
            for each in counts.keys() - refused:
                if self.outgoing.put_signal(signal(0, LARGE), each) is Congestion.FULL:
                    refused.add(each)
                else:
                    counts[each] += 1
        return counts


@pytest.fixture
def queue():
    return Queue()


def test_sessions_take_turns_and_each_keeps_its_order(queue):
    queue.signal("a1", "a2", "a3", "b1", "c1", "b2")
    assert queue.take() == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert queue.take() == []


def test_request_goes_before_signals_of_other_sessions_alone(queue):
    queue.signal("a1", "b1")
    queue.put("a2", "c1", "c2")
    queue.signal("a3")
    assert queue.take() == ["c1", "c2", "a1", "b1", "a2", "a3"]
    queue.put("a4")
    assert queue.take() == ["a4"], "no signal of its session waits any more"


def test_batch_is_bounded_in_bytes_and_messages(monkeypatch, queue):
    for number in range(40):
        queue.put(f"a{number}")
        queue.signal(f"b{number}", f"c{number}", size=LARGE // 2)
    taken = []
    while messages := queue.take():
        before = queue.outgoing.sent
        queue.outgoing.acknowledge(before, queue.now)
        taken.append(len(messages))
        assert queue.outgoing.sent <= len(taken) * (BATCH_BYTES + LARGE)
    assert sum(taken) == 120
    assert len(taken) > 1
    monkeypatch.setattr(module, "BATCH_MESSAGES", 3)
    queue.put(*"abcd")
    queue.signal("e", "f")
    assert [queue.take(), queue.take()] == [["a", "b", "c"], ["d", "e", "f"]]


def test_signals_of_one_session_leave_room_for_others(queue):
    (count,) = queue.fill("a").values()
    assert 1 < count * LARGE <= SIGNAL_BOUND / module._SHARE
    assert queue.signal("b1") is None


def test_sender_is_slowed_down_before_it_is_refused(queue):
    told = []
    while not told or told[-1] is not Congestion.FULL:
        told.append(queue.signal("a1", size=LARGE))
    assert told == sorted(told, key=[None, Congestion.HIGH, Congestion.FULL].index)
    assert set(told) == {None, Congestion.HIGH, Congestion.FULL}


def test_many_sessions_that_fill_the_queue_leave_room_for_a_stranger(queue):
    counts = queue.fill([f"greedy {number}" for number in range(1000)])
    assert sum(counts.values()) * LARGE < SIGNAL_BOUND
    assert queue.signal("stranger", size=LARGE // 4) is not Congestion.FULL
    request = rpc.LeaveSeat(seat_number=1)
    queue.outgoing.put(request, "another")
    assert queue.outgoing.take(queue.now)[0] is request
    assert not queue.outgoing.is_full


def test_queue_that_was_sent_has_room_again(queue):
    first = queue.fill("ab")
    while queue.outgoing.take(queue.now):
        queue.outgoing.acknowledge(queue.outgoing.sent, queue.now)
    assert queue.fill("ab") == first


def test_backlog_is_never_refused_and_keeps_its_place(queue):
    queue.fill("a")
    message = queue._named("a0", signal(0, LARGE))
    queue.outgoing.put_accepted_signal(message, "b")
    assert queue.outgoing.put_signal(signal(0, LARGE), "a") is Congestion.FULL
    taken = queue.outgoing.take(queue.now)
    assert message in taken[:2]


def test_requests_are_bounded_too(queue):
    request = rpc.Request(
        seat_number=1, session_id="a", request_number=1, epoch=1, event="", fields=Raw(b"x" * LARGE)
    )
    count = 0
    while not queue.outgoing.is_full:
        queue.outgoing.put(request, "a")
        count += 1
    assert REQUEST_BOUND <= count * (LARGE + 256) < REQUEST_BOUND + 2 * LARGE
    queue.outgoing.take(queue.now)
    assert not queue.outgoing.is_full


def test_receiver_that_acknowledges_nothing_gets_requests_alone(queue):
    def take_all():
        while queue.outgoing.take(queue.now):
            pass
        return queue.outgoing.sent

    queue.fill("abcdefghijklmnop")
    sent = take_all()
    assert WINDOW <= sent <= WINDOW + BATCH_BYTES + LARGE
    assert not queue.outgoing.has_next(queue.now)
    queue.put("z1")
    assert queue.outgoing.has_next(queue.now)
    assert queue.take() == ["z1"]
    queue.outgoing.acknowledge(sent, queue.now)
    assert take_all() >= sent + WINDOW
    # An acknowledgement that was lost stops nothing for ever.
    queue.now += STALL_TIME - 0.1
    assert not queue.outgoing.has_next(queue.now)
    queue.now += 0.2
    assert queue.outgoing.has_next(queue.now)


@pytest.mark.parametrize("sent", [-1, 10**30])
def test_wrong_acknowledgement_opens_no_more_than_everything(queue, sent):
    queue.fill("abcdefghijklmnop")
    while queue.outgoing.take(queue.now):
        pass
    queue.outgoing.acknowledge(sent, queue.now)
    assert queue.outgoing.has_next(queue.now) is (sent > 0)
    before = queue.outgoing.sent
    while queue.outgoing.take(queue.now):
        pass
    assert queue.outgoing.sent - before <= WINDOW + BATCH_BYTES + LARGE
