"""The router: it turns a client's message into an event in the inbox of the right session.

The seat of a connection says what the connection may do, never a claim in a message.
There is one exception: the owner may close a session without taking its seat.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import UNSET, UnsetType, structs

from proxim import clock
from proxim.actors.backend import SessionHandle
from proxim.actors.checks import check_new_session, check_renewal
from proxim.actors.connection import Connection, Owner
from proxim.actors.drawings import count_drawing
from proxim.actors.guesses import AccessCheck, SeatGuesses
from proxim.actors.inbox import Envelope
from proxim.actors.invitations import (
    Invitations,
    new_code,
    new_resume_token,
    new_session_id,
    new_token,
)
from proxim.actors.relay import post_from, relay
from proxim.actors.seat import Seat
from proxim.actors.stats import CONTESTED, LAPSED
from proxim.actors.supervisor import Supervisor
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.codec import error_message
from proxim.protocol.errors import (
    LinkLapsed,
    NotAllowed,
    NotRegistered,
    TokenUsed,
    Unavailable,
    UnknownSession,
)
from proxim.protocol.messages import ClientMessage
from proxim.session import events as ev
from proxim.session.events import Event, Role
from proxim.session.session import Session
from proxim.session.state import State

_ANSWERED = (wire.ListSessions, wire.RefreshIce, wire.Ping)
"""Requests whose only effect is their answer."""


class Router:
    """Routes the messages of all connections of a node to the right actors.

    If there is an ``access_token``, only a client that sends it may register. With ``require_seal``
    only sealed sessions are opened. ``stats`` and ``limits`` are the supervisor's.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        invitations: Invitations,
        access_token: str | None = None,
        *,
        require_seal: bool = False,
    ) -> None:
        self.stats = supervisor.stats
        self.limits = supervisor.limits
        self._supervisor = supervisor
        self._backend = supervisor.backend
        self._invitations = invitations
        self._require_seal = require_seal
        self._guesses = SeatGuesses(self.limits.guesses, self.stats)
        self._access = AccessCheck(access_token, self.limits.access_guesses, self.stats)

    async def route(self, connection: Connection, message: ClientMessage) -> None:
        """Handle a message; the reply is sent to the connection.

        For a client that has hung up, requests whose only effect is an answer are dropped, and
        nothing is drawn; the others are done. Raises a ``RequestError`` if the message is refused
        (protocol: Errors).
        """
        if isinstance(message, wire.Signal):
            # Of an embedded host; the reader of a socket relays its signals itself.
            relay(connection, message, clock.now())
            return
        if isinstance(message, _ANSWERED) and connection.has_left:
            return
        await self._supervisor.catch_up()
        match message:
            case wire.PairDecision():
                decided = ev.HostDecided(message.approve, message.code, message.seal)
                post_from(_host_seat_of(connection, message.session_id), decided, message)
            case wire.PairAck():
                acknowledged = ev.HostAcknowledged(message.seal)
                post_from(_host_seat_of(connection, message.session_id), acknowledged, message)
            case wire.PairRequest():
                await self._pair(connection, message)
            case wire.Resume():
                token = message.resume_token
                is_seated = message.session_id in connection.seats
                event = ev.ResumeRequested(token, new_resume_token(token), is_seated)
                await self._request_seat(connection, message, event)
            case wire.Register():
                await self._register(connection, message)
            case wire.CreateSession():
                await self._create_session(connection, message)
            case wire.RenewLink():
                await self._renew_link(connection, message)
            case wire.ListSessions():
                await self._list_sessions(connection, message)
            case wire.CloseSession():
                await self._close(connection, message)
            case wire.RefreshIce():
                post_from(_seat_of(connection, message.session_id), ev.IceRequested(), message)
            case _:  # Ping
                connection.tell(wire.Pong(ref=_ref(message)))

    async def _close(self, connection: Connection, message: wire.CloseSession) -> None:
        if message.session_id not in connection.seats and connection.owner is not None:
            handle = await self._find(message.session_id)
            if handle is not None and connection.owner == handle.owner:
                # The owner may end a session even while another program holds its host seat.
                handle.post(Envelope(ev.CloseRequested(None), connection, message.ref))
                return
        seat = _seat_of(connection, message.session_id)
        # A later signal must not overtake this request on the line.
        seat.actor.close_line()
        post_from(seat, ev.CloseRequested(seat.role), message)

    async def _find(self, session_id: str) -> SessionHandle | None:
        return self._supervisor.find(session_id) or await self._backend.find(session_id)

    async def _owned_by(self, owner: Owner) -> Sequence[SessionHandle]:
        """Return handles on all of an owner's sessions, oldest first."""
        # First, since the backend may restore some of them on this node meanwhile.
        elsewhere = await self._backend.owned_elsewhere(owner)
        handles = [*self._supervisor.owned_by(owner), *elsewhere]
        return sorted(handles, key=lambda handle: handle.session.created_at)

    # -- the guest's requests ----------------------------------------------------------------

    async def _pair(self, connection: Connection, message: wire.PairRequest) -> None:
        event = ev.PairRequested(
            message.token, message.device_info, new_resume_token(), new_code(), message.seal
        )
        try:
            await self._request_seat(connection, message, event)
        except (LinkLapsed, TokenUsed) as refusal:
            self.stats.outcomes[LAPSED if isinstance(refusal, LinkLapsed) else CONTESTED] += 1
            raise

    async def _request_seat(
        self, connection: Connection, message: wire.PairRequest | wire.Resume, event: Event
    ) -> None:
        """Ask the session for the guest seat, and wait for its answer.

        Until then no further message of this connection is read.
        """
        seat = connection.seats.get(message.session_id)
        if seat is not None and seat.role is Role.HOST:
            raise NotAllowed("this connection is the session's host", session_id=message.session_id)
        guess_key = self._guesses.check_request(connection, message)
        handle = await self._find(message.session_id)
        if handle is None:
            unknown = UnknownSession(session_id=message.session_id)
            raise self._guesses.count_refusal(unknown, guess_key, connection.address)
        if isinstance(message, wire.Resume):
            # The seat's backlog comes on top of the outbox's bound: never two of them at once.
            await connection.wait_for_room()
        receipt = handle.ask(Envelope(event, connection, message.ref))
        await receipt.wait()
        if receipt.refusal is not None:
            raise self._guesses.count_refusal(receipt.refusal, guess_key, connection.address)

    # -- the host's requests -----------------------------------------------------------------

    async def _register(self, connection: Connection, message: wire.Register) -> None:
        self._access.admit(connection, message.access_token)
        key = message.key or new_token()
        owner = connection.owner = Owner(message.uuid, tokens.digest(key))
        handles = await self._owned_by(owner)
        joined = _without_guest(connection, handles)
        if message.seats is not None:
            wanted = set(message.seats)
            joined = [handle for handle in joined if handle.session.session_id in wanted]
        # A connection that has the seat already misses nothing, and is told nothing twice.
        seen = {
            handle.session.session_id: handle.session.describe()
            for handle in joined
            if handle.session.session_id not in connection.seats
        }
        connection.tell(
            wire.Registered(
                uuid=message.uuid,
                sessions=_infos_once_seated(handles, joined),
                key=UNSET if message.key else key,
                ref=_ref(message),
            )
        )
        # After the reply, so that no prompt comes before it; one by one, since each has a backlog.
        for handle in joined:
            await connection.wait_for_room()
            receipt = handle.ask(
                Envelope(_host_joined(seen.get(handle.session.session_id)), connection)
            )
            await receipt.wait()
            # If the session is unknown now, it ended and was swept: there is nothing to report.
            if receipt.refusal is not None and not isinstance(receipt.refusal, UnknownSession):
                connection.tell(error_message(receipt.refusal))
            if isinstance(receipt.refusal, Unavailable):
                # The reply said that the host is online in this session: it has to reconnect.
                connection.close(1012, "a session cannot be reached; connect again")

    async def _create_session(self, connection: Connection, message: wire.CreateSession) -> None:
        owner = _owner_of(connection)
        check_new_session(message, require_seal=self._require_seal)
        # Before a link is drawn; ``open`` checks again, since others may open sessions meanwhile.
        self._supervisor.check_limits(owner, connection)
        await self._backend.check_limits(owner)
        drawn_for = self._count_drawing_for(connection, message, owner)
        session_id = new_session_id()
        invitation = await self._invitations.make(session_id, message, drawn_for)
        now = clock.now()
        session = Session.open(
            session_id=session_id,
            uuid=owner.uuid,
            session_type=message.session_type,
            ttl=message.ttl,
            token_hash=invitation.token_hash,
            created_at=datetime.now(UTC),
            now=now,
            terms=self._supervisor.terms,
            confirm=message.confirm,
            sealed=message.seal is not None,
            host_name=message.host_name or "",
        )
        await self._supervisor.open(session, owner, connection)
        connection.tell(
            wire.SessionCreated(
                session=session.describe(),
                pair_within=session.pair_within(now),
                link=invitation.link,
                token=invitation.token,
                qr_svg=invitation.qr_svg,
                ref=_ref(message),
            )
        )

    async def _renew_link(self, connection: Connection, message: wire.RenewLink) -> None:
        seat = _host_seat_of(connection, message.session_id)
        session = seat.actor.session
        check_renewal(message, session)
        # The session refuses the renewal in any other state, so a drawing would be in vain.
        is_pending = session.state is State.PENDING
        drawn_for = (
            self._count_drawing_for(connection, message, seat.actor.owner) if is_pending else None
        )
        invitation = await self._invitations.make(message.session_id, message, drawn_for)
        post_from(seat, ev.RenewalRequested(invitation), message)

    def _count_drawing_for(
        self, connection: Connection, message: wire.CreateSession | wire.RenewLink, owner: Owner
    ) -> Connection | None:
        """Count a drawing, and return the client that it is for; None if there is nothing to draw.

        Raises ``RateLimited`` for too many.
        """
        if message.qr is None or connection.has_left:
            return None
        count_drawing(self.limits, self.stats, owner, connection)
        return connection

    async def _list_sessions(self, connection: Connection, message: wire.ListSessions) -> None:
        handles = await self._owned_by(_owner_of(connection))
        sessions = [handle.session.describe() for handle in handles]
        connection.tell(wire.Sessions(sessions=sessions, ref=_ref(message)))


