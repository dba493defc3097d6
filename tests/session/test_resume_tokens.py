"""The resume tokens of a guest, each of which takes the place of the one before."""

from itertools import pairwise

import pytest
from msgspec import structs

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason
from proxim.session import events as ev
from proxim.session.events import Role
from proxim.session.state import MAX_SUCCESSORS, MAX_SUPERSEDED
from tests.session.helpers import GUEST, HOST, PERSISTENT, RESUME, approved, asked, code, ended

STAGES = pytest.mark.parametrize("stage", [asked, approved])


def resumed(meeting, token, successor):
    reply = meeting.comes(GUEST, token, successor)
    assert isinstance(reply, wire.Resumed), reply
    assert reply.resume_token == successor
    return reply


def is_reused(meeting, token):
    reply = meeting.comes(GUEST, token, "another")
    assert reply.reason is Reason.TOKEN_REUSED
    assert meeting.session.reason is Reason.TOKEN_REUSED
    return True


@STAGES
def test_each_resume_brings_a_new_token_that_works(stage):
    meeting = stage(PERSISTENT)
    token = RESUME
    for number in range(3 * MAX_SUPERSEDED):
        meeting.leaves(GUEST)
        resumed(meeting, token, f"token-{number}")
        token = f"token-{number}"


@STAGES
def test_token_works_until_its_successor_was_used(stage):
    meeting = stage(PERSISTENT)
    resumed(meeting, RESUME, "first")
    resumed(meeting, RESUME, "second")
    resumed(meeting, "second", "third")
    assert is_reused(meeting, RESUME)


@pytest.mark.parametrize("answers_lost", range(MAX_SUCCESSORS))
def test_lost_answers_cost_nothing(answers_lost):
    meeting = approved(PERSISTENT)
    resumed(meeting, RESUME, "arrived")
    for number in range(answers_lost):
        resumed(meeting, RESUME, f"lost-{number}")
    resumed(meeting, "arrived", "next")


def test_client_that_ignores_new_tokens_goes_on_working():
    meeting = approved(PERSISTENT)
    for number in range(5 * MAX_SUCCESSORS):
        resumed(meeting, RESUME, f"ignored-{number}")
    assert len(meeting.session.successors) == MAX_SUCCESSORS


@STAGES
def test_superseded_token_ends_the_session_and_both_sides_are_told(stage):
    meeting = stage(PERSISTENT)
    resumed(meeting, RESUME, "first")
    resumed(meeting, "first", "second")
    assert is_reused(meeting, RESUME)
    for role in Role:
        assert meeting.told(role, wire.SessionEnded)[0].reason is Reason.TOKEN_REUSED
    assert not meeting.line


def test_token_given_for_a_superseded_one_ends_the_session_too():
    meeting = approved(PERSISTENT)
    resumed(meeting, RESUME, "of the thief")
    resumed(meeting, RESUME, "of the guest")
    resumed(meeting, "of the guest", "next")
    assert is_reused(meeting, "of the thief")


def test_copy_is_noticed_whoever_used_it_first():
    for first, second in (("guest", "thief"), ("thief", "guest")):
        meeting = approved(PERSISTENT)
        tokens = {"guest": RESUME, "thief": RESUME}
        for who in (first, second, first):
            resumed(meeting, tokens[who], f"{who}-{tokens[who]}")
            tokens[who] = f"{who}-{tokens[who]}"
        assert is_reused(meeting, tokens[second])


def test_superseded_tokens_of_an_earlier_program_are_remembered_within_a_bound():
    meeting = approved(PERSISTENT)
    names = [RESUME, *(f"token-{number}" for number in range(2 * MAX_SUPERSEDED))]
    for token, successor in pairwise(names):
        resumed(meeting, token, successor)
    assert len(meeting.session.superseded) == MAX_SUPERSEDED
    assert code(meeting.comes(GUEST, RESUME)) == "unknown_session"
    assert not meeting.session.ended


FAMILY = "f" * 22


def kin(name):
    """Return a resume token as a node makes it."""
    return f"{FAMILY}{name:-<43}"


@STAGES
def test_copy_is_noticed_however_often_the_thief_resumes(stage):
    meeting = stage(PERSISTENT)
    resumed(meeting, RESUME, kin("of the guest"))
    names = [RESUME, *(kin(str(number)) for number in range(2 * MAX_SUPERSEDED))]
    for token, successor in pairwise(names):
        resumed(meeting, token, successor)
    assert is_reused(meeting, kin("of the guest"))


def test_copy_is_noticed_however_many_tokens_the_thief_was_given_for_it():
    meeting = approved(PERSISTENT)
    resumed(meeting, RESUME, kin("of the guest"))
    for number in range(2 * MAX_SUCCESSORS):
        resumed(meeting, RESUME, kin(str(number)))
    assert is_reused(meeting, kin("of the guest"))


@pytest.mark.parametrize(
    "token",
    [kin("x").replace("f", "e"), FAMILY, "f" + kin("x"), kin("x")[:-1]],
)
def test_token_of_another_family_or_cut_is_unknown(token):
    meeting = approved(PERSISTENT)
    resumed(meeting, RESUME, kin("first"))
    assert code(meeting.comes(GUEST, token)) == "unknown_session"
    resumed(meeting, kin("first"), kin("second"))


def test_forgotten_token_hears_why_the_session_ended():
    meeting = approved(PERSISTENT)
    resumed(meeting, RESUME, kin("first"))
    meeting.closes(HOST)
    assert meeting.comes(GUEST, kin("forgotten")).reason is Reason.CLOSED


def test_resume_without_a_new_token_changes_none():
    meeting = approved(PERSISTENT)
    assert meeting.comes(GUEST, RESUME).resume_token == wire.UNSET
    resumed(meeting, RESUME, "first")
    assert meeting.comes(GUEST, "first").resume_token == wire.UNSET
    resumed(meeting, "first", "second")
    assert is_reused(meeting, RESUME)


def test_every_token_of_the_guest_hears_why_the_session_ended():
    meeting = approved(PERSISTENT)
    resumed(meeting, RESUME, "first")
    resumed(meeting, "first", "second")
    meeting.closes(HOST)
    for token in (RESUME, "first", "second"):
        assert meeting.comes(GUEST, token).reason is Reason.CLOSED
    assert code(meeting.comes(GUEST, "wrong")) == "unknown_session"
    assert ended().comes(GUEST).reason is Reason.CLOSED


@STAGES
def test_successor_that_was_not_saved_is_forgotten(stage):
    meeting = stage(PERSISTENT)
    effects = meeting.session.handle(ev.ResumeRequested(RESUME, "first"), meeting.now)
    (reply,) = [each for each in effects if isinstance(each, ev.Reply)]
    assert reply.message == structs.replace(reply.if_unsaved, resume_token="first")
    assert reply.if_unsaved.resume_token == wire.UNSET
    assert meeting.session.handle(ev.SuccessorLost("first"), meeting.now) == []
    assert meeting.session.successors == ()
    assert code(meeting.comes(GUEST, "first")) == "unknown_session"
    assert isinstance(meeting.comes(GUEST, RESUME), wire.Resumed)
