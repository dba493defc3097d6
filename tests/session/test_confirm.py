"""Sessions whose approval needs the code that the guest shows."""

import pytest

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session import events as ev
from proxim.session.events import Finish, Reply, Tell
from tests.session.helpers import (
    CODE,
    DEVICE,
    GUEST,
    HOST,
    ID,
    OTHER_CODE,
    PERSISTENT,
    TOKEN,
    WINDOW,
    Meeting,
    asked,
    code,
)

EVERY_KIND = pytest.mark.parametrize("kind", SessionType)


def prompted(kind=PERSISTENT):
    return asked(kind, confirm="code")


@EVERY_KIND
def test_approval_with_the_code_of_the_guest_counts(kind):
    meeting = prompted(kind)
    assert meeting.decides(code=CODE).status is Status.APPROVED
    assert meeting.told(GUEST, wire.PairResult)[0].status is Status.APPROVED
    assert meeting.line


@EVERY_KIND
def test_approval_without_a_code_is_refused_and_the_prompt_stays(kind):
    meeting = prompted(kind)
    assert code(meeting.decides()) == "not_allowed"
    assert meeting.session.describe().status is Status.PENDING
    assert meeting.told(GUEST, wire.PairResult) == []
    assert meeting.decides(code=CODE).status is Status.APPROVED


@EVERY_KIND
@pytest.mark.parametrize("wrong", [OTHER_CODE, "", "48", "4820", "４８２"])
def test_wrong_code_rejects_once_and_for_all(kind, wrong):
    meeting = prompted(kind)
    assert meeting.decides(code=wrong).status is Status.REJECTED
    assert code(meeting.decides(code=CODE)) == "already_decided"
    assert meeting.ending(HOST) is meeting.ending(GUEST) is Reason.REJECTED


def test_code_is_ignored_when_the_host_declines():
    for sent in (CODE, OTHER_CODE, None):
        meeting = prompted()
        assert meeting.decides(approve=False, code=sent).status is Status.REJECTED


def test_only_a_person_who_declines_has_denied():
    wrong, declined = prompted(), prompted()
    wrong.decides(code=OTHER_CODE)
    declined.decides(approve=False)
    assert wrong.effects[-1] == Finish(Reason.REJECTED)
    assert declined.effects[-1] == Finish(Reason.REJECTED, is_denial=True)


def test_session_without_confirm_needs_and_tells_no_code():
    meeting = asked(PERSISTENT)
    assert meeting.told(GUEST, wire.PairPending)[0].code == wire.UNSET
    assert meeting.session.describe().confirm == wire.UNSET
    assert meeting.told(HOST, wire.PairPrompt)[0].confirm == wire.UNSET
    assert meeting.decides(code=OTHER_CODE).status is Status.APPROVED


def test_session_and_prompt_say_that_a_code_is_needed():
    meeting = prompted()
    assert meeting.session.describe().confirm == "code"
    prompt = wire.PairPrompt(session_id=ID, device_info=DEVICE, expires_in=WINDOW, confirm="code")
    assert meeting.heard[HOST] == [prompt]
    meeting.leaves(HOST)
    meeting.comes(HOST)
    assert meeting.heard[HOST] == [prompt, prompt]


def test_guest_is_told_its_code_again_while_the_prompt_is_open():
    meeting = prompted()
    assert meeting.told(GUEST, wire.PairPending)[0].code == CODE
    meeting.leaves(GUEST)
    assert meeting.comes(GUEST).code == CODE
    meeting.decides(code=CODE)
    assert meeting.comes(GUEST).code == wire.UNSET


def test_approval_without_a_drawn_code_never_counts():
    meeting = Meeting(PERSISTENT, confirm="code")
    meeting.asks(code="")
    assert meeting.decides(code=CODE).status is Status.REJECTED


@EVERY_KIND
def test_no_message_to_the_host_has_the_code(kind):
    meeting = prompted(kind)
    seen = [meeting.effects]
    for step in (
        lambda: meeting.comes(GUEST),
        lambda: meeting.hand(ev.PairRequested(TOKEN, DEVICE, "another", OTHER_CODE)),
        lambda: meeting.comes(HOST),
        lambda: meeting.decides(code=None),
        lambda: meeting.decides(code=CODE),
        lambda: meeting.comes(GUEST),
        lambda: meeting.closes(HOST),
    ):
        step()
        seen.append(meeting.effects)
    told = [each for effects in seen for each in effects if isinstance(each, Tell | Reply)]
    assert len(told) > 8
    for each in told:
        to_guest = isinstance(each, Reply) or each.role is GUEST
        assert to_guest or getattr(each.message, "code", wire.UNSET) == wire.UNSET
    assert all(getattr(each, "code", None) != CODE for each in meeting.heard[HOST])


# -- another device with the same link -------------------------------------------------------


def test_host_is_told_once_that_another_device_showed_the_right_token():
    meeting = asked(PERSISTENT)
    assert code(meeting.asks("wrong")) == "unknown_session"
    assert meeting.told(HOST, wire.Contested) == []
    for _ in range(3):
        assert code(meeting.asks()) == "token_used"
    assert meeting.told(HOST, wire.Contested) == [wire.Contested(session_id=ID)]
    assert meeting.told(GUEST, wire.Contested) == []


def test_offline_host_is_told_of_the_next_request_instead():
    meeting = asked(PERSISTENT)
    meeting.leaves(HOST)
    meeting.asks()
    meeting.comes(HOST)
    assert meeting.told(HOST, wire.Contested) == []
    meeting.decides()
    meeting.asks()
    assert len(meeting.told(HOST, wire.Contested)) == 1


def test_nothing_is_told_of_requests_after_the_end():
    meeting = asked(PERSISTENT)
    meeting.closes(HOST)
    assert code(meeting.asks()) == "token_used"
    assert meeting.told(HOST, wire.Contested) == []
