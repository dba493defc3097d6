"""The session: the state machine that decides everything about the pairing of two devices.

A host opens a session, and shows its link as a QR code. One guest asks to pair with the token of
the link. A person at the host approves or rejects the guest within ``approval_timeout``, or the
session ends. While it is approved, each side may send signals to the other.

``handle(event, now)`` returns a list of effects; it never waits, and reads no clock. ``RULES``, at
the end of this file, has one decision for every pair of state and event. This implements "The
session object" and "Lifecycle" of docs/reference/protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar, cast

from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import (
    AlreadyDecided,
    HostOffline,
    LinkLapsed,
    NotAllowed,
    NotApproved,
    RequestError,
    TokenUsed,
)
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session import events as ev
from proxim.session.events import Admit, Effect, Event, Reply, Role, Tell
from proxim.session.seals import Seals, check_seal
from proxim.session.seating import Seating, to_both
from proxim.session.state import Alarm, State


class Session(Seating):
    """Decides, for one session, what each event changes and which effects it has.

    ``now`` is in seconds of one monotonic clock. The host that opens a session holds its seat from
    the start. At ``deadline`` the session needs a ``TimePassed``. An event that is handled after
    the deadline finds the session ended, so that a late timer changes no outcome.
    """

    @classmethod
    def open(
        cls,
        *,
        session_id: str,
        uuid: str,
        session_type: SessionType,
        ttl: float | None,
        token_hash: bytes,
        created_at: datetime,
        now: float,
        terms: ev.Terms,
        confirm: Confirm = "none",
        sealed: bool = False,
        host_name: str = "",
        link_ttl: float | None = None,
    ) -> Session:
        """Return a new session, pending, with its host online; ``ttl`` if it is temporary."""
        return cls(
            session_id=session_id,
            uuid=uuid,
            session_type=session_type,
            created_at=created_at,
            expires_at=None if ttl is None else created_at + timedelta(seconds=ttl),
            token_hash=token_hash,
            link_expires_at=now + terms.link_lifetime(link_ttl),
            alarms={} if ttl is None else {Alarm.EXPIRY: now + ttl},
            terms=terms,
            confirm=confirm,
            sealed=sealed,
            host_name=host_name,
            standing=link_ttl is not None,
        )

    # -- the state machine -------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Handle an event, and return its effects. A refusal is an effect, too.

        ``now`` is never less than in an earlier call (protocol: Lifecycle).
        """
        overdue = self._apply(ev.TimePassed(), now) if now >= self.deadline else []
        return overdue + self._apply(event, now)

    def _apply(self, event: Event, now: float) -> list[Effect]:
        try:
            return RULES[self.state][type(event)].decide(self, event, now)
        except RequestError as refusal:
            refusal.session_id = self.session_id
            # The traceback leads to frames that refer to the effect: a cycle that keeps the event.
            return [ev.Refuse(refusal.with_traceback(None))]

    # -- the host ----------------------------------------------------------------------------

    def _host_joined(self, event: ev.HostJoined, now: float) -> list[Effect]:
        return [Admit(Role.HOST), *self._take_seat(Role.HOST)]

    def _host_joined_when_approved(self, event: ev.HostJoined, now: float) -> list[Effect]:
        return [Admit(Role.HOST), *self._missed_by(event, now), *self._take_seat(Role.HOST)]

    def _host_joined_when_prompted(self, event: ev.HostJoined, now: float) -> list[Effect]:
        return [*self._host_joined(event, now), Tell(Role.HOST, self.prompt(now))]

    def _host_joined_when_ended(self, event: ev.HostJoined, now: float) -> list[Effect]:
        missed = event.seen in (Status.PENDING, Status.APPROVED)
        return [Admit(Role.HOST), *([Tell(Role.HOST, self.session_ended())] if missed else [])]

    def _renewal_requested(self, event: ev.RenewalRequested, now: float) -> list[Effect]:
        self.token_hash = event.invitation.token_hash
        self.link_expires_at = now + self.terms.link_lifetime(event.link_ttl)
        return [Reply(self.link_renewed(event.invitation, now))]

    def _refuse_renewal(self, event: ev.RenewalRequested, now: float) -> list[Effect]:
        raise NotAllowed("the link was used; only a pending session's link can be renewed")

    def _host_acknowledged(self, event: ev.HostAcknowledged, now: float) -> list[Effect]:
        check_seal(event.seal, self.sealed)
        assert self.seals is not None
        if event.seal == self.seals.ack:
            return []  # The host sends its ack again, since it was told of the prompt again.
        self.seals = self.seals.with_ack(event.seal)
        return [Tell(Role.GUEST, self.pair_ack())]

    def _host_decided(self, event: ev.HostDecided, now: float) -> list[Effect]:
        if event.approve or event.seal is not None:
            check_seal(event.seal, self.sealed)
        if self.seals is not None:
            self.seals = self.seals.with_answer(event.seal or "")
        if not event.approve:
            # The program of a sealed session that could not open a request declines without a seal.
            by_person = event.seal is not None or not self.sealed
            return self._end(Reason.REJECTED, decided=True, is_denial=by_person)
        if self.confirm == "code":
            if event.code is None:
                raise NotAllowed("an approval needs the code that the other device shows")
            if not tokens.same(event.code, self.code):
                return self._end(Reason.REJECTED, decided=True)
        self.code = ""
        self.state = State.APPROVED
        del self.alarms[Alarm.PROMPT]
        effects = to_both(self.pair_result(), Role.HOST, self.ice_lifetime(now))
        return [
            *effects,
            ev.OpenLine() if Role.GUEST in self.online else self._guest_presence(False),
        ]

    def _refuse_early_decision(self, event: Event, now: float) -> list[Effect]:
        raise NotAllowed("no guest has asked to pair")

    def _refuse_late_decision(self, event: Event, now: float) -> list[Effect]:
        raise AlreadyDecided(f"too late: the session is {self._status_text()}")

    # -- the guest ---------------------------------------------------------------------------

    def would_prompt(self, event: ev.PairRequested, now: float) -> bool:
        """Return whether ``handle`` would prompt the host; limits on prompts apply only then."""
        try:
            self._check_pair_request(event, now)
        except RequestError:
            return False
        return self.state is State.PENDING and now < self.deadline

    def _check_pair_request(self, event: ev.PairRequested, now: float) -> None:
        self._check_link(event)
        if now >= self.link_expires_at:
            raise LinkLapsed("this link has expired; ask the host for a new one")
        if Role.HOST not in self.online:
            raise HostOffline("the host is offline; the link stays valid, try again")

    def _check_link(self, event: ev.PairRequested) -> None:
        """Raise ``UnknownSession`` or ``BadMessage`` unless a request is made by this link."""
        self.check_token(event.token)
        check_seal(event.seal, self.sealed)

    def _pair_requested(self, event: ev.PairRequested, now: float) -> list[Effect]:
        self._check_pair_request(event, now)
        self.state = State.PROMPTED
        self.device = event.device_info
        self.resume_hash = tokens.digest(event.resume_token)
        self.family_hash = tokens.family_hash(event.resume_token)
        self.code = event.code if self.confirm == "code" else ""
        self.seals = None if event.seal is None else Seals.of(event.seal)
        self.alarms[Alarm.PROMPT] = now + self.terms.approval_timeout
        self._take_seat(Role.GUEST)  # It has no effects before the approval.
        pending = self.pair_pending(event.resume_token, now)
        return [Admit(Role.GUEST), Reply(pending), Tell(Role.HOST, self.prompt(now))]

    def _pair_requested_when_prompted(self, event: ev.PairRequested, now: float) -> list[Effect]:
        self._check_link(event)
        if not self._is_repeated(event):
            return self._refuse_used_link(event, now)
        # The guest has not heard of the prompt, so it gets a token as if it had resumed.
        assert self.resume_hash is not None
        self.rotate_resume_token(self.resume_hash, event.resume_token)
        self._take_seat(Role.GUEST)
        pending = Reply(self.pair_pending(event.resume_token, now))
        ack = [Tell(Role.GUEST, self.pair_ack())] if self.seals and self.seals.ack else []
        return [Admit(Role.GUEST), pending, *ack]

    def _is_repeated(self, event: ev.PairRequested) -> bool:
        """Return whether a sealed request is the one that prompted, sent again by its guest."""
        return event.seal is not None and self.seals is not None and self.seals.are_of(event.seal)

    def _refuse_used_link(self, event: ev.PairRequested, now: float) -> list[Effect]:
        self._check_link(event)
        text = "this link was used already, and a link connects one device; ask for a new one"
        used = TokenUsed(text)
        used.session_id = self.session_id
        if self._is_repeated(event) or self.ended or self.contested or Role.HOST not in self.online:
            return [ev.Refuse(used)]
        self.contested = True
        return [ev.Refuse(used), Tell(Role.HOST, wire.Contested(session_id=self.session_id))]

    def _pair_requested_when_ended(self, event: ev.PairRequested, now: float) -> list[Effect]:
        if self.resume_hash is not None:
            return self._refuse_used_link(event, now)
        self._check_link(event)
        return self._reply_session_ended(event, now)

    def _pair_cancelled(self, event: ev.PairCancelled, now: float) -> list[Effect]:
        # The link is used up, as by every other end of a prompt.
        return self._end(Reason.DISCONNECTED, answers=Role.GUEST)

    def _resume_requested(self, event: ev.ResumeRequested, now: float) -> list[Effect]:
        shown = self.find_resume_token(event.resume_token)
        if self.is_superseded(shown):
            return [*self._end(Reason.TOKEN_REUSED), *self._reply_session_ended(event, now)]
        self.rotate_resume_token(shown, event.successor)
        effects = self._take_seat(Role.GUEST, again=event.is_seated)
        lifetime = self.ice_lifetime(now) if self.state is State.APPROVED else None
        reply = Reply(self.resumed(now, event.successor), lifetime, self.resumed(now))
        return [Admit(Role.GUEST), reply, *effects]

    def _successor_lost(self, event: ev.SuccessorLost, now: float) -> list[Effect]:
        self.forget_successor(event.successor)
        return []

    def _resume_requested_when_ended(self, event: ev.ResumeRequested, now: float) -> list[Effect]:
        self.find_resume_token(event.resume_token)
        return self._reply_session_ended(event, now)

    # -- both sides --------------------------------------------------------------------------

    def _signal_sent(self, event: ev.SignalSent, now: float) -> list[Effect]:
        receiver = event.sender.peer
        if receiver in self.online:
            return [Tell(receiver, wire.Signal(session_id=self.session_id, data=event.data))]
        return self._keep_signal(receiver, event.data)

    def _signal_returned(self, event: ev.SignalReturned, now: float) -> list[Effect]:
        return self._keep_signal(event.receiver, event.data)

    def _refuse_signal(self, event: ev.SignalSent, now: float) -> list[Effect]:
        raise NotApproved(f"no signals are relayed: the session is {self._status_text()}")

    def _ice_requested(self, event: ev.IceRequested, now: float) -> list[Effect]:
        lifetime = self.ice_lifetime(now)
        message = wire.IceServers(session_id=self.session_id, ice_servers=[], ttl=lifetime)
        return [Reply(message, lifetime)]

    def _refuse_ice(self, event: ev.IceRequested, now: float) -> list[Effect]:
        raise NotApproved(f"no ICE servers: the session is {self._status_text()}")

    def _close_requested(self, event: ev.CloseRequested, now: float) -> list[Effect]:
        if event.sender is Role.GUEST and self.state is not State.APPROVED:
            raise NotAllowed("a guest may close only an approved session; disconnect instead")
        effects = self._end(Reason.CLOSED, answers=event.sender)
        return effects if event.sender else [*effects, *self._reply_session_ended(event, now)]

    def _reply_session_ended(self, event: Event, now: float) -> list[Effect]:
        return [Reply(self.session_ended())]

    # -- time and the node -------------------------------------------------------------------

    def _time_passed(self, event: ev.TimePassed, now: float) -> list[Effect]:
        if now < self.deadline:
            return []
        first = min(self.alarms, key=lambda alarm: self.alarms[alarm])
        return self._end(first.reason)

    def _swept(self, event: ev.Swept, now: float) -> list[Effect]:
        reason = self.sweep_reason(now)
        return [] if reason is None else self._end(reason)

    def _shut_down(self, event: ev.ShutDown, now: float) -> list[Effect]:
        return self._end(Reason.SHUTDOWN)

    def _ignore(self, event: Event, now: float) -> list[Effect]:
        return []


