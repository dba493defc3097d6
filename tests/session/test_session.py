import random
from collections import defaultdict
from itertools import product
from typing import get_args

import pytest
from msgspec import Raw

from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session import events as ev
from proxim.session.events import Event, Finish, Reply, Role
from proxim.session.session import RULES
from proxim.session.state import DAY, State
from tests.session.helpers import (
    ACK,
    DEVICE,
    GUEST,
    HOST,
    ID,
    PERSISTENT,
    QR_TTL,
    RESUME,
    START,
    TEMPORARY,
    TOKEN,
    TTL,
    WINDOW,
    Meeting,
    approved,
    asked,
    code,
    ended,
    just_before,
)

STAGES = [Meeting, asked, approved, ended]
SUPERSEDED = "superseded-resume-token"
EVERY_KIND = pytest.mark.parametrize("kind", SessionType)
EITHER_SIDE = pytest.mark.parametrize("role", Role)
EITHER_ANSWER = pytest.mark.parametrize("approve", [True, False])


# -- the table -------------------------------------------------------------------------------


def test_every_pair_of_state_and_event_is_decided():
    assert set(RULES) == set(State)
    for rules in RULES.values():
        assert set(rules) == set(get_args(Event))


def test_every_rule_leads_only_to_its_states():
    events = [event() for event in get_args(Event) if not event.__struct_fields__]
    events += [ev.PairRequested(token, DEVICE, RESUME) for token in (TOKEN, "wrong")]
    events += [ev.ResumeRequested(token) for token in (RESUME, SUPERSEDED, "wrong")]
    events += [ev.HostDecided(approve) for approve in (True, False)]
    events += [ev.CloseRequested(role) for role in Role]
    events += [ev.Restored(handed) for handed in (True, False)]
    events += [ev.SignalReturned(GUEST, Raw(b"1")), ev.SuccessorLost(RESUME)]
    events += [ev.SignalSent(HOST, Raw(b"1")), ev.RenewalRequested(ev.Invitation(b""))]
    events += [ev.HostAcknowledged(ACK)]
    absences = [(), (HOST,), (GUEST,), (HOST, GUEST)]
    reached = defaultdict(set)
    for stage, kind, grace, absent, later, event in product(
        STAGES, SessionType, (0.0, 500.0), absences, (0, WINDOW, QR_TTL, TTL), events
    ):
        meeting = stage(kind, one_time_grace=grace, idle_days=QR_TTL / DAY)
        if stage is not Meeting:
            meeting.session.superseded = (tokens.digest(SUPERSEDED),)
        for role in absent:
            meeting.leaves(role)
        meeting.now += later
        overdue = meeting.now >= meeting.session.deadline
        if overdue and not isinstance(event, ev.TimePassed):
            continue
        before = meeting.session.state
        meeting.hand(event)
        reached[before, type(event)].add(meeting.session.state)
    for state, event in product(State, get_args(Event)):
        assert reached[state, event] - {state} == set(RULES[state][event].leads_to), (state, event)


# -- asking ----------------------------------------------------------------------------------


@EVERY_KIND
def test_right_token_seats_the_guest_and_prompts_the_host(kind):
    meeting = Meeting(kind, ttl=WINDOW + TTL)
    reply = meeting.asks()
    assert reply == wire.PairPending(
        session_id=ID,
        resume_token=RESUME,
        expires_in=WINDOW,
        session_type=kind,
    )
    prompt = wire.PairPrompt(session_id=ID, device_info=DEVICE, expires_in=WINDOW)
    assert meeting.heard[HOST] == [prompt]
    assert meeting.seats == {HOST, GUEST}
    assert meeting.session.status is Status.PENDING


@pytest.mark.parametrize("stage", STAGES)
def test_wrong_token_reveals_and_changes_nothing(stage):
    meeting = stage()
    state, seats = meeting.session.state, set(meeting.seats)
    assert code(meeting.asks("wrong")) == "unknown_session"
    assert (meeting.session.state, meeting.seats) == (state, seats)


@pytest.mark.parametrize("stage", [asked, approved, ended])
def test_token_works_once(stage):
    assert code(stage().asks()) == "token_used"


