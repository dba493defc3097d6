import json
import math

import pytest
from msgspec import UNSET, Raw, structs

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, SessionType
from proxim.session import events as ev
from proxim.session import snapshot
from proxim.session.events import Terms
from proxim.session.seating import RETURN_TIME
from proxim.session.snapshot import InvalidSnapshot, Snapshot
from proxim.session.state import SessionData, State
from tests.session.helpers import (
    ACK,
    ANSWER,
    CODE,
    GUEST,
    HOST,
    ONE_TIME,
    OTHER_CODE,
    OTHER_SEAL,
    PERSISTENT,
    QR_TTL,
    REQUEST_SEAL,
    RESUME,
    TEMPORARY,
    TOKEN,
    TTL,
    WINDOW,
    Meeting,
    approved,
    asked,
    code,
    ended,
)

STAGES = [Meeting, asked, approved, ended]
KEY_HASH = b"h" * 32
SKEW, OTHER_SKEW = 1.7e9, 1.7e9 + 12_345.0
EVERY_KIND = pytest.mark.parametrize("kind", SessionType)
NEVER_STORED = {"backlogs", "terms", "online", "code"}


def restored(meeting, *, later=0.0, handed=False, **terms):
    """Return the same meeting on another node, whose monotonic clock differs."""
    text = snapshot.encode(Snapshot.of(meeting.session, KEY_HASH, skew=SKEW, handed=handed))
    moved = Meeting(meeting.session.session_type)
    kept = snapshot.decode(text)
    moved.session = kept.restore(Terms(**terms), skew=OTHER_SKEW)
    moved.seats = set()
    moved.now = meeting.now + later + SKEW - OTHER_SKEW
    moved.hand(ev.Restored(kept.handed))
    return moved


@EVERY_KIND
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("sealed", [True, False])
def test_snapshot_restores_the_same_session(stage, kind, sealed):
    before = stage(kind, sealed=sealed).session
    text = snapshot.encode(Snapshot.of(before, KEY_HASH, skew=SKEW))
    after = snapshot.decode(text).restore(before.terms, skew=SKEW)
    # An open prompt ends with its process, and with it what was sealed for it.
    skipped = NEVER_STORED | ({"seals"} if before.state is State.PROMPTED else set())
    for name in set(SessionData.__struct_fields__) - skipped - {"alarms", "link_expires_at"}:
        assert getattr(after, name) == getattr(before, name), name
    assert after.describe() == before.describe()
    assert after.link_expires_at == pytest.approx(before.link_expires_at)
    assert after.alarms == pytest.approx(before.alarms)


def test_snapshot_has_no_secret_and_no_signal():
    meeting = approved(PERSISTENT)
    meeting.leaves(GUEST)
    meeting.hand(ev.SignalSent(HOST, Raw(b'"in flight"')))
    text = snapshot.encode(Snapshot.of(meeting.session, KEY_HASH, skew=SKEW)).decode()
    for secret in (TOKEN, RESUME, "in flight"):
        assert secret not in text


@pytest.mark.parametrize(
    ("stage", "kind", "reason"),
    [
        (Meeting, ONE_TIME, Reason.DISCONNECTED),
        (Meeting, PERSISTENT, UNSET),
        (Meeting, TEMPORARY, UNSET),
        (asked, ONE_TIME, Reason.DISCONNECTED),
        (asked, PERSISTENT, Reason.DISCONNECTED),
        (asked, TEMPORARY, Reason.DISCONNECTED),
        (approved, ONE_TIME, Reason.DISCONNECTED),
        (approved, PERSISTENT, UNSET),
        (approved, TEMPORARY, UNSET),
        (ended, PERSISTENT, Reason.CLOSED),
    ],
)
def test_sessions_of_a_dead_node_continue_or_end_by_type(stage, kind, reason):
    info = restored(stage(kind)).session.describe()
    assert info.reason == reason
    assert not info.host_online
    assert not info.guest_online


@pytest.mark.parametrize("kind", [PERSISTENT, TEMPORARY])
def test_restored_session_relays_once_both_are_back(kind):
    meeting = restored(approved(kind))
    assert meeting.comes(GUEST).session.session_id == meeting.session.session_id
    meeting.comes(HOST)
    assert meeting.line
    assert code(meeting.asks()) == "token_used"


