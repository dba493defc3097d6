"""The judge finds what it is there for, and nothing in a log where all is well."""

import pytest

from tests.backends.redis.judge import judge
from tests.backends.redis.log import GONE, GOT, SENT, SILENCE, Entry

S = "s1"


class Forger:
    """Writes a log, an entry each tenth of a second."""

    def __init__(self):
        self.log = []
        self.refs = 0

    def note(self, kind, who, what, line=1, later=0.1):
        at = (self.log[-1].at if self.log else 0.0) + later
        self.log.append(Entry(at, who, line, kind, what))

    def says(self, who, type_, line=1, **fields):
        self.refs += 1
        self.note(SENT, who, {"type": type_, "ref": str(self.refs), **fields}, line)

    def hears(self, who, type_, line=1, later=0.1, **fields):
        self.note(GOT, who, {"type": type_, **fields}, line, later)

    def answer(self, who, type_, line=1, later=0.1, **fields):
        self.hears(who, type_, line, later, ref=str(self.refs), **fields)

    def signal(self, number, *, sender="host", line=1, to_line=1, session_id=S, arrives=True):
        data = [session_id, sender, number]
        self.says(sender, "signal", line, session_id=session_id, data=data)
        if arrives:
            self.hears("guest" if sender == "host" else "host", "signal", to_line,
                       session_id=session_id, data=data)  # fmt: skip

    def shown(self, status, who="host", line=1):
        """The owner asks for its sessions, and this one stands so."""
        self.says(who, "register", line)
        self.answer(who, "registered", line, sessions=[{"session_id": S, "status": status}])

    def ends(self, who, reason="closed", status="expired", line=1, later=0.1):
        self.hears(who, "session_ended", line, later, session_id=S, reason=reason, status=status)


@pytest.fixture
def forger():
    """A session that was opened, and asked for."""
    forger = Forger()
    forger.says("host", "create_session", session_type="persistent")
    forger.answer(
        "host", "session_created", session={"session_id": S, "session_type": "persistent"}
    )
    forger.says("guest", "pair_request", session_id=S)
    forger.answer("guest", "pair_pending", session_id=S)
    forger.hears("host", "pair_prompt", session_id=S)
    return forger


def approve(forger):
    forger.says("host", "pair_decision", session_id=S, approve=True)
    forger.answer("host", "pair_result", session_id=S, status="approved")
    forger.hears("guest", "pair_result", session_id=S, status="approved")
    return forger


@pytest.fixture
def approved(forger):
    return approve(forger)


def finds(forger, words):
    found = judge(forger.log)
    assert len(found) >= 1
    assert any(words in each for each in found), found


def test_judge_finds_no_fault_in_a_correct_log(approved):
    for number in range(1, 5):
        approved.signal(number)
        approved.signal(number, sender="guest")
    approved.note(GONE, "guest", 1012)
    approved.signal(5, arrives=False)
    approved.signal(6, to_line=2)
    approved.says("host", "signal", session_id=S, data=[S, "host", 7])
    approved.answer("host", "error", session_id=S, code="unavailable")
    approved.signal(8, to_line=2)
    approved.shown("approved")
    approved.says("guest", "close_session", 2, session_id=S)
    for who in ("guest", "host"):
        approved.ends(who, line=2)
    assert judge(approved.log) == []


def test_a_signal_that_comes_twice(approved):
    approved.signal(1)
    approved.hears("guest", "signal", session_id=S, data=[S, "host", 1])
    finds(approved, "twice")


def test_a_signal_that_comes_twice_by_another_connection(approved):
    approved.signal(1)
    approved.hears("guest", "signal", 2, session_id=S, data=[S, "host", 1])
    finds(approved, "twice")


def test_signals_out_of_order(approved):
    approved.signal(1, arrives=False)
    approved.signal(2)
    approved.hears("guest", "signal", session_id=S, data=[S, "host", 1])
    finds(approved, "out of order")


def test_a_signal_that_is_lost_without_a_word(approved):
    approved.signal(1)
    approved.signal(2, arrives=False)
    approved.signal(3)
    finds(approved, "lost without a word")


def test_a_signal_of_another_session(approved):
    approved.hears("guest", "signal", session_id=S, data=["s2", "host", 1])
    finds(approved, "somebody else's")


def test_a_signal_at_who_has_no_part_in_the_session(approved):
    approved.hears("stranger", "signal", session_id=S, data=[S, "host", 1])
    finds(approved, "somebody else's")


def test_an_echo(approved):
    approved.signal(1)
    approved.hears("host", "signal", session_id=S, data=[S, "host", 1])
    finds(approved, "somebody else's")


def test_a_signal_that_nobody_has_sent(approved):
    approved.hears("guest", "signal", session_id=S, data=[S, "host", 9])
    finds(approved, "nobody has sent")


@pytest.mark.parametrize("type_", ["signal", "peer_online", "pair_prompt", "pair_result"])
def test_anything_after_the_end(approved, type_):
    approved.says("host", "close_session", session_id=S)
    approved.ends("host")
    approved.hears("host", type_, session_id=S, data=[S, "guest", 1], status="approved")
    finds(approved, "after the end")