def test_expired_link_is_refused():
    in_time, late = Meeting(), Meeting()
    in_time.now, late.now = just_before(START + QR_TTL), START + QR_TTL
    assert code(in_time.asks()) is None
    assert code(late.asks()) == "link_lapsed"
    assert code(late.asks("wrong")) == "unknown_session"
    assert late.session.state is State.PENDING


@pytest.mark.parametrize("age", [0, QR_TTL])
def test_renewed_link_replaces_the_earlier_one(age):
    meeting = Meeting(PERSISTENT)
    meeting.waits(age)
    reply = meeting.renews("new-token")
    assert reply == wire.LinkRenewed(session_id=ID, pair_within=QR_TTL, token="new-token")
    meeting.now = just_before(meeting.now + QR_TTL)
    assert code(meeting.asks(TOKEN)) == "unknown_session"
    assert code(meeting.asks("new-token")) is None


@pytest.mark.parametrize("stage", [asked, approved])
def test_used_link_cannot_be_renewed(stage):
    assert code(stage().renews("new-token")) == "not_allowed"


def test_link_stays_valid_while_the_host_is_offline():
    meeting = Meeting(PERSISTENT)
    meeting.leaves(HOST)
    assert code(meeting.asks()) == "host_offline"
    assert code(meeting.asks("wrong")) == "unknown_session"
    assert meeting.seats == set()
    meeting.comes(HOST)
    assert code(meeting.asks()) is None


# -- the approval timeout --------------------------------------------------------------------


@EVERY_KIND
@EITHER_ANSWER
def test_decision_just_before_the_timeout_counts(kind, approve):
    meeting = asked(kind)
    meeting.now = just_before(START + WINDOW)
    status = Status.APPROVED if approve else Status.REJECTED
    assert meeting.decides(approve).status is status
    assert [result.status for result in meeting.told(GUEST, wire.PairResult)] == [status]


@EVERY_KIND
@EITHER_ANSWER
@pytest.mark.parametrize("late_by", [0, 1e-9, 1e6])
def test_decision_after_the_timeout_changes_nothing(kind, approve, late_by):
    meeting = asked(kind, ttl=1e9)
    meeting.now += WINDOW + late_by
    assert code(meeting.decides(approve)) == "already_decided"
    for role in Role:
        assert [result.status for result in meeting.told(role, wire.PairResult)] == ["expired"]
        assert meeting.ending(role) is Reason.APPROVAL_TIMEOUT


@EVERY_KIND
def test_unanswered_prompt_ends_exactly_at_the_timeout(kind):
    meeting = asked(kind)
    meeting.now = just_before(meeting.session.deadline)
    meeting.hand(ev.TimePassed())
    assert (meeting.effects, meeting.session.state) == ([], State.PROMPTED)
    meeting.now = START + WINDOW
    meeting.hand(ev.TimePassed())
    assert meeting.ending(HOST) is meeting.ending(GUEST) is Reason.APPROVAL_TIMEOUT


def test_prompt_ends_with_a_session_that_expires_first():
    meeting = asked(TEMPORARY, ttl=10)
    assert meeting.told(HOST, wire.PairPrompt)[0].expires_in == 10
    assert meeting.told(GUEST, wire.PairPending)[0].expires_in == 10
    meeting.now += 10
    assert code(meeting.decides()) == "already_decided"
    for role in Role:
        assert meeting.told(role, wire.PairResult)[0].status is Status.EXPIRED
        assert meeting.ending(role) is Reason.EXPIRED


def test_decision_at_the_deadline_has_one_outcome_for_both():
    rng = random.Random(40)
    seen = set()
    for _ in range(10_000):
        meeting = asked(rng.choice([*SessionType]), ttl=rng.choice([WINDOW, TTL]))
        approve = rng.random() < 0.7
        decided_at = START + WINDOW + rng.choice([0, rng.uniform(-1e-3, 1e-3)])
        rings = [START + WINDOW + rng.uniform(0, 1e-3) for _ in range(rng.randrange(3))]
        happens = [(decided_at, ev.HostDecided(approve))] + [(at, ev.TimePassed()) for at in rings]
        rng.shuffle(happens)
        for at, event in sorted(happens, key=lambda happening: happening[0]):
            meeting.now = at
            meeting.hand(event)
        in_time = decided_at < START + WINDOW
        outcome = ("approved" if approve else "rejected") if in_time else "expired"
        for role in Role:
            assert [result.status for result in meeting.told(role, wire.PairResult)] == [outcome]
        assert meeting.ending(HOST) == meeting.ending(GUEST)
        seen.add(outcome)
    assert seen == {"approved", "rejected", "expired"}


