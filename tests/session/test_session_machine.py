"""The section Lifecycle of the protocol holds for any events in any order and at any time."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session import events as ev
from proxim.session.events import Admit, Finish, Refuse, Reply, Role, Tell
from proxim.session.session import RULES
from proxim.session.state import MAX_SUCCESSORS, MAX_SUPERSEDED
from tests.session.helpers import (
    ACK,
    ANSWER,
    CODE,
    GUEST,
    HOST,
    ONE_TIME,
    OTHER_CODE,
    OTHER_SEAL,
    QR_TTL,
    REQUEST_SEAL,
    RESUME,
    START,
    TEMPORARY,
    TOKEN,
    WINDOW,
    Meeting,
    code,
    just_before,
)

AT_ONCE = {
    Reason.CLOSED: lambda event: isinstance(event, ev.CloseRequested),
    Reason.REJECTED: lambda event: (
        isinstance(event, ev.HostDecided) and (not event.approve or event.code != CODE)
    ),
    Reason.SHUTDOWN: lambda event: isinstance(event, ev.ShutDown),
    Reason.INACTIVE: lambda event: isinstance(event, ev.Swept),
    Reason.DISCONNECTED: lambda event: isinstance(event, ev.Restored | ev.PairCancelled),
    Reason.TOKEN_REUSED: lambda event: isinstance(event, ev.ResumeRequested),
}


class Watched(Meeting):
    """A meeting with a model of the session, with which it compares."""

    def __init__(self, kind, ttl, grace, confirm, sealed=False):
        self.one_time, self.grace = kind is ONE_TIME, grace
        self.expires_at = START + ttl if kind is TEMPORARY else math.inf
        self.token, self.link_expires_at = TOKEN, START + QR_TTL
        self.asked_at = None
        self.approved = False
        self.left_at = {}
        self.shown, self.given, self.past = RESUME, [], []
        self.confirm = confirm
        self.seal, self.ack, self.answer = None, None, None
        super().__init__(kind, ttl=ttl, one_time_grace=grace, confirm=confirm, sealed=sealed)

    def comes(self, role, resume_token=None, successor=None):
        return super().comes(role, resume_token or self.shown, successor)

    def resumes(self, token, successor):
        """Resume, and note which tokens are good from then on."""
        reply = self.comes(GUEST, token, successor)
        if isinstance(reply, wire.Resumed):
            assert token in (self.shown, *self.given)
            assert reply.resume_token == (successor or wire.UNSET)
            if token != self.shown:
                others = [each for each in self.given if each != token]
                self.past = [*self.past, self.shown, *others][-MAX_SUPERSEDED:]
                self.shown, self.given = token, []
            self.is_given(successor)
            assert reply.ack == (self.ack or wire.UNSET)
            assert reply.seal == (self.answer or wire.UNSET)
        return reply

    def is_given(self, successor):
        if successor is not None:
            self.given = [*self.given, successor][-MAX_SUCCESSORS:]

    @property
    def dues(self):
        """Every moment at which time alone ends the session, with the reason."""
        dues = {(self.expires_at, Reason.EXPIRED)}
        dues |= {(at + self.grace, Reason.DISCONNECTED) for at in self.left_at.values()}
        if self.asked_at is not None and not self.approved:
            dues.add((self.asked_at + WINDOW, Reason.APPROVAL_TIMEOUT))
        return dues

    def hand(self, event, sender=None):
        over, before = self.session.ended, self.session.state
        prompted = self.asked_at is not None and not self.approved
        leaver = {ev.HostLeft: HOST, ev.GuestLeft: GUEST}.get(type(event))
        if leaver and self.one_time and not over:
            self.left_at[leaver] = self.now
        first_due = min(self.dues)[0]
        idle = self.asked_at is None and self.now >= self.link_expires_at and HOST not in self.seats
        due = {reason for at, reason in self.dues if at == first_due <= self.now}
        reply = super().hand(event, sender)
        said = [effect.message for effect in self.effects if isinstance(effect, (Tell, Reply))]

        if isinstance(reply, wire.PairPending) and self.asked_at is not None:
            assert event.seal == self.seal is not None, "the token worked twice"
            assert not due
            assert not self.approved
            self.is_given(event.resume_token)
        elif isinstance(reply, wire.PairPending):
            assert not due
            assert self.now < self.link_expires_at
            assert (event.seal is not None) is self.session.sealed
            self.asked_at, self.seal = self.now, event.seal
        acks = [message.seal for message in said if isinstance(message, wire.PairAck)]
        assert acks in ([], [self.ack or getattr(event, "seal", None)])
        results = [message for message in said if isinstance(message, wire.PairResult)]
        assert all(result == results[0] for result in results)
        if results and results[0].status is Status.APPROVED:
            assert event.approve
            assert self.confirm == "none" or event.code == CODE
            assert not self.session.sealed or event.seal == ANSWER
            self.answer = event.seal
            assert prompted
            assert not due
            assert len(results) == 2
            self.approved = True
        for effect in self.effects:
            hands_out_ice = getattr(effect, "ice_lifetime", None) is not None
            if isinstance(getattr(effect, "message", None), wire.Signal) or hands_out_ice:
                assert self.approved
                assert not self.session.ended
        to_host = [each for each in self.effects if isinstance(each, Tell) and each.role is HOST]
        assert not any(getattr(each.message, "code", wire.UNSET) for each in to_host)
        for role in Role:
            if Admit(role) in self.effects:
                self.left_at.pop(role, None)

        finishes = [effect.reason for effect in self.effects if isinstance(effect, Finish)]
        if over:
            assert all(
                isinstance(each, Reply | Refuse) or each == Admit(HOST) for each in self.effects
            )
        elif finishes:
            (reason,) = finishes
            assert reason in due if due else AT_ONCE[reason](event)
            assert idle or reason is not Reason.INACTIVE
            endings = [message for message in said if isinstance(message, wire.SessionEnded)]
            assert [word.reason for word in endings[:2]] == [reason] * 2
            assert {word.status for word in endings + results} == {self.session.status}
            assert len(results) == (2 if prompted else 0)
        else:
            assert not due
            assert not (idle and isinstance(event, ev.Swept))
            assert self.session.deadline == min(self.dues)[0]
            leads_to = RULES[before][type(event)].leads_to
            assert self.session.state in (before, *leads_to)
        assert self.session.ended is (over or bool(finishes))
        connected = self.approved and not self.session.ended and self.seats == {HOST, GUEST}
        assert self.line is connected
        return reply


class Lifecycle(RuleBasedStateMachine):
    seats = st.sampled_from(Role)

    @initialize(
        kind=st.sampled_from(SessionType),
        ttl=st.sampled_from([25.0, WINDOW, 500.0]),
        grace=st.sampled_from([15.0, 60.0, 0.0]),
        approval=st.sampled_from(["none", "code", "sealed"]),
        stage=st.sampled_from([0, 1, 2]),
    )
    def open(self, kind, ttl, grace, approval, stage):
        sealed, confirm = approval == "sealed", "code" if approval == "code" else "none"
        self.meeting = Watched(kind, ttl, grace, confirm, sealed)
        self.sent = {HOST: [], GUEST: []}
        self.number = 0
        if stage >= 1:
            self.meeting.asks()
        if stage >= 2:
            self.meeting.decides(code=CODE)

    @property
    def session(self):
        return self.meeting.session

    @rule(right=st.booleans(), seal=st.sampled_from([REQUEST_SEAL, REQUEST_SEAL, OTHER_SEAL, None]))
    def a_guest_asks(self, right, seal):
        meeting = self.meeting
        used, there = meeting.asked_at is not None, HOST in meeting.seats
        contested = len(meeting.told(HOST, wire.Contested))
        self.number += 1
        resume_token = f"resume-{self.number}" if used else RESUME
        seal = seal if self.session.sealed or seal == OTHER_SEAL else None
        reply = meeting.asks(meeting.token if right else "wrong", CODE, seal, resume_token)
        if meeting.seal == seal or (seal is not None) is not self.session.sealed:
            assert not self.session.sealed or len(meeting.told(HOST, wire.Contested)) == contested
        if not right:
            assert code(reply) == "unknown_session"
        elif (seal is not None) is not self.session.sealed:
            assert code(reply) == "bad_message"
        elif used:
            is_again = self.session.sealed and seal == meeting.seal
            is_open = not meeting.approved and not self.session.ended
            assert code(reply) == (None if is_again and is_open else "token_used")
        elif self.session.ended:
            assert reply.reason is self.session.reason
        elif meeting.now >= meeting.link_expires_at:
            assert code(reply) == "link_lapsed"
        else:
            assert code(reply) == (None if there else "host_offline")

    @rule(
        which=st.sampled_from(["shown", "given", "given", "past", "wrong"]),
        index=st.integers(0, 5),
        rotates=st.booleans(),
    )
    def a_guest_resumes(self, which, index, rotates):
        meeting, was_over = self.meeting, self.session.ended
        pool = {"given": meeting.given, "past": meeting.past, "wrong": ["wrong"]}.get(which)
        token = pool[index % len(pool)] if pool else meeting.shown
        is_past = token in meeting.past
        self.number += 1
        reply = meeting.resumes(token, f"resume-{self.number}" if rotates else None)
        if token == "wrong" or meeting.asked_at is None:
            assert code(reply) == "unknown_session"
        else:
            expected = wire.SessionEnded if self.session.ended else wire.Resumed
            assert isinstance(reply, expected)
            assert self.session.ended or not is_past, "a superseded token took the seat"
            is_reused = self.session.reason is Reason.TOKEN_REUSED
            assert was_over or not is_reused or is_past, "a good token ended the session"

    @rule()
    def the_host_comes(self):
        self.meeting.comes(HOST)

    @rule(role=seats)
    def one_leaves(self, role):
        if role in self.meeting.seats:
            self.meeting.leaves(role)

    @rule(role=seats, seconds=st.sampled_from([0, 7.5, 15.0]))
    def one_leaves_and_returns(self, role, seconds):
        if role in self.meeting.seats:
            self.meeting.leaves(role)
            self.meeting.now += seconds
            self.meeting.comes(role)

    @precondition(lambda self: self.meeting.now > START + 15 and GUEST in self.meeting.seats)
    @rule()
    def the_guest_cancels(self):
        meeting, was_over = self.meeting, self.session.ended
        is_due = min(meeting.dues)[0] <= meeting.now
        reply = meeting.cancels()
        if self.session.ended:
            assert reply.reason is self.session.reason
            assert was_over or not meeting.approved or is_due
        else:
            assert meeting.approved
            assert code(reply) == "already_decided"

    @precondition(lambda self: HOST in self.meeting.seats)
    @rule(seal=st.sampled_from([ACK, ACK, OTHER_SEAL]))
    def the_host_acknowledges(self, seal):
        meeting = self.meeting
        reply = meeting.acknowledges(seal)
        if meeting.asked_at is None and not self.session.ended:
            assert code(reply) == "not_allowed"
        elif meeting.approved or self.session.ended:
            assert code(reply) == "already_decided"
        elif not self.session.sealed:
            assert code(reply) == "bad_message"
        elif meeting.ack in (None, seal):
            assert reply is None
            meeting.ack = seal
        else:
            assert code(reply) == "not_allowed"

    @precondition(lambda self: HOST in self.meeting.seats)
    @rule(
        approve=st.sampled_from([True, True, False]),
        sent=st.sampled_from([CODE, CODE, None, OTHER_CODE]),
        has_seal=st.sampled_from([True, True, False]),
    )
    def the_host_decides(self, approve, sent, has_seal):
        meeting = self.meeting
        is_open = meeting.asked_at is not None and not meeting.approved and not self.session.ended
        needed = approve and meeting.confirm == "code" and meeting.asked_at is not None
        reply = meeting.decides(approve, sent, *([] if has_seal else [None]))
        if is_open and approve and self.session.sealed and not has_seal and not self.session.ended:
            assert code(reply) == "bad_message"
            return
        if needed and sent is None and not meeting.approved and not self.session.ended:
            assert code(reply) == "not_allowed"
        if needed and sent == OTHER_CODE:
            assert meeting.approved or self.session.ended

    @precondition(lambda self: HOST in self.meeting.seats)
    @rule()
    def the_host_renews_the_link(self):
        self.number += 1
        token = f"token-{self.number}"
        if isinstance(self.meeting.renews(token), wire.LinkRenewed):
            assert self.meeting.asked_at is None
            self.meeting.token, self.meeting.link_expires_at = token, self.meeting.now + QR_TTL

    @rule(role=seats, burst=st.sampled_from([1, 3, 40]))
    def one_signals(self, role, burst):
        for _ in range(burst if role in self.meeting.seats else 0):
            self.number += 1
            (reply,) = self.meeting.signals(role, self.number)
            if not self.meeting.approved or self.session.ended:
                assert code(reply) == "not_approved"
            elif reply is None:
                self.sent[role].append(self.number)
            else:
                assert code(reply) == "peer_offline"
                assert role.peer not in self.meeting.seats

    @rule(role=seats)
    def one_asks_for_ice_servers(self, role):
        if role in self.meeting.seats:
            reply = self.meeting.asks_ice(role)
            refused = not self.meeting.approved or self.session.ended
            assert (code(reply) == "not_approved") is refused

    @precondition(lambda self: self.meeting.now > START + 30)
    @rule(role=seats)
    def one_closes(self, role):
        if role in self.meeting.seats:
            self.meeting.closes(role)

    @precondition(lambda self: self.meeting.now > START + 60)
    @rule()
    def the_node_shuts_down(self):
        self.meeting.hand(ev.ShutDown())

    @rule()
    def sweep_runs(self):
        self.meeting.hand(ev.Swept())

    @rule(seconds=st.sampled_from([0.5, 7.0, 14.5, 39.0, 301.0]), fires=st.booleans())
    def time_passes(self, seconds, fires):
        self.meeting.now += seconds
        if fires:
            self.meeting.hand(ev.TimePassed())

    @rule(expires=st.booleans(), early=st.booleans(), fires=st.booleans())
    def the_deadline_comes(self, expires, early, fires):
        moment = self.meeting.link_expires_at if expires else self.session.deadline
        if moment < math.inf:
            self.meeting.now = max(self.meeting.now, just_before(moment) if early else moment)
        if fires:
            self.meeting.hand(ev.TimePassed())

    @invariant()
    def every_direction_keeps_its_order_and_loses_nothing(self):
        for role in Role:
            sent, got = self.sent[role], self.meeting.signals_to(role.peer)
            assert got == sent[: len(got)]
            if not self.session.ended:
                waiting = len(sent) - len(got)
                assert waiting <= (0 if role.peer in self.meeting.seats else 64)


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=300, stateful_step_count=40)
