"""Clients that disconnect and return: grace, backlogs, and what each is told."""

import pytest
from msgspec import Raw

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, Status
from proxim.session import events as ev
from proxim.session.events import Role
from proxim.session.state import DAY
from tests.session.helpers import (
    DEVICE,
    GUEST,
    HOST,
    ID,
    ONE_TIME,
    PERSISTENT,
    RESUME,
    START,
    TEMPORARY,
    WINDOW,
    Meeting,
    approved,
    asked,
    code,
    ended,
    just_before,
)

ANY_PRESENCE = pytest.mark.parametrize(
    ("stage", "role"),
    [(Meeting, HOST), (asked, HOST), (asked, GUEST), (approved, HOST), (approved, GUEST)],
)
EITHER_SIDE = pytest.mark.parametrize("role", Role)
GRACE = 10.0
KIB = 1024


# -- leaving ---------------------------------------------------------------------------------


@ANY_PRESENCE
def test_first_disconnect_ends_a_one_time_session(stage, role):
    meeting = stage(ONE_TIME)
    meeting.leaves(role)
    assert meeting.session.reason is Reason.DISCONNECTED
    for left_behind in meeting.seats:
        assert meeting.ending(left_behind) is Reason.DISCONNECTED


@ANY_PRESENCE
@pytest.mark.parametrize("kind", [PERSISTENT, TEMPORARY])
def test_other_sessions_survive_a_disconnect(kind, stage, role):
    meeting = stage(kind)
    state, deadline = meeting.session.state, meeting.session.deadline
    meeting.leaves(role)
    assert (meeting.session.state, meeting.session.deadline) == (state, deadline)
    assert role not in meeting.session.online


@ANY_PRESENCE
def test_grace_lets_a_one_time_session_wait_for_a_return(stage, role):
    in_time, late = (stage(ONE_TIME, one_time_grace=GRACE) for _ in range(2))
    state, deadline = in_time.session.state, in_time.session.deadline
    for meeting, moment in [(in_time, just_before(START + GRACE)), (late, START + GRACE)]:
        meeting.leaves(role)
        meeting.now = moment
        meeting.comes(role)
    assert (in_time.session.state, in_time.session.deadline) == (state, deadline)
    assert late.session.reason is Reason.DISCONNECTED


@EITHER_SIDE
def test_each_side_has_its_own_grace(role):
    meeting = approved(ONE_TIME, one_time_grace=GRACE)
    meeting.leaves(role)
    meeting.waits(4)
    meeting.leaves(role.peer)
    assert meeting.session.deadline == START + GRACE
    meeting.waits(4)
    meeting.comes(role)
    assert meeting.session.deadline == START + 4 + GRACE
    meeting.waits(6)
    assert meeting.ending(role) is Reason.DISCONNECTED


def test_prompt_can_time_out_before_the_grace():
    meeting = asked(ONE_TIME, one_time_grace=WINDOW + 1)
    meeting.leaves(GUEST)
    meeting.waits(WINDOW)
    assert meeting.ending(HOST) is Reason.APPROVAL_TIMEOUT


# -- returning -------------------------------------------------------------------------------


def test_returning_host_gets_the_prompt_with_the_time_left():
    meeting = asked(PERSISTENT)
    meeting.leaves(HOST)
    meeting.waits(15)
    meeting.comes(HOST)
    again = wire.PairPrompt(session_id=ID, device_info=DEVICE, expires_in=WINDOW - 15)
    assert meeting.heard[HOST][-1] == again
    assert meeting.decides().status is Status.APPROVED


def test_returning_guest_gets_the_time_left():
    meeting = asked(PERSISTENT)
    meeting.leaves(GUEST)
    meeting.waits(15)
    reply = meeting.comes(GUEST)
    assert reply == wire.Resumed(
        session=meeting.session.describe(), host_online=True, expires_in=WINDOW - 15
    )
    assert reply.session.guest_online


def test_guest_approved_while_offline_is_told_on_return():
    meeting = asked(PERSISTENT)
    meeting.leaves(GUEST)
    meeting.decides()
    assert meeting.heard[HOST][-1] == wire.PeerOffline(session_id=ID)
    assert not meeting.line
    meeting.leaves(HOST)
    reply = meeting.comes(GUEST)
    assert reply == wire.Resumed(
        session=meeting.session.describe(), host_online=False, ice_servers=[], ice_ttl=DAY
    )
    assert reply.session.status is Status.APPROVED


def test_guest_seat_needs_the_resume_token():
    for stage in (asked, approved):
        meeting = stage(PERSISTENT)
        meeting.leaves(GUEST)
        assert code(meeting.comes(GUEST, "wrong")) == "unknown_session"
        assert meeting.seats == {HOST}
    assert code(Meeting().comes(GUEST)) == "unknown_session"


@EITHER_SIDE
def test_presence_is_told_only_once_approved(role):
    meeting = asked(PERSISTENT)
    heard = list(meeting.heard[role.peer])
    meeting.leaves(role)
    meeting.comes(role)
    assert meeting.heard[role.peer] == heard
    meeting.decides()
    meeting.leaves(role)
    assert meeting.heard[role.peer][-1] == wire.PeerOffline(session_id=ID)
    assert not meeting.line
    meeting.comes(role)
    assert meeting.heard[role.peer][-1] == wire.PeerOnline(session_id=ID)
    assert meeting.line