def _without_guest(connection: Connection, handles: Sequence[SessionHandle]) -> list[SessionHandle]:
    """Return the sessions of which the connection is not the guest: no client is both sides."""
    return [
        handle
        for handle in handles
        if (seat := connection.seats.get(handle.session.session_id)) is None
        or seat.role is Role.HOST
    ]


def _host_joined(info: wire.SessionInfo | None) -> ev.HostJoined:
    """Return the event of a host that was told ``info``, if anything."""
    if info is None:
        return ev.HostJoined()
    return ev.HostJoined(seen=info.status, saw_guest=info.guest_online)


def _infos_once_seated(
    handles: Sequence[SessionHandle], joined: Sequence[SessionHandle]
) -> list[wire.SessionInfo]:
    """Return the session objects as they are once the registering host has its seats."""
    online = {handle.session.session_id for handle in joined if not handle.session.ended}
    return [
        structs.replace(info, host_online=True) if info.session_id in online else info
        for info in (handle.session.describe() for handle in handles)
    ]


def _owner_of(connection: Connection) -> Owner:
    if connection.owner is None:
        raise NotRegistered("`register` comes first")
    return connection.owner


def _seat_of(connection: Connection, session_id: str) -> Seat:
    seat = connection.seats.get(session_id)
    if seat is None:
        raise UnknownSession(session_id=session_id)
    return seat


def _host_seat_of(connection: Connection, session_id: str) -> Seat:
    if session_id not in connection.seats:
        _owner_of(connection)
    seat = _seat_of(connection, session_id)
    if seat.role is not Role.HOST:
        raise NotAllowed("only the host may do this", session_id=session_id)
    return seat


def _ref(message: ClientMessage) -> str | UnsetType:
    return UNSET if message.ref is None else message.ref
