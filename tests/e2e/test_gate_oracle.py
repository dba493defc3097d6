"""The oracle of the random run finds each broken promise, in logs made by hand."""

import pytest

from tests.backends.redis.log import GONE, GOT, SENT, Entry
from tests.e2e.gate_oracle import judge

S = "the-session"


class Tale:
    """A log of an owner and a guest, by one connection each unless a line is named."""

    def __init__(self):
        self.log = []
        self.refs = 0

    def note(self, kind, who, what, line=1):
        self.log.append(Entry(float(len(self.log)), who, line, kind, what))

    def ask(self, who, type_, answer, line=1, **fields):
        """Note a request and its answer, if there is one."""
        self.refs += 1
        ref = f"r{self.refs}"
        self.note(SENT, who, {"type": type_, "ref": ref, **fields}, line)
        if answer is not None:
            self.note(GOT, who, {"session_id": S, **answer, "ref": ref}, line)

    def hear(self, who, type_, line=1, **fields):
        self.note(GOT, who, {"type": type_, "session_id": S, **fields}, line)

    def open(self, **fields):
        """Open a session, a sealed one with ``seal``."""
        created = {"type": "session_created", "session": {"session_id": S, "status": "pending"}}
        self.ask("owner", "create_session", created, session_type="persistent", **fields)
        return self

    def pair(self, **code):
        pending = {"type": "pair_pending", "resume_token": "t0", **code}
        self.ask("guest", "pair_request", pending, session_id=S)
        self.hear("owner", "pair_prompt")
        return self

    def approve(self, **code):
        result = {"type": "pair_result", "status": "approved"}
        self.ask("owner", "pair_decision", result, session_id=S, approve=True, **code)
        self.hear("guest", "pair_result", status="approved")
        return self

    def resume(self, token, new, line):
        session = {"session_id": S, "status": "approved"}
        resumed = {"type": "resumed", "session": session, "resume_token": new}
        self.ask("guest", "resume", resumed, line, session_id=S, resume_token=token)

    def says(self, who, number, line=1, session=S):
        """Note that a signal is sent, and return its data."""
        self.refs += 1
        role = "host" if who == "owner" else "guest"
        data = [session, role, f"{who}#{line}", number]
        fields = {"ref": f"r{self.refs}", "session_id": session, "data": data}
        self.note(SENT, who, {"type": "signal", **fields}, line)
        return data

    def hears(self, who, data, line=1):
        self.hear(who, "signal", line, data=data)

    def crosses(self, number):
        self.hears("guest", self.says("owner", number))
        return self

    def ends(self, reason="closed"):
        for who in ("owner", "guest"):
            self.hear(who, "session_ended", status="expired", reason=reason)
        return self


def paired():
    return Tale().open().pair().approve()


def finds(tale, words):
    found = judge(tale.log)
    assert any(words in each for each in found), found


def test_nothing_is_found_where_all_is_well():
    tale = paired().crosses(1).crosses(2)
    tale.resume("t0", "t1", 2)
    tale.hears("guest", tale.says("owner", 3), 2)
    tale.resume("t1", "t2", 3)
    tale.ends()
    assert judge(tale.log) == []
    assert judge(Tale().open(confirm="code").pair(code="482").approve(code="482").log) == []


def test_request_without_an_answer_or_with_two_is_found():
    tale = paired()
    tale.ask("owner", "ping", None)
    finds(tale, "no answer")
    tale = paired()
    tale.ask("owner", "ping", {"type": "pong"})
    tale.log.append(tale.log[-1])
    finds(tale, "too many answers")
    tale = paired()
    tale.hear("owner", "pong", ref="mine")
    finds(tale, "an answer to nothing")


def test_signal_before_the_approval_is_found():
    finds(Tale().open().pair().crosses(1), "a signal before the approval")
    tale = Tale().open().pair()
    data = tale.says("owner", 1)
    tale.ask("owner", "ping", {"type": "pong"})
    tale.approve().hears("guest", data)
    finds(tale, "sent before the approval")


def test_signal_after_the_end_is_found():
    tale = paired()
    data = tale.says("owner", 1)
    tale.ends().hears("guest", data)
    finds(tale, "a signal after the end")
    tale = paired()
    tale.resume("t0", "t1", 2)
    tale.ends()
    tale.hears("guest", tale.says("owner", 1), 2)
    finds(tale, "sent after the end")


def test_signal_that_comes_twice_or_out_of_order_or_never_is_found():
    for heard, words in (
        ((0, 0), "out of order, or twice"),
        ((1, 0), "out of order, or twice"),
        ((0, 2), "lost without a word"),
    ):
        tale = paired()
        sent = [tale.says("owner", number) for number in (1, 2, 3)]
        for number in heard:
            tale.hears("guest", sent[number])
        finds(tale, words)


def test_error_that_a_connection_did_not_live_to_hear_is_no_loss():
    tale = paired()
    sent = [tale.says("owner", number) for number in (1, 2, 3)]
    tale.hears("guest", sent[0])
    tale.hears("guest", sent[2])
    tale.note(GONE, "owner", 4000)
    assert judge(tale.log) == []


def test_signal_that_was_lost_before_the_last_error_is_found_though_its_sender_is_gone():
    tale = paired()
    sent = [tale.says("owner", number) for number in (1, 2, 3, 4)]
    tale.hears("guest", sent[0])
    tale.hear("owner", "error", code="peer_offline", ref=f"r{tale.refs - 1}")
    tale.hears("guest", sent[3])
    tale.note(GONE, "owner", 4000)
    finds(tale, "lost without a word")


