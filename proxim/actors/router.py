"""The router: from a message to the inbox of the session that it is about.

What a connection may say follows from the seat that it holds, never from what a message claims:
no seat, no say. The one exception is the owner, who may close a session without taking its seat.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import trio
from msgspec import UNSET, UnsetType, structs

from proxim.actors.backend import SessionHandle
from proxim.actors.limits import delay
from proxim.actors.seat import Connection, Envelope, Owner, Seat
from proxim.actors.stats import CONTESTED, LAPSED
from proxim.actors.supervisor import Supervisor
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.codec import error_message
from proxim.protocol.errors import (
    AccessDenied,
    BadMessage,
    LinkLapsed,
    NotAllowed,
    NotRegistered,
    RateLimited,
    RequestError,
    TokenUsed,
    Unavailable,
    UnknownSession,
)
from proxim.protocol.link import Link
from proxim.protocol.messages import ClientMessage, SessionType
from proxim.session import events as ev
from proxim.session.events import Event, Invitation, Role
from proxim.session.session import Session


def relay(connection: Connection, message: wire.Signal, now: float) -> None:
    """Hand a signal to the peer: on the line where there is one, else by way of the actor.

    ``now`` is the moment on Trio's clock: one is enough for all that was read at once.
    Raises the ``RequestError`` that says why not.
    """
    seat = connection.seats.get(message.session_id)
    if seat is None:
        raise UnknownSession(session_id=message.session_id)
    if seat.line is None or now >= seat.line_until:
        _post(seat, ev.SignalSent(seat.role, message.data), message)
    else:
        # The peer gets what was sent, less the sender's own mark on it.
        seat.line(message if message.ref is None else structs.replace(message, ref=None))


def leave(connection: Connection) -> None:
    """Have a connection that is gone leave every seat that it holds."""
    for seat in list(connection.seats.values()):
        seat.actor.leave(seat)


class Router:
    """Routes the messages of all connections of a node.

    ``draw_qr`` turns a link into an SVG, and may take its time. With an ``access_token`` only who
    knows it may register. ``stats`` and ``limits`` are the supervisor's.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        public_url: str,
        draw_qr: Callable[[str], Awaitable[str]],
        access_token: str | None = None,
    ) -> None:
        self.stats = supervisor.stats
        self.limits = supervisor.limits
        self._supervisor = supervisor
        self._backend = supervisor.backend
        self._public_url = public_url
        self._draw_qr = draw_qr
        self._access_hash = None if access_token is None else tokens.digest(access_token)

    async def route(self, connection: Connection, message: ClientMessage) -> None:
        """Do what a message asks for; the answer is told to the connection.

        Raises the ``RequestError`` that says why not (protocol: Errors), to be told as well.
        """
        match message:
            case wire.Signal():
                relay(connection, message, trio.current_time())
            case wire.PairDecision():
                decided = ev.HostDecided(message.approve)
                _post(_host_seat(connection, message), decided, message)
            case wire.PairRequest():
                await self._pair(connection, message)
            case wire.Resume():
                await self._ask_in(connection, message, ev.ResumeRequested(message.resume_token))
            case wire.Register():
                await self._register(connection, message)
            case wire.CreateSession():
                await self._create(connection, message)
            case wire.RenewLink():
                seat = _host_seat(connection, message)
                invitation = await self._invite(message.session_id, message)
                _post(seat, ev.RenewalRequested(invitation), message)
            case wire.ListSessions():
                await self._list(connection, message)
            case wire.CloseSession():
                await self._close(connection, message)
            case wire.RefreshIce():
                _post(_seat(connection, message.session_id), ev.IceRequested(), message)
            case _:  # Ping
                connection.tell(wire.Pong(ref=_ref(message)))

    async def _close(self, connection: Connection, message: wire.CloseSession) -> None:
        if message.session_id not in connection.seats and connection.owner is not None:
            actor = await self._find(message.session_id)
            if actor is not None and connection.owner == actor.owner:
                # Who has proved to own a session may end it, also while another program serves it.
                actor.post(Envelope(ev.CloseRequested(None), connection, message.ref))
                return
        seat = _seat(connection, message.session_id)
        # A signal that is sent after this must not arrive before it.
        seat.actor.close_line()
        _post(seat, ev.CloseRequested(seat.role), message)

    async def _find(self, session_id: str) -> SessionHandle | None:
        return self._supervisor.find(session_id) or await self._backend.find(session_id)

    async def _owned_by(self, owner: Owner) -> Sequence[SessionHandle]:
        """Return handles on all of an owner's sessions, oldest first."""
        # First, since the backend may restore some of them on this node.
        elsewhere = await self._backend.owned_elsewhere(owner)
        handles = [*self._supervisor.owned_by(owner), *elsewhere]
        return sorted(handles, key=lambda handle: handle.session.created_at)

    # -- the guest's way in ------------------------------------------------------------------

    async def _pair(self, connection: Connection, message: wire.PairRequest) -> None:
        resume_token = _fresh(tokens.TOKEN_BYTES)
        asked = ev.PairRequested(message.token, message.device_info, resume_token)
        try:
            await self._ask_in(connection, message, asked)
        except LinkLapsed:
            self.stats.outcomes[LAPSED] += 1
            raise
        except TokenUsed:
            self.stats.outcomes[CONTESTED] += 1
            raise

    async def _ask_in(
        self, connection: Connection, message: wire.PairRequest | wire.Resume, event: Event
    ) -> None:
        """Ask for the guest seat. The next message is read when this one has its answer."""
        seat = connection.seats.get(message.session_id)
        if seat is not None and seat.role is Role.HOST:
            raise NotAllowed("this connection is the session's host", session_id=message.session_id)
        self._check_guesses(connection)
        actor = await self._find(message.session_id)
        if actor is None:
            raise self._noted(UnknownSession(session_id=message.session_id), connection)
        # What was kept for the seat comes with it, and needs room.
        await connection.wait_for_room()
        receipt = actor.ask(Envelope(event, connection, message.ref))
        await receipt.wait()
        if receipt.refusal is not None:
            raise self._noted(receipt.refusal, connection)

    # -- who guesses -------------------------------------------------------------------------

    def _check_guesses(self, connection: Connection) -> None:
        wait = self.limits.guesses.retry_after(connection.address, trio.current_time())
        if wait > 0:
            self.stats.refusals["guesses_per_address"] += 1
            raise RateLimited("too many wrong ids or tokens from this address", retry_after=wait)

    def _noted(self, refusal: RequestError, connection: Connection) -> RequestError:
        """The refusal, which is told late when it answers a wrong guess."""
        if isinstance(refusal, UnknownSession | AccessDenied) and connection.address is not None:
            refusal.delay = delay(self.limits.guesses.add(connection.address, trio.current_time()))
        return refusal

    # -- the host's requests -----------------------------------------------------------------

    async def _register(self, connection: Connection, message: wire.Register) -> None:
        self._check_access(connection, message.access_token)
        key = message.key or _fresh(tokens.TOKEN_BYTES)
        owner = connection.owner = Owner(message.uuid, tokens.digest(key))
        actors = await self._owned_by(owner)
        taken = _without_guest(connection, actors)
        if message.seats is not None:
            wanted = set(message.seats)
            taken = [actor for actor in taken if actor.session.session_id in wanted]
        seen = {actor.session.session_id: actor.session.status for actor in taken}
        connection.tell(
            wire.Registered(
                uuid=message.uuid,
                sessions=_as_they_will_be(actors, taken),
                key=UNSET if message.key else key,
                ref=_ref(message),
            )
        )
        # Only now are the seats taken, so that no prompt comes before the reply; and one after the
        # other, since what was kept for each comes with it.
        for actor in taken:
            await connection.wait_for_room()
            came = ev.HostJoined(seen[actor.session.session_id])
            receipt = actor.ask(Envelope(came, connection))
            await receipt.wait()
            # One that is unknown now was over, and has been swept.
            if receipt.refusal is not None and not isinstance(receipt.refusal, UnknownSession):
                connection.tell(error_message(receipt.refusal))
            if isinstance(receipt.refusal, Unavailable):
                # Who was told that it has the session, and has not, is to come again.
                connection.close(1012, "a session cannot be reached; come again")

    async def _create(self, connection: Connection, message: wire.CreateSession) -> None:
        owner = _owner(connection)
        _check_ttl(message)
        # Before a link is drawn; and again when it is, since others may have come meanwhile.
        self._supervisor.check_limits(owner, connection.address)
        await self._backend.check_limits(owner)
        session_id = _fresh_id()
        invitation = await self._invite(session_id, message)
        now = trio.current_time()
        session = Session.open(
            session_id=session_id,
            uuid=owner.uuid,
            session_type=message.session_type,
            ttl=message.ttl,
            token_hash=invitation.token_hash,
            created_at=datetime.now(UTC),
            now=now,
            terms=self._supervisor.terms,
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

    async def _invite(
        self, session_id: str, message: wire.CreateSession | wire.RenewLink
    ) -> Invitation:
        if message.token_hash is not None:
            if message.qr is not None:
                raise BadMessage(
                    "`qr` needs a link, and with `token_hash` only the host can know it"
                )
            return Invitation(tokens.decode_hash(message.token_hash))
        token = _fresh(tokens.TOKEN_BYTES)
        link = str(Link(self._public_url, session_id, token))
        qr_svg = await self._draw_qr(link) if message.qr else UNSET
        return Invitation(tokens.digest(token), link, token, qr_svg)

    async def _list(self, connection: Connection, message: wire.ListSessions) -> None:
        actors = await self._owned_by(_owner(connection))
        sessions = [actor.session.describe() for actor in actors]
        connection.tell(wire.Sessions(sessions=sessions, ref=_ref(message)))

    def _check_access(self, connection: Connection, access_token: str | None) -> None:
        if self._access_hash is None:
            return
        denied = AccessDenied("a valid access token is required to register")
        if access_token is None:
            raise denied
        self._check_guesses(connection)
        if not tokens.matches(access_token, self._access_hash):
            raise self._noted(denied, connection)


def _without_guest(connection: Connection, actors: Sequence[SessionHandle]) -> list[SessionHandle]:
    """Those whose guest the connection is not: nobody is both sides of a session."""
    return [
        actor
        for actor in actors
        if (seat := connection.seats.get(actor.session.session_id)) is None
        or seat.role is Role.HOST
    ]


def _as_they_will_be(
    actors: Sequence[SessionHandle], taken: Sequence[SessionHandle]
) -> list[wire.SessionInfo]:
    """The session objects as they are once the host, who is just registering, has its seats."""
    online = {actor.session.session_id for actor in taken if not actor.session.ended}
    infos = [actor.session.describe() for actor in actors]
    return [
        structs.replace(info, host_online=True) if info.session_id in online else info
        for info in infos
    ]


def _owner(connection: Connection) -> Owner:
    if connection.owner is None:
        raise NotRegistered("`register` comes first")
    return connection.owner


def _fresh(size: int) -> str:
    return tokens.encode(secrets.token_bytes(size))


def _fresh_id() -> str:
    """A session id; none begins with a dash, which a command line takes for an option."""
    while (session_id := _fresh(tokens.SESSION_ID_BYTES)).startswith("-"):
        pass
    return session_id


def _post(seat: Seat, event: Event, message: ClientMessage) -> None:
    seat.actor.post(Envelope(event, seat.connection, message.ref, seat))


def _seat(connection: Connection, session_id: str) -> Seat:
    seat = connection.seats.get(session_id)
    if seat is None:
        raise UnknownSession(session_id=session_id)
    return seat


def _host_seat(connection: Connection, message: wire.PairDecision | wire.RenewLink) -> Seat:
    if message.session_id not in connection.seats:
        _owner(connection)
    seat = _seat(connection, message.session_id)
    if seat.role is not Role.HOST:
        raise NotAllowed("only the host may do this", session_id=message.session_id)
    return seat


def _check_ttl(message: wire.CreateSession) -> None:
    temporary = message.session_type is SessionType.TEMPORARY
    if temporary and message.ttl is None:
        raise BadMessage("`ttl` is missing: a temporary session needs its seconds")
    if not temporary and message.ttl is not None:
        raise BadMessage(f"`ttl` is for temporary sessions, not for {message.session_type}")


def _ref(message: ClientMessage) -> str | UnsetType:
    return UNSET if message.ref is None else message.ref
