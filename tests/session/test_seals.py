"""Sealed sessions: the seals of host and guest are carried, kept, and told again."""

import pytest
from msgspec import UNSET

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session import events as ev
from proxim.session.events import Finish
from tests.session.helpers import (
    ACK,
    ANSWER,
    GUEST,
    HOST,
    ID,
    ONE_TIME,
    OTHER_SEAL,
    PERSISTENT,
    REQUEST_SEAL,
    RESUME,
    WINDOW,
    Meeting,
    approved,
    asked,
    code,
    ended,
)

EVERY_KIND = pytest.mark.parametrize("kind", SessionType)
SECOND = "second-resume-token"


def sealed(stage=Meeting, kind=PERSISTENT, **terms):
    return stage(kind, sealed=True, **terms)


@EVERY_KIND
def test_seals_reach_the_other_side(kind):
    meeting = sealed(kind=kind)
    meeting.asks()
    assert meeting.told(HOST, wire.PairPrompt)[0].seal == REQUEST_SEAL
    assert meeting.acknowledges() is None
    assert meeting.told(GUEST, wire.PairAck) == [wire.PairAck(session_id=ID, seal=ACK)]
    assert meeting.decides().seal == ANSWER
    assert meeting.told(GUEST, wire.PairResult)[0].seal == ANSWER
    assert meeting.line


@EVERY_KIND
def test_session_object_says_whether_it_is_sealed(kind):
    for stage in (Meeting, asked, approved, ended):
        assert sealed(stage, kind).session.describe().seal == 1
        assert stage(kind).session.describe().seal is UNSET


def test_plain_session_tells_no_seals():
    meeting = asked(PERSISTENT)
    assert meeting.told(HOST, wire.PairPrompt)[0].seal is UNSET
    assert meeting.decides().seal is UNSET
    back = meeting.comes(GUEST)
    assert (back.ack, back.seal) == (UNSET, UNSET)


# -- a seal is there exactly if the session is sealed ----------------------------------------


def test_request_without_a_seal_consumes_nothing():
    meeting = sealed()
    assert code(meeting.asks(seal=None)) == "bad_message"
    assert meeting.heard[HOST] == []
    assert meeting.session.describe().device_info is None
    assert isinstance(meeting.asks(), wire.PairPending)


def test_request_with_a_seal_needs_a_sealed_session():
    meeting = Meeting(PERSISTENT)
    assert code(meeting.asks(seal=REQUEST_SEAL)) == "bad_message"
    assert isinstance(meeting.asks(), wire.PairPending)


@pytest.mark.parametrize("stage", [Meeting, asked, approved, ended])
@pytest.mark.parametrize("is_sealed", [True, False])
def test_wrong_token_does_not_tell_whether_the_session_is_sealed(stage, is_sealed):
    for seal in (REQUEST_SEAL, None):
        meeting = stage(PERSISTENT, sealed=is_sealed)
        assert code(meeting.asks("wrong", seal=seal)) == "unknown_session"


@pytest.mark.parametrize("stage", [Meeting, asked, approved, ended])
def test_request_without_a_seal_is_refused_in_every_state(stage):
    meeting = sealed(stage)
    before = meeting.session.state
    assert code(meeting.asks(seal=None)) == "bad_message"
    assert meeting.session.state is before
    assert meeting.told(HOST, wire.Contested) == []


def test_approval_without_a_seal_is_refused_and_the_prompt_stays():
    meeting = sealed(asked)
    assert code(meeting.decides(seal=None)) == "bad_message"
    assert meeting.told(GUEST, wire.PairResult) == []
    assert meeting.decides().status is Status.APPROVED


@pytest.mark.parametrize("approve", [True, False])
def test_decision_with_a_seal_needs_a_sealed_session(approve):
    meeting = asked(PERSISTENT)
    assert code(meeting.decides(approve, seal=ANSWER)) == "bad_message"
    assert meeting.decides().status is Status.APPROVED


def test_ack_needs_a_sealed_session():
    meeting = asked(PERSISTENT)
    assert code(meeting.acknowledges()) == "bad_message"
    assert meeting.told(GUEST, wire.PairAck) == []


def test_rejection_reaches_the_guest_with_its_seal_or_without():
    for seal in (ANSWER, None):
        meeting = sealed(asked)
        assert meeting.decides(approve=False, seal=seal).status is Status.REJECTED
        assert meeting.told(GUEST, wire.PairResult)[0].seal == (seal or UNSET)
        assert meeting.ending(GUEST) is Reason.REJECTED


def test_rejection_that_is_not_sealed_is_no_denial():
    by_person, by_program = sealed(asked), sealed(asked)
    by_person.decides(approve=False)
    by_program.decides(approve=False, seal=None)
    assert by_person.effects[-1] == Finish(Reason.REJECTED, is_denial=True)
    assert by_program.effects[-1] == Finish(Reason.REJECTED)


def test_end_without_a_decision_has_no_seal():
    meeting = sealed(asked)
    meeting.acknowledges()
    meeting.waits(WINDOW)
    (result,) = meeting.told(GUEST, wire.PairResult)
    assert (result.status, result.seal) == (Status.EXPIRED, UNSET)
    assert meeting.session.seals is None


# -- the ack ---------------------------------------------------------------------------------