def test_restored_sealed_session_tells_the_guest_its_seals():
    meeting = asked(PERSISTENT, sealed=True)
    meeting.acknowledges()
    meeting.decides()
    moved = restored(meeting)
    back = moved.comes(GUEST)
    assert (back.ack, back.seal, back.session.seal) == (ACK, ANSWER, 1)
    moved.comes(HOST)
    assert code(moved.asks()) == "token_used"
    assert moved.told(HOST, wire.Contested) == []
    moved.asks(seal=OTHER_SEAL)
    assert len(moved.told(HOST, wire.Contested)) == 1


def test_restored_pending_session_is_still_sealed():
    moved = restored(Meeting(PERSISTENT, sealed=True))
    moved.comes(HOST)
    assert code(moved.asks(seal=None)) == "bad_message"
    assert isinstance(moved.asks(), wire.PairPending)


def test_seals_of_an_open_prompt_are_not_written():
    meeting = asked(PERSISTENT, sealed=True)
    before = Snapshot.of(meeting.session, KEY_HASH, skew=SKEW)
    meeting.acknowledges()
    assert Snapshot.of(meeting.session, KEY_HASH, skew=SKEW) == before
    assert REQUEST_SEAL not in snapshot.encode(before).decode()


@pytest.mark.parametrize("stage", STAGES)
def test_only_snapshots_that_older_programs_misread_have_a_new_version(stage):
    for version, fields in (1, {}), (2, {"confirm": "code"}), (3, {"sealed": True}):
        taken = Snapshot.of(stage(PERSISTENT, **fields).session, KEY_HASH, skew=SKEW)
        assert json.loads(snapshot.encode(taken))["version"] == version


@pytest.mark.parametrize("version", [1, 2])
def test_snapshot_from_before_sealed_sessions_is_read(version):
    whole = json.loads(snapshot.encode(Snapshot.of(approved().session, KEY_HASH, skew=SKEW)))
    assert not {"sealed", "seals"} & whole.keys()
    session = snapshot.decode(json.dumps(whole | {"version": version}).encode())
    assert (session.sealed, session.seals) == (False, None)


def test_restored_link_expires_at_its_moment():
    assert restored(Meeting(PERSISTENT), later=QR_TTL - 1).session.pair_within(
        meeting_now := restored(Meeting(PERSISTENT), later=QR_TTL - 1).now
    ) == pytest.approx(1.0)
    late = restored(Meeting(PERSISTENT), later=QR_TTL + 1)
    late.comes(HOST)
    assert code(late.asks()) == "link_lapsed"
    assert meeting_now < late.now


def test_deadline_is_kept_across_nodes():
    meeting = restored(approved(TEMPORARY), later=100.0)
    assert meeting.session.deadline - meeting.now == pytest.approx(TTL - 100.0)
    meeting.waits(TTL - 99.0)
    assert meeting.session.reason is Reason.EXPIRED


def test_deadline_that_passed_while_stored_ends_the_session():
    assert restored(approved(TEMPORARY), later=TTL).session.reason is Reason.EXPIRED
    assert restored(asked(), later=WINDOW).session.reason is Reason.APPROVAL_TIMEOUT


@pytest.mark.parametrize("grace", [0.0, 300.0])
def test_both_sides_of_a_handed_over_one_time_session_can_return(grace):
    meeting = restored(approved(ONE_TIME), handed=True, one_time_grace=grace)
    time = max(grace, RETURN_TIME)
    assert meeting.session.deadline == pytest.approx(meeting.now + time)
    meeting.comes(GUEST)
    meeting.comes(HOST)
    assert meeting.line
    assert meeting.session.deadline == math.inf


def test_handed_over_one_time_session_ends_without_its_sides():
    meeting = restored(approved(ONE_TIME), handed=True)
    meeting.comes(GUEST)
    meeting.waits(RETURN_TIME + 1)
    assert meeting.ending(GUEST) is Reason.DISCONNECTED