@pytest.mark.parametrize("status", ["approved", "pending"])
def test_a_session_that_is_back_after_its_end(approved, status):
    approved.says("guest", "close_session", session_id=S)
    approved.ends("guest")
    approved.shown(status)
    finds(approved, "back after the end")


def test_a_list_that_is_behind_the_times_is_to_be_put_right(approved):
    approved.ends("guest", "disconnected", later=1)
    approved.shown("approved", line=2)
    shown = len(approved.log)
    approved.ends("host", "disconnected", line=2, later=1)
    finds_nothing_like(approved, "back after the end")
    approved.log[shown:] = []
    approved.note(GONE, "host", 1012, line=2, later=1)
    finds_nothing_like(approved, "back after the end")
    approved.log[shown:] = []
    approved.ends("host", "disconnected", line=2, later=9)
    finds(approved, "back after the end")


def test_a_seat_in_what_has_ended_is_no_list_that_is_behind_the_times(approved):
    approved.ends("guest", "disconnected", later=1)
    approved.says("guest", "resume", 2, session_id=S)
    session = {"session_id": S, "status": "approved"}
    approved.answer("guest", "resumed", 2, session=session)
    approved.note(GONE, "guest", 1012, line=2, later=1)
    finds(approved, "back after the end")


def finds_nothing_like(forger, words):
    assert not [found for found in judge(forger.log) if words in found]


def test_two_sides_with_two_outcomes(forger):
    for approve in (True, False):
        forger.says("host", "pair_decision", session_id=S, approve=approve)
    forger.answer("host", "pair_result", session_id=S, status="rejected")
    forger.hears("guest", "pair_result", session_id=S, status="approved")
    finds(forger, "more than one outcome")


def test_a_prompt_that_ran_out_for_one_side_alone(approved):
    approved.ends("guest", "approval_timeout", later=9)
    finds(approved, "more than one outcome")


def test_a_prompt_that_is_decided_twice(approved):
    approved.says("host", "pair_decision", session_id=S, approve=True)
    approved.answer("host", "pair_result", session_id=S, status="approved")
    finds(approved, "decided 2 times")


def test_a_guest_that_is_told_twice(approved):
    approved.hears("guest", "pair_result", session_id=S, status="approved")
    finds(approved, "told 2 outcomes")


def test_two_guests_with_one_link(approved):
    approved.hears("stranger", "pair_pending", session_id=S)
    finds(approved, "two guests")


@pytest.mark.parametrize("type_", ["pair_result", "signal", "peer_online"])
def test_an_approval_without_a_click(forger, type_):
    forger.hears("guest", type_, session_id=S, status="approved", data=[S, "host", 1])
    finds(forger, "approved without a click")


def test_a_rejection_without_a_click(forger):
    forger.ends("guest", "rejected", "rejected")
    finds(forger, "rejected without a click")


def test_ends_that_are_early_or_for_no_reason(forger):
    forger.ends("guest", "approval_timeout")
    finds(forger, "ran out early")
    forger.log.pop()
    forger.ends("guest", "closed")
    finds(forger, "closed by nobody")
    forger.log.pop()
    for reason, words in (
        ("disconnected", "ended by a disconnect"),
        ("shutdown", "not handed over"),
        ("internal_error", "nobody asked for this"),
    ):
        approve(forger)
        forger.ends("host", reason)
        finds(forger, words)
        del forger.log[-4:]


def test_a_prompt_of_whom_the_answer_never_reached_ran_out_in_its_time_or_not(forger):
    forger.log = [entry for entry in forger.log if entry.type != "pair_pending"]
    forger.ends("host", "approval_timeout", later=4)
    assert judge(forger.log) == []
    forger.log[-1] = forger.log[-1]._replace(at=forger.log[-2].at)
    finds(forger, "ran out early")


def test_a_temporary_session_that_expires_early():
    forger = Forger()
    forger.says("host", "create_session", session_type="temporary", ttl=10)
    forger.answer("host", "session_created", session={"session_id": S, "session_type": "temporary"})
    forger.ends("host", "expired", later=9.5)
    finds(forger, "expired after")
    forger.log.pop()
    forger.ends("host", "expired", later=10)
    assert judge(forger.log) == []


def test_a_session_that_is_lost(approved):
    approved.says("host", "register")
    approved.answer("host", "registered", sessions=[])
    finds(approved, "lost: the host is shown None")


def test_a_guest_that_is_not_known_any_more(approved):
    approved.says("guest", "resume", session_id=S)
    approved.answer("guest", "error", session_id=S, code="unknown_session")
    finds(approved, "not known any more")


def test_a_request_that_is_not_answered(approved):
    approved.note(SILENCE, "guest", {"type": "resume"})
    finds(approved, "no answer")


def test_a_refusal_that_is_late(approved):
    approved.says("guest", "resume", session_id=S)
    approved.answer("guest", "error", later=20, session_id=S, code="unavailable")
    finds(approved, "refused after 20.0 s")
