"""What the decisions of a session share: its two seats are taken and left, and it ends.

``session.py`` decides when that happens.
"""

from __future__ import annotations

from msgspec import UNSET, Raw

from proxim.protocol import messages as wire
from proxim.protocol.errors import PeerOffline
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session import events as ev
from proxim.session.backlog import Backlog
from proxim.session.events import Effect, Reply, Role, Tell
from proxim.session.state import Alarm, SessionData, State

_LEAVER = {ev.HostLeft: Role.HOST, ev.GuestLeft: Role.GUEST}
GRACE_OF = {Role.HOST: Alarm.HOST_GRACE, Role.GUEST: Alarm.GUEST_GRACE}
"""The alarm that ends a one-time session whose side does not come back."""
_BOTH = tuple(Role)

RETURN_TIME = 30.0
"""Seconds for both sides of a one-time session to reconnect after it was handed over."""


class Seating(SessionData):
    """Fills and empties the two seats of a session, and ends it; returns what each side is told."""

    # -- seats -------------------------------------------------------------------------------

    def _take_seat(self, role: Role, *, again: bool = False) -> list[Effect]:
        """Note that a seat is taken; return what both sides are told, if approved.

        The host is told as well when another connection takes the guest's seat, but not when the
        one that holds it asks ``again``.
        """
        was_offline = role not in self.online
        self.occupy(role)
        self.alarms.pop(GRACE_OF[role], None)
        if self.state is not State.APPROVED:
            return []
        effects: list[Effect] = []
        if was_offline or (role is Role.GUEST and not again):
            online = wire.PeerOnline(session_id=self.session_id, replaced=not was_offline or UNSET)
            effects.append(Tell(role.peer, online))
        effects += [
            Tell(role, wire.Signal(session_id=self.session_id, data=data), is_backlog=True)
            for data in self._backlog_for(role).take_all()
        ]
        return [*effects, ev.OpenLine()] if role.peer in self.online else effects

    def _missed_by(self, event: ev.HostJoined, now: float) -> list[Effect]:
        """Return what a host of an approved session was not told by the reply to `register`."""
        missed: list[Effect] = []
        believes_online = is_online = Role.GUEST in self.online
        if event.seen is Status.PENDING:
            missed.append(Tell(Role.HOST, self.pair_result(), self.ice_lifetime(now)))
            believes_online = True
        elif event.seen is Status.APPROVED:
            believes_online = event.saw_guest
        if is_online != believes_online:
            missed.append(self._guest_presence(is_online))
        return missed

    def _left(self, event: ev.HostLeft | ev.GuestLeft, now: float) -> list[Effect]:
        """Note that a seat is empty; end a one-time session, at once or after its grace."""
        role = _LEAVER[type(event)]
        self.vacate(now, role)
        if self.session_type is SessionType.ONE_TIME:
            if self.terms.one_time_grace <= 0:
                return self._end(Reason.DISCONNECTED)
            self.alarms[GRACE_OF[role]] = now + self.terms.one_time_grace
        if self.state is not State.APPROVED:
            return []
        return [ev.CloseLine(), Tell(role.peer, wire.PeerOffline(session_id=self.session_id))]

    def _guest_presence(self, online: bool) -> Effect:
        message = wire.PeerOnline if online else wire.PeerOffline
        return Tell(Role.HOST, message(session_id=self.session_id))

    def _left_when_ended(self, event: ev.HostLeft | ev.GuestLeft, now: float) -> list[Effect]:
        self.vacate(now, _LEAVER[type(event)])
        return []

    def _keep_signal(self, role: Role, data: Raw) -> list[Effect]:
        """Keep a signal for a seat that is empty. Raises ``PeerOffline`` if there is no room."""
        if not self._backlog_for(role).keep(data):
            raise PeerOffline("the peer is offline, and its backlog is full; this was dropped")
        return []

    def _backlog_for(self, role: Role) -> Backlog:
        if role not in self.backlogs:
            terms = self.terms
            backlog = Backlog(terms.backlog_signals, terms.backlog_bytes, terms.backlog_budget)
            self.backlogs[role] = backlog
        return self.backlogs[role]

    def _restored(self, event: ev.Restored, now: float) -> list[Effect]:
        self.vacate(now, *Role)
        if self.session_type is SessionType.ONE_TIME or self.state is State.PROMPTED:
            return self._end(Reason.DISCONNECTED)
        return []

    def _restored_when_ended(self, event: ev.Restored, now: float) -> list[Effect]:
        self.vacate(now, *Role)
        return []

    def _restored_when_approved(self, event: ev.Restored, now: float) -> list[Effect]:
        if self.session_type is SessionType.ONE_TIME and event.handed:
            # Neither side has left: the node closed their connections, and both reconnect.
            back_by = now + max(self.terms.one_time_grace, RETURN_TIME)
            self.alarms = dict.fromkeys(GRACE_OF.values(), back_by)
            self.vacate(now, *Role)
            return []
        return self._restored(event, now)

    # -- the end -----------------------------------------------------------------------------

    def _end(
        self,
        reason: Reason,
        *,
        answers: Role | None = None,
        decided: bool = False,
        is_denial: bool = False,
    ) -> list[Effect]:
        """End the session, and tell both sides; a session ends in no other way.

        ``answers`` is the role whose ``close_session`` this answers; ``decided`` says that this
        answers the host's ``pair_decision``, and ``is_denial`` that this declines the guest.
        """
        was_prompted = self.state is State.PROMPTED
        self.state = State.ENDED
        self.reason = reason
        self.code = ""
        self.alarms.clear()
        self.drop_backlogs()
        effects: list[Effect] = [ev.CloseLine()]
        if was_prompted:
            effects += to_both(self.pair_result(), Role.HOST if decided else None)
        self.seals = None
        return [*effects, *to_both(self.session_ended(), answers), ev.Finish(reason, is_denial)]

    def _status_text(self) -> str:
        return self.status if self.reason is None else f"over ({self.reason})"


def to_both(
    message: wire.NodeMessage, reply_to: Role | None, ice_lifetime: float | None = None
) -> list[Effect]:
    """Return the effects that tell both sides a message; ``reply_to`` gets it as the reply."""
    return [
        Reply(message, ice_lifetime) if role is reply_to else Tell(role, message, ice_lifetime)
        for role in _BOTH
    ]