@EITHER_SIDE
def test_only_the_host_is_told_of_a_replaced_connection(role):
    meeting = approved(PERSISTENT)
    heard = list(meeting.heard[role.peer])
    meeting.comes(role)
    assert meeting.effects[0] == ev.Admit(role)
    assert meeting.effects[-1] == ev.OpenLine()
    replaced = wire.PeerOnline(session_id=ID, replaced=True)
    assert meeting.heard[role.peer] == [*heard, *([replaced] if role is GUEST else [])]


def test_host_is_not_told_of_a_guest_that_resumes_where_it_is():
    meeting = approved(PERSISTENT)
    heard = list(meeting.heard[HOST])
    assert isinstance(meeting.hand(ev.ResumeRequested(RESUME, is_seated=True)), wire.Resumed)
    assert meeting.line
    assert meeting.heard[HOST] == heard


def test_host_that_missed_the_end_gets_its_seat():
    meeting = ended()
    meeting.comes(HOST)
    assert meeting.effects == [ev.Admit(HOST)]
    assert meeting.closes(HOST).reason is Reason.CLOSED


# -- the backlog -----------------------------------------------------------------------------


@EITHER_SIDE
def test_64_signals_wait_for_an_offline_peer_in_order(role):
    meeting = approved(PERSISTENT)
    meeting.leaves(role.peer)
    assert meeting.signals(role, *range(64)) == [None] * 64
    assert [code(reply) for reply in meeting.signals(role, 64, 65)] == ["peer_offline"] * 2
    assert meeting.signals_to(role.peer) == []
    meeting.heard[role.peer].clear()
    meeting.comes(role.peer)
    meeting.signals(role, 66)
    assert meeting.signals_to(role.peer) == [*range(64), 66]
    if role is HOST:
        assert isinstance(meeting.heard[GUEST][0], wire.Resumed)


@EITHER_SIDE
def test_256_kib_wait_for_an_offline_peer(role):
    meeting = approved(PERSISTENT)
    meeting.leaves(role.peer)
    replies = [
        meeting.hand(ev.SignalSent(role, Raw(b"1" * size)))
        for size in (200 * KIB, 56 * KIB + 1, 56 * KIB, 1)
    ]
    assert [code(reply) for reply in replies] == [None, "peer_offline", None, "peer_offline"]
    meeting.comes(role.peer)
    sizes = [len(bytes(signal.data)) for signal in meeting.told(role.peer, wire.Signal)]
    assert sizes == [200 * KIB, 56 * KIB]


@EITHER_SIDE
def test_backlog_ends_with_the_session(role):
    meeting = approved(PERSISTENT)
    meeting.leaves(role.peer)
    meeting.signals(role, 1)
    meeting.closes(role)
    meeting.comes(role.peer)
    assert meeting.signals_to(role.peer) == []
    assert not meeting.session.backlogs


# -- what a returning host is told -----------------------------------------------------------


def comes_having_seen(meeting, status, saw_guest=True):
    before = len(meeting.heard[HOST])
    meeting.hand(ev.HostJoined(status, saw_guest))
    return meeting.heard[HOST][before:]


@pytest.mark.parametrize("seen", [Status.PENDING, Status.APPROVED])
def test_host_that_saw_the_session_alive_is_told_of_its_end(seen):
    (ending,) = comes_having_seen(ended(), seen)
    assert (ending.status, ending.reason) == (Status.EXPIRED, Reason.CLOSED)


@pytest.mark.parametrize("seen", [Status.EXPIRED, Status.REJECTED, None])
def test_host_that_knows_of_the_end_is_not_told_again(seen):
    assert comes_having_seen(ended(), seen) == []


@pytest.mark.parametrize("guest_is_there", [True, False])
def test_host_that_saw_the_prompt_is_told_of_the_approval(guest_is_there):
    meeting = approved(PERSISTENT)
    if not guest_is_there:
        meeting.leaves(GUEST)
    result, *rest = comes_having_seen(meeting, Status.PENDING)
    assert (result.status, result.ice_ttl) == (Status.APPROVED, DAY)
    assert [type(message) for message in rest] == ([] if guest_is_there else [wire.PeerOffline])
    assert meeting.line is guest_is_there


@pytest.mark.parametrize("guest_is_there", [True, False])
def test_host_that_knows_of_the_approval_is_not_told_again(guest_is_there):
    meeting = approved(PERSISTENT)
    if not guest_is_there:
        meeting.leaves(GUEST)
    assert comes_having_seen(meeting, Status.APPROVED, guest_is_there) == []


@pytest.mark.parametrize(
    ("guest_is_there", "told"), [(True, wire.PeerOnline), (False, wire.PeerOffline)]
)
def test_host_is_told_if_the_guest_came_or_left_before_it_got_its_seat(guest_is_there, told):
    meeting = approved(PERSISTENT)
    meeting.leaves(HOST)
    if not guest_is_there:
        meeting.leaves(GUEST)
    messages = comes_having_seen(meeting, Status.APPROVED, not guest_is_there)
    assert [type(message) for message in messages] == [told]
    assert meeting.line is guest_is_there


@EITHER_SIDE
def test_client_that_leaves_after_the_end_is_offline(role):
    meeting = ended(PERSISTENT)
    meeting.leaves(role)
    info = meeting.session.describe()
    assert (info.host_online, info.guest_online) == (role is not HOST, role is not GUEST)


def test_owner_can_close_from_another_connection():
    meeting = approved(PERSISTENT)
    reply = meeting.hand(ev.CloseRequested(None))
    assert reply == meeting.told(HOST, wire.SessionEnded)[0]
    assert meeting.ending(HOST) is meeting.ending(GUEST) is Reason.CLOSED