class Rule(NamedTuple):
    """The decision on one event in one state, and the states that it may lead to."""

    event: type[Event]
    decide: Callable[[Session, Event, float], list[Effect]]
    leads_to: tuple[State, ...]


_E = TypeVar("_E", bound=Event)


def _on(
    event: type[_E], decide: Callable[[Session, _E, float], list[Effect]], *leads_to: State
) -> Rule:
    # Each method takes its own kind of event; the table guarantees that it gets no other.
    return Rule(
        cast(type[Event], event),
        cast(Callable[[Session, Event, float], list[Effect]], decide),
        leads_to,
    )


def _table(*rules: Rule) -> dict[type[Event], Rule]:
    return {rule.event: rule for rule in rules}


RULES: dict[State, dict[type[Event], Rule]] = {
    State.PENDING: _table(
        _on(ev.HostJoined, Session._host_joined),
        _on(ev.HostLeft, Session._left, State.ENDED),
        _on(ev.PairRequested, Session._pair_requested, State.PROMPTED),
        # No guest has a resume token yet, so this refuses every one of them.
        _on(ev.ResumeRequested, Session._resume_requested),
        _on(ev.PairCancelled, Session._refuse_early_decision),
        _on(ev.GuestLeft, Session._ignore),
        _on(ev.HostAcknowledged, Session._refuse_early_decision),
        _on(ev.HostDecided, Session._refuse_early_decision),
        _on(ev.RenewalRequested, Session._renewal_requested),
        _on(ev.SignalSent, Session._refuse_signal),
        _on(ev.SignalReturned, Session._ignore),
        _on(ev.SuccessorLost, Session._ignore),
        _on(ev.IceRequested, Session._refuse_ice),
        _on(ev.CloseRequested, Session._close_requested, State.ENDED),
        _on(ev.TimePassed, Session._time_passed, State.ENDED),
        _on(ev.Swept, Session._swept, State.ENDED),
        _on(ev.ShutDown, Session._shut_down, State.ENDED),
        _on(ev.Restored, Session._restored, State.ENDED),
    ),
    State.PROMPTED: _table(
        _on(ev.HostJoined, Session._host_joined_when_prompted),
        _on(ev.HostLeft, Session._left, State.ENDED),
        _on(ev.PairRequested, Session._pair_requested_when_prompted),
        _on(ev.ResumeRequested, Session._resume_requested, State.ENDED),
        _on(ev.PairCancelled, Session._pair_cancelled, State.ENDED),
        _on(ev.GuestLeft, Session._left, State.ENDED),
        _on(ev.HostAcknowledged, Session._host_acknowledged),
        _on(ev.HostDecided, Session._host_decided, State.APPROVED, State.ENDED),
        _on(ev.RenewalRequested, Session._refuse_renewal),
        _on(ev.SignalSent, Session._refuse_signal),
        _on(ev.SignalReturned, Session._ignore),
        _on(ev.SuccessorLost, Session._successor_lost),
        _on(ev.IceRequested, Session._refuse_ice),
        _on(ev.CloseRequested, Session._close_requested, State.ENDED),
        _on(ev.TimePassed, Session._time_passed, State.ENDED),
        _on(ev.Swept, Session._ignore),
        _on(ev.ShutDown, Session._shut_down, State.ENDED),
        _on(ev.Restored, Session._restored, State.ENDED),
    ),
    State.APPROVED: _table(
        _on(ev.HostJoined, Session._host_joined_when_approved),
        _on(ev.HostLeft, Session._left, State.ENDED),
        _on(ev.PairRequested, Session._refuse_used_link),
        _on(ev.ResumeRequested, Session._resume_requested, State.ENDED),
        _on(ev.PairCancelled, Session._refuse_late_decision),
        _on(ev.GuestLeft, Session._left, State.ENDED),
        _on(ev.HostAcknowledged, Session._refuse_late_decision),
        _on(ev.HostDecided, Session._refuse_late_decision),
        _on(ev.RenewalRequested, Session._refuse_renewal),
        _on(ev.SignalSent, Session._signal_sent),
        _on(ev.SignalReturned, Session._signal_returned),
        _on(ev.SuccessorLost, Session._successor_lost),
        _on(ev.IceRequested, Session._ice_requested),
        _on(ev.CloseRequested, Session._close_requested, State.ENDED),
        _on(ev.TimePassed, Session._time_passed, State.ENDED),
        _on(ev.Swept, Session._swept, State.ENDED),
        _on(ev.ShutDown, Session._shut_down, State.ENDED),
        _on(ev.Restored, Session._restored_when_approved, State.ENDED),
    ),
    State.ENDED: _table(
        _on(ev.HostJoined, Session._host_joined_when_ended),
        _on(ev.HostLeft, Session._left_when_ended),
        _on(ev.PairRequested, Session._pair_requested_when_ended),
        _on(ev.ResumeRequested, Session._resume_requested_when_ended),
        _on(ev.PairCancelled, Session._reply_session_ended),
        _on(ev.GuestLeft, Session._left_when_ended),
        _on(ev.HostAcknowledged, Session._refuse_late_decision),
        _on(ev.HostDecided, Session._refuse_late_decision),
        _on(ev.RenewalRequested, Session._reply_session_ended),
        _on(ev.SignalSent, Session._refuse_signal),
        _on(ev.SignalReturned, Session._ignore),
        _on(ev.SuccessorLost, Session._ignore),
        _on(ev.IceRequested, Session._refuse_ice),
        _on(ev.CloseRequested, Session._reply_session_ended),
        _on(ev.TimePassed, Session._ignore),
        _on(ev.Swept, Session._ignore),
        _on(ev.ShutDown, Session._ignore),
        _on(ev.Restored, Session._restored_when_ended),
    ),
}
"""The decision on every event in every state. Without a state the session keeps its own."""