def test_signal_at_a_wrong_peer_is_found():
    for who in ("owner", "stranger"):
        tale = paired()
        tale.hears(who, tale.says("owner", 1))
        finds(tale, "to a wrong peer")
    tale = paired()
    tale.hears("guest", tale.says("owner", 1, session="another"))
    finds(tale, "to a wrong peer")


def test_signal_that_no_peer_has_sent_is_found():
    tale = paired()
    tale.hears("guest", [S, "host", "owner#1", 1])
    finds(tale, "nobody has sent")
    tale = paired()
    tale.hears("guest", tale.says("owner", 1, line=9))
    finds(tale, "of a stranger")


def test_word_after_the_end_and_session_that_comes_back_are_found():
    for type_ in ("peer_online", "pair_prompt", "session_ended"):
        tale = paired().ends()
        tale.hear("owner", type_, status="expired", reason="closed")
        finds(tale, "after the end")
    tale = paired().ends()
    tale.resume("t0", "t1", 2)
    finds(tale, "back after the end")


def test_two_outcomes_are_found():
    tale = paired()
    tale.hear("guest", "pair_result", status="rejected")
    finds(tale, "more than one outcome")
    tale = paired()
    tale.hear("owner", "session_ended", status="expired", reason="closed")
    tale.hear("guest", "session_ended", status="expired", reason="expired")
    finds(tale, "more than one outcome")
    finds(paired().ends("internal_error"), "ended with")


def test_outcome_that_no_owner_has_decided_is_found():
    tale = Tale().open().pair()
    tale.hear("guest", "pair_result", status="approved")
    finds(tale, "approved without a yes")
    finds(Tale().open().pair(code="482").approve(), "approved without a yes")
    finds(Tale().open().pair(code="482").approve(code="483"), "approved without a yes")
    tale = Tale().open().pair()
    tale.ask("stranger", "pair_decision", None, session_id=S, approve=False)
    tale.hear("guest", "pair_result", status="rejected")
    finds(tale, "rejected without a no")


def test_word_to_a_client_that_it_does_not_concern_is_found():
    tale = paired()
    tale.hear("stranger", "peer_online")
    finds(tale, "told to a stranger")
    tale = paired()
    tale.hear("guest", "contested")
    finds(tale, "told to a guest")
    tale = Tale().open()
    tale.hear("owner", "pair_prompt", code="482")
    finds(tale, "the code was told to the host")
    tale = paired()
    listed = {"type": "sessions", "sessions": [{"session_id": S, "status": "approved"}]}
    tale.ask("stranger", "list_sessions", listed)
    finds(tale, "another's session is listed")
    tale = paired()
    tale.hear("owner", "contested")
    finds(tale, "contested by nobody")


def test_superseded_token_that_works_and_good_one_that_ends_the_session_are_found():
    tale = paired()
    tale.resume("t0", "t1", 2)
    tale.resume("t1", "t2", 3)
    tale.resume("t0", "t3", 4)
    finds(tale, "a superseded token took the seat")
    tale = paired()
    tale.resume("t0", "t1", 2)
    tale.ask("guest", "resume", None, session_id=S, resume_token="t0")
    tale.ends("token_reused")
    finds(tale, "no superseded token was shown")


# -- seals -----------------------------------------------------------------------------------


class Sealed(Tale):
    """A tale of a sealed session; a field of a message may be told otherwise."""

    def __init__(self, **otherwise):
        super().__init__()
        self.otherwise = otherwise
        self.open(seal=1)
        self.asks("guest")
        self.carried("owner", "pair_prompt", seal="request")
        self.note(SENT, "owner", {"type": "pair_ack", "session_id": S, "ref": "a", "seal": "ack"})
        self.carried("guest", "pair_ack", seal="ack")

    def asks(self, who, seal="request"):
        pending = {"type": "pair_pending", "resume_token": f"t{self.refs}"}
        self.ask(who, "pair_request", pending, session_id=S, seal=seal)

    def carried(self, who, kind, **fields):
        fields |= self.otherwise.get(kind, {})
        self.hear(who, kind, **{name: each for name, each in fields.items() if each is not None})

    def approves(self, **fields):
        ask = {"type": "pair_decision", "session_id": S, "ref": "d", "approve": True}
        self.note(SENT, "owner", {**ask, "seal": "answer"})
        for who, ref in (("owner", {"ref": "d"}), ("guest", {})):
            self.carried(who, "pair_result", status="approved", seal="answer", **ref)
        return self


def test_nothing_is_found_where_seals_are_carried():
    tale = Sealed()
    tale.asks("guest")
    assert judge(tale.approves().ends().log) == []


@pytest.mark.parametrize("kind", ["pair_prompt", "pair_ack", "pair_result"])
@pytest.mark.parametrize("seal", ["forged", None])
def test_seal_that_was_not_sent_is_found(kind, seal):
    words = "no seal" if seal is None else "not the seal that was sent"
    finds(Sealed(**{kind: {"seal": seal}}).approves(), words)


def test_ack_to_the_host_or_a_second_one_is_found():
    tale = Sealed()
    tale.carried("owner", "pair_ack", seal="ack")
    finds(tale, "the ack was told to the host")
    tale = Sealed()
    tale.note(SENT, "owner", {"type": "pair_ack", "session_id": S, "ref": "b", "seal": "other"})
    tale.carried("guest", "pair_ack", seal="other")
    finds(tale, "not the seal that was sent")


def test_second_guest_that_may_ask_is_found():
    tale = Sealed()
    tale.asks("another guest", "other")
    finds(tale, "two guests were let ask with one link")


def test_seal_in_a_plain_session_is_found():
    tale = Tale().open().pair()
    tale.hear("guest", "pair_ack", seal="ack")
    finds(tale, "not the seal that was sent")
