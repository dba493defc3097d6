from msgspec import Raw

from proxim.session.backlog import Backlog
from proxim.session.budget import SHARE, Budget
from tests.session.helpers import GUEST, HOST, PERSISTENT, approved, code


def test_signals_are_drained_once_and_in_order():
    backlog = Backlog(3, 100, Budget())
    assert [backlog.keep(Raw(b"%d" % number)) for number in (1, 2, 3)] == [True] * 3
    assert len(backlog) == 3
    assert backlog.take_all() == [Raw(b"1"), Raw(b"2"), Raw(b"3")]
    assert (len(backlog), backlog.take_all()) == (0, [])


def test_refused_signal_takes_no_room_in_the_backlog():
    backlog = Backlog(2, 10, Budget())
    assert backlog.keep(Raw(b"1" * 6))
    assert not backlog.keep(Raw(b"1" * 5))
    assert backlog.keep(Raw(b"1" * 4))
    assert not backlog.keep(Raw(b""))
    assert [len(bytes(signal)) for signal in backlog.take_all()] == [6, 4]


def test_draining_frees_the_room():
    backlog = Backlog(1, 4, Budget())
    for _ in range(3):
        assert backlog.keep(Raw(b"1234"))
        assert not backlog.keep(Raw(b""))
        backlog.take_all()


def test_kept_signal_frees_its_frame():
    frame = bytearray(b"[1]")
    backlog = Backlog(1, 4, Budget())
    backlog.keep(Raw(memoryview(frame)))
    frame[1:2] = b"2"
    assert backlog.take_all() == [Raw(b"[1]")]


def test_backlog_has_a_share_of_what_is_free():
    budget = Budget(most=SHARE * 10)
    first, second = Backlog(9, 10_000, budget), Backlog(9, 10_000, budget)
    assert not first.keep(Raw(b"1" * 11))
    assert first.keep(Raw(b"1" * 10)), "what it has itself counts as free"
    assert not second.keep(Raw(b"1" * 10)), "the share is less now"
    assert second.keep(Raw(b"1" * 9))
    assert (budget.used, budget.refused) == (19, 2)
    first.take_all()
    assert budget.used == 9
    second.take_all()
    assert budget.used == 0


def test_greedy_backlogs_leave_room_for_a_stranger():
    budget, signal = Budget(), Raw(b"1" * 4096)
    # Those of all sessions that two addresses may open.
    for _ in range(2 * 2 * 256):
        backlog = Backlog(64, 256 * 1024, budget)
        while backlog.keep(signal):
            pass
    assert 200 << 20 < budget.used < budget.most
    stranger = Backlog(64, 256 * 1024, budget)
    assert all(stranger.keep(signal) for _ in range(20))


def test_budget_of_zero_is_no_limit():
    assert Backlog(1, 10**9, Budget(most=0)).keep(Raw(b"1" * 10**6))


def test_full_budget_refuses_a_signal_like_a_full_backlog():
    budget = Budget(most=SHARE * 2)
    meeting = approved(PERSISTENT, backlog_budget=budget)
    meeting.leaves(GUEST)
    replies = meeting.signals(HOST, 1, 2, 3)
    assert [code(reply) for reply in replies] == [None, None, "peer_offline"]
    assert (budget.used, budget.refused) == (2, 1)


def test_return_and_end_give_back_what_the_backlogs_had():
    budget = Budget()
    meeting = approved(PERSISTENT, backlog_budget=budget)
    meeting.leaves(GUEST)
    meeting.signals(HOST, 1, 2, 3)
    assert budget.used == 3
    meeting.comes(GUEST)
    assert budget.used == 0
    meeting.leaves(HOST)
    meeting.signals(GUEST, 1, 2)
    assert budget.used == 2
    meeting.closes(GUEST)
    assert budget.used == 0