def test_ack_is_one_for_each_prompt():
    meeting = sealed(asked)
    meeting.acknowledges()
    assert meeting.acknowledges() is None, "the same ack again changes nothing"
    assert code(meeting.acknowledges(OTHER_SEAL)) == "not_allowed"
    assert meeting.told(GUEST, wire.PairAck) == [wire.PairAck(session_id=ID, seal=ACK)]
    assert meeting.comes(GUEST).ack == ACK


def test_ack_counts_only_while_the_host_is_prompted():
    assert code(sealed().acknowledges()) == "not_allowed"
    for stage in (approved, ended):
        meeting = sealed(stage)
        assert code(meeting.acknowledges()) == "already_decided"
        assert meeting.told(GUEST, wire.PairAck) == []
    late = sealed(asked)
    late.now += WINDOW
    assert code(late.acknowledges()) == "already_decided"


# -- told again ------------------------------------------------------------------------------


def test_host_that_comes_back_is_told_the_request_again():
    meeting = sealed(asked)
    meeting.leaves(HOST)
    meeting.comes(HOST)
    assert [prompt.seal for prompt in meeting.told(HOST, wire.PairPrompt)] == [REQUEST_SEAL] * 2


def test_host_that_missed_its_approval_is_told_it_with_the_seal():
    meeting = sealed(approved)
    meeting.hand(ev.HostJoined(seen=Status.PENDING))
    assert meeting.told(HOST, wire.PairResult)[-1].seal == ANSWER


@EVERY_KIND
def test_guest_that_comes_back_is_told_ack_and_answer(kind):
    meeting = sealed(asked, kind, one_time_grace=WINDOW)
    back = meeting.comes(GUEST)
    assert (back.ack, back.seal) == (UNSET, UNSET)
    meeting.acknowledges()
    meeting.leaves(GUEST)
    back = meeting.comes(GUEST)
    assert (back.ack, back.seal) == (ACK, UNSET)
    meeting.decides()
    for _ in range(2):
        meeting.leaves(GUEST)
        back = meeting.comes(GUEST)
        assert (back.ack, back.seal) == (ACK, ANSWER)


def test_ack_for_a_guest_that_is_offline_waits_for_it():
    meeting = sealed(asked)
    meeting.leaves(GUEST)
    meeting.acknowledges()
    assert meeting.told(GUEST, wire.PairAck) == []
    assert meeting.comes(GUEST).ack == ACK


def test_request_is_not_kept_after_the_decision():
    meeting = sealed(approved)
    assert meeting.session.seals.request == ""
    meeting.closes(HOST)
    assert meeting.session.seals is None


# -- the same request again ------------------------------------------------------------------


@EVERY_KIND
def test_same_request_again_takes_the_seat_and_gets_a_new_resume_token(kind):
    meeting = sealed(asked, kind, one_time_grace=WINDOW)
    meeting.acknowledges()
    meeting.leaves(GUEST)
    meeting.now += 1
    pending = meeting.asks(resume_token=SECOND)
    assert (pending.resume_token, pending.expires_in) == (SECOND, WINDOW - 1)
    assert meeting.seats == {HOST, GUEST}
    assert meeting.told(GUEST, wire.PairAck)[1:] == [wire.PairAck(session_id=ID, seal=ACK)]
    assert len(meeting.told(HOST, wire.PairPrompt)) == 1, "it is the same prompt"
    assert meeting.told(HOST, wire.Contested) == []
    assert isinstance(meeting.comes(GUEST, SECOND), wire.Resumed)
    assert meeting.decides().status is Status.APPROVED


def test_same_request_again_needs_no_host_and_no_link():
    meeting = sealed(asked, qr_ttl=10.0)
    meeting.leaves(HOST)
    meeting.now += 10
    assert isinstance(meeting.asks(resume_token=SECOND), wire.PairPending)
    assert meeting.told(GUEST, wire.PairAck) == [], "there is no ack yet"


def test_former_resume_token_works_until_the_new_one_was_used():
    meeting = sealed(asked)
    meeting.asks(resume_token=SECOND)
    assert isinstance(meeting.comes(GUEST, RESUME), wire.Resumed)
    assert isinstance(meeting.comes(GUEST, SECOND), wire.Resumed)
    meeting.comes(GUEST, RESUME)
    assert meeting.ending(GUEST) is Reason.TOKEN_REUSED


def test_plain_request_again_is_refused_as_ever():
    assert code(asked(PERSISTENT).asks()) == "token_used"


@pytest.mark.parametrize("stage", [approved, ended])
def test_same_request_after_the_decision_is_refused_and_not_contested(stage):
    meeting = sealed(stage)
    assert code(meeting.asks()) == "token_used"
    assert meeting.told(HOST, wire.Contested) == []


@pytest.mark.parametrize("stage", [asked, approved])
def test_another_request_with_the_same_token_is_contested_once(stage):
    meeting = sealed(stage)
    for _ in range(2):
        assert code(meeting.asks(seal=OTHER_SEAL)) == "token_used"
    assert meeting.told(HOST, wire.Contested) == [wire.Contested(session_id=ID)]


def test_guest_of_a_one_time_session_without_grace_cannot_ask_again():
    meeting = sealed(asked, ONE_TIME)
    meeting.leaves(GUEST)
    assert code(meeting.asks()) == "token_used"