def test_only_an_open_prompt_can_be_decided():
    assert code(Meeting().decides()) == "not_allowed"
    assert code(approved().decides(approve=False)) == "already_decided"
    assert code(ended().decides()) == "already_decided"


def test_approval_tells_both_sides_and_opens_the_line():
    meeting = approved()
    result = wire.PairResult(
        session_id=ID, status=Status.APPROVED, device_info=DEVICE, ice_servers=[], ice_ttl=DAY
    )
    assert meeting.heard[HOST][-1] == meeting.heard[GUEST][-1] == result
    assert meeting.line


def test_rejection_tells_both_sides_and_ends_the_session():
    meeting = asked()
    meeting.decides(approve=False)
    result = wire.PairResult(session_id=ID, status=Status.REJECTED, device_info=DEVICE)
    ending = wire.SessionEnded(session_id=ID, status=Status.REJECTED, reason=Reason.REJECTED)
    assert meeting.heard[HOST][-2:] == meeting.heard[GUEST][-2:] == [result, ending]


# -- ICE servers and signals -----------------------------------------------------------------


@pytest.mark.parametrize("stage", [Meeting, asked, ended])
def test_only_an_approved_session_relays_and_gives_ice_servers(stage):
    meeting = stage()
    assert code(meeting.asks_ice(HOST)) == "not_approved"
    assert [code(reply) for reply in meeting.signals(HOST, 1)] == ["not_approved"]
    assert meeting.signals_to(GUEST) == []


@pytest.mark.parametrize(
    ("kind", "ttl", "serves"),
    [(TEMPORARY, 600, 500), (TEMPORARY, 2 * DAY, DAY), (PERSISTENT, 0, DAY)],
)
def test_ice_servers_outlive_neither_the_session_nor_a_day(kind, ttl, serves):
    meeting = approved(kind, ttl=ttl)
    meeting.waits(100)
    assert meeting.asks_ice(GUEST) == wire.IceServers(session_id=ID, ice_servers=[], ttl=serves)


@EITHER_SIDE
def test_signals_are_relayed_unchanged_and_in_order(role):
    meeting = approved()
    data = [Raw(b'{"sdp" : "v=0"}'), Raw(b"null"), Raw(b"[1, 2]")]
    for each in data:
        assert meeting.hand(ev.SignalSent(role, each)) is None
    assert meeting.told(role.peer, wire.Signal) == [
        wire.Signal(session_id=ID, data=each) for each in data
    ]


# -- taking a request back -------------------------------------------------------------------


@EVERY_KIND
@pytest.mark.parametrize("grace", [0.0, 500.0])
def test_cancelled_request_ends_the_prompt_at_once_for_both(kind, grace):
    meeting = asked(kind, one_time_grace=grace, confirm="code")
    reply = meeting.cancels()
    assert reply == wire.SessionEnded(
        session_id=ID, status=Status.EXPIRED, reason=Reason.DISCONNECTED
    )
    for role in Role:
        assert [it.status for it in meeting.told(role, wire.PairResult)] == [Status.EXPIRED]
        assert meeting.ending(role) is Reason.DISCONNECTED
    assert meeting.effects[-1] == Finish(Reason.DISCONNECTED)


def test_cancelled_request_uses_the_link_up_and_takes_no_seat_back():
    meeting = asked(PERSISTENT)
    meeting.cancels()
    assert code(meeting.asks()) == "token_used"
    assert meeting.comes(GUEST).reason is Reason.DISCONNECTED
    assert isinstance(meeting.renews("new-token"), wire.SessionEnded)