@pytest.mark.parametrize(
    "change",
    [{"version": 4}, {"state": "DREAMING"}, {"alarms": {"SNOOZE": 1.0}}, {"session_id": None}],
)
def test_snapshot_with_unknown_content_is_refused(change):
    whole = json.loads(snapshot.encode(Snapshot.of(approved().session, KEY_HASH, skew=SKEW)))
    with pytest.raises(InvalidSnapshot):
        snapshot.decode(json.dumps(whole | change).encode())


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        (Meeting, {"state": "PROMPTED"}),
        (Meeting, {"state": "APPROVED"}),
        (Meeting, {"state": "ENDED"}),
        (Meeting, {"reason": "closed"}),
        (asked, {"alarms": {}}),
        (asked, {"device": None}),
        (approved, {"resume_hash": None}),
        (approved, {"alarms": {"PROMPT": 1.0}}),
        (ended, {"reason": None}),
        (approved, {"sealed": True}),
        (approved, {"seals": {"digest": "aGFzaA=="}}),
        (asked, {"sealed": True, "seals": {"digest": "aGFzaA=="}}),
    ],
)
def test_snapshot_that_contradicts_itself_is_refused(stage, change):
    whole = json.loads(snapshot.encode(Snapshot.of(stage().session, KEY_HASH, skew=SKEW)))
    with pytest.raises(InvalidSnapshot, match="do not go with its state"):
        snapshot.decode(json.dumps(whole | change).encode())


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"\xff", b'{"version": 1}', b'{"x":' * 9999, b'{"uuid": "\xff"}']
)
def test_invalid_snapshot_is_refused(text):
    with pytest.raises(InvalidSnapshot):
        snapshot.decode(text)


def test_snapshot_says_whether_it_was_handed_over():
    given = Snapshot.of(approved().session, KEY_HASH, skew=SKEW, handed=True)
    assert snapshot.decode(snapshot.encode(given)) == given
    assert structs.replace(given, handed=False) == Snapshot.of(
        approved().session, KEY_HASH, skew=SKEW
    )
    assert State[given.state] is State.APPROVED


# -- what later versions added ---------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_session_with_confirm_keeps_it_and_older_programs_refuse_it(stage):
    meeting = stage(PERSISTENT, confirm="code")
    text = snapshot.encode(Snapshot.of(meeting.session, KEY_HASH, skew=SKEW))
    assert json.loads(text)["version"] == 2
    assert restored(meeting).session.describe().confirm == "code"


def test_snapshot_has_no_code():
    meeting = asked(PERSISTENT, confirm="code")
    whole = json.loads(snapshot.encode(Snapshot.of(meeting.session, KEY_HASH, skew=SKEW)))
    assert meeting.session.code == CODE
    assert CODE not in whole.values()
    assert "code" not in whole


def test_restored_session_needs_the_code_of_its_next_request():
    meeting = restored(Meeting(PERSISTENT, confirm="code"))
    meeting.comes(HOST)
    meeting.asks(code=OTHER_CODE)
    assert code(meeting.decides()) == "not_allowed"
    assert meeting.decides(code=OTHER_CODE).status == "approved"


def test_resume_tokens_are_the_same_on_another_node():
    meeting = approved(PERSISTENT)
    meeting.comes(GUEST, RESUME, "first")
    meeting.comes(GUEST, "first", "second")
    meeting = restored(meeting)
    assert meeting.comes(GUEST, "second", "third").resume_token == "third"
    assert meeting.comes(GUEST, RESUME, "fourth").reason is Reason.TOKEN_REUSED


def test_forgotten_resume_token_is_noticed_on_another_node():
    meeting = approved(PERSISTENT)
    meeting.comes(GUEST, RESUME, "f" * 22 + "1" * 43)
    meeting = restored(meeting)
    assert meeting.comes(GUEST, "f" * 22 + "2" * 43).reason is Reason.TOKEN_REUSED


def test_contested_link_stays_contested_on_another_node():
    meeting = approved(PERSISTENT)
    meeting.asks()
    meeting = restored(meeting)
    meeting.comes(HOST)
    meeting.heard[HOST].clear()
    meeting.asks()
    assert meeting.heard[HOST] == []


def test_session_for_a_known_device_is_one_on_another_node():
    assert restored(Meeting(PERSISTENT, link_ttl=9000.0)).session.standing
    assert not restored(Meeting(PERSISTENT)).session.standing


def test_snapshot_of_an_earlier_program_is_readable():
    meeting = approved(PERSISTENT)
    meeting.asks()
    meeting.comes(GUEST, RESUME, "first")
    meeting.comes(GUEST, "first", "second")
    whole = json.loads(snapshot.encode(Snapshot.of(meeting.session, KEY_HASH, skew=SKEW)))
    for name in ("confirm", "contested", "standing", "successors", "superseded", "family_hash"):
        whole.pop(name, None)
    session = snapshot.decode(json.dumps(whole).encode()).restore(Terms(), skew=SKEW)
    assert (session.confirm, session.contested) == ("none", False)
    assert (session.successors, session.superseded) == ((), ())
    assert session.find_resume_token("first") == session.resume_hash