def test_first_of_decision_and_cancel_counts():
    decided, cancelled = asked(PERSISTENT), asked(PERSISTENT)
    decided.decides()
    assert code(decided.cancels()) == "already_decided"
    assert decided.session.status is Status.APPROVED
    assert decided.line
    cancelled.cancels()
    assert code(cancelled.decides()) == "already_decided"
    assert cancelled.session.status is Status.EXPIRED


def test_cancel_that_is_sent_again_is_answered_again():
    meeting = asked(TEMPORARY)
    first = meeting.cancels()
    assert meeting.cancels() == first
    assert [type(effect) for effect in meeting.effects] == [Reply]


def test_request_cannot_be_cancelled_before_it_is_made():
    meeting = Meeting()
    assert code(meeting.cancels()) == "not_allowed"
    assert meeting.session.state is State.PENDING


# -- the end ---------------------------------------------------------------------------------


@EVERY_KIND
@pytest.mark.parametrize("stage", [Meeting, asked, approved])
def test_host_can_close_at_any_time(kind, stage):
    meeting = stage(kind)
    assert meeting.closes(HOST).reason is Reason.CLOSED
    assert [meeting.ending(role) for role in meeting.seats] == [Reason.CLOSED] * len(meeting.seats)
    assert meeting.effects[-1] == Finish(Reason.CLOSED)
    assert not meeting.line


def test_guest_can_close_only_once_approved():
    meeting = asked()
    assert code(meeting.closes(GUEST)) == "not_allowed"
    meeting.decides()
    assert meeting.closes(GUEST).reason is meeting.ending(HOST) is Reason.CLOSED


@pytest.mark.parametrize("stage", [Meeting, asked, approved])
def test_every_end_of_an_open_prompt_sends_its_result(stage):
    meeting = stage()
    meeting.heard = {HOST: [], GUEST: []}
    meeting.hand(ev.ShutDown())
    results = ["expired"] if stage is asked else []
    for role in meeting.seats:
        assert [result.status for result in meeting.told(role, wire.PairResult)] == results
        assert meeting.ending(role) is Reason.SHUTDOWN


@pytest.mark.parametrize("absent", [(), (HOST,), (GUEST,), (HOST, GUEST)])
def test_temporary_session_ends_exactly_when_it_expires(absent):
    meeting = approved(TEMPORARY)
    for role in absent:
        meeting.leaves(role)
    meeting.now = just_before(START + TTL)
    meeting.hand(ev.TimePassed())
    assert not meeting.session.ended
    meeting.now = START + TTL
    meeting.hand(ev.TimePassed())
    assert meeting.effects[-1] == Finish(Reason.EXPIRED)
    assert [meeting.ending(role) for role in meeting.seats] == ["expired"] * (2 - len(absent))


def test_any_event_after_the_deadline_finds_the_session_ended():
    meeting = approved(TEMPORARY)
    meeting.now += TTL
    assert [code(reply) for reply in meeting.signals(HOST, 1)] == ["not_approved"]
    assert meeting.signals_to(GUEST) == []
    assert meeting.ending(GUEST) is Reason.EXPIRED


@pytest.mark.parametrize(
    ("stage", "host_away", "age", "ends"),
    [
        (Meeting, True, QR_TTL, True),
        (Meeting, True, just_before(START + QR_TTL) - START, False),
        (Meeting, False, QR_TTL, False),
        (asked, True, 0, False),
        (approved, True, QR_TTL, False),
    ],
)
def test_sweep_ends_a_pending_session_without_host_and_link(stage, host_away, age, ends):
    meeting = stage(PERSISTENT)
    if host_away:
        meeting.leaves(HOST)
    meeting.waits(age)
    meeting.hand(ev.Swept())
    assert meeting.effects[-1:] == ([Finish(Reason.INACTIVE)] if ends else [])


def test_ended_session_tells_its_reason_only_to_its_members():
    used, unused = ended(), Meeting()
    unused.closes(HOST)
    for meeting in (used, unused):
        assert meeting.renews("new-token").reason is Reason.CLOSED
        assert meeting.closes(HOST).reason is Reason.CLOSED
    assert used.comes(GUEST).reason is unused.asks().reason is Reason.CLOSED
    assert code(used.comes(GUEST, "wrong")) == code(unused.comes(GUEST)) == "unknown_session"
