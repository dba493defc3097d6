"""The requests of hosts: to register, to open a session, to renew its link, to list sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import UNSET, structs

from proxim import clock
from proxim.actors.backend import SessionHandle
from proxim.actors.checks import check_new_session, check_renewal, host_seat_of, owner_of, ref_of
from proxim.actors.connection import Connection, Owner
from proxim.actors.drawings import count_drawing
from proxim.actors.guesses import AccessCheck
from proxim.actors.inbox import Envelope
from proxim.actors.invitations import Invitations, new_session_id, new_token
from proxim.actors.relay import post_from
from proxim.actors.supervisor import Supervisor
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.codec import error_message
from proxim.protocol.errors import NotAllowed, Unavailable, UnknownSession
from proxim.session import events as ev
from proxim.session.events import Role
from proxim.session.session import Session
from proxim.session.state import State


class Hosting:
    """Registers hosts, opens and lists their sessions, and renews their links.

    Each method raises a ``RequestError`` if the request is refused.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        invitations: Invitations,
        access: AccessCheck,
        *,
        require_seal: bool,
    ) -> None:
        self._supervisor = supervisor
        self._backend = supervisor.backend
        self._invitations = invitations
        self._access = access
        self._require_seal = require_seal

    def may_wait(self, connection: Connection, message: wire.Register | wire.CreateSession) -> bool:
        """Return whether ``register`` or ``create_session`` may wait for anything."""
        if not self._backend.is_memory:
            return True
        if isinstance(message, wire.CreateSession):
            return message.nonce is not None or message.qr is not None
        # The owner gets its seats one by one.
        return self._access.is_required or message.key is not None

    async def register(self, connection: Connection, message: wire.Register) -> None:
        """Tell the owner of its sessions, and give the connection their host seats."""
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
                ref=ref_of(message),
            )
        )
        # After the reply, so that no prompt comes before it; one by one, since each has a backlog.
        for handle in joined:
            await self._join(connection, handle, seen.get(handle.session.session_id))

    async def _join(
        self, connection: Connection, handle: SessionHandle, seen: wire.SessionInfo | None
    ) -> None:
        """Give the host its seat in a session, of which it was told ``seen``."""
        await connection.wait_for_room()
        receipt = handle.ask(Envelope(_host_joined(seen), connection))
        await receipt.wait()
        # If the session is unknown now, it ended and was swept: there is nothing to report.
        if receipt.refusal is not None and not isinstance(receipt.refusal, UnknownSession):
            connection.tell(error_message(receipt.refusal))
        if isinstance(receipt.refusal, Unavailable):
            # The reply said that the host is online in this session: it has to reconnect.
            connection.close(1012, "a session cannot be reached; connect again")

    async def create_session(self, connection: Connection, message: wire.CreateSession) -> None:
        """Open a session, or take the host seat of the live one that its nonce has opened."""
        owner = owner_of(connection)
        check_new_session(message, require_seal=self._require_seal)
        if await self._take_opened(connection, owner, message):
            return
        # Before a link is drawn; ``open`` checks again, since others may open sessions meanwhile.
        await self._check_limits(connection, owner, message)
        drawn_for = self._count_drawing_for(connection, message, owner)
        session_id = _id_for(message) or new_session_id()
        invitation = await self._invitations.make(session_id, message, drawn_for)
        if message.nonce is not None:
            await self._backend.reserve(session_id)
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
            link_ttl=message.link_ttl,
        )
        await self._supervisor.open(session, owner, connection)
        connection.tell(
            wire.SessionCreated(
                session=session.describe(),
                pair_within=session.pair_within(now),
                link=invitation.link,
                token=invitation.token,
                qr_svg=invitation.qr_svg,
                ref=ref_of(message),
            )
        )

    async def _check_limits(
        self, connection: Connection, owner: Owner, message: wire.CreateSession
    ) -> None:
        """Raise ``LimitReached`` unless the owner may open another session, here and elsewhere."""
        standing = message.link_ttl is not None
        self._supervisor.check_limits(owner, connection, standing=standing)
        await self._backend.check_limits(owner, standing=standing)

    async def _take_opened(
        self, connection: Connection, owner: Owner, message: wire.CreateSession
    ) -> bool:
        """Give the host its seat in the live session that a nonce has opened, if there is one.

        An ended one is removed, if a new one may be opened. Raises ``LimitReached`` if not,
        ``NotAllowed`` if a live one is not of the same owner and link, and ``Unavailable`` while
        another node remembers an ended one.
        """
        session_id = _id_for(message)
        handle = await self._supervisor.find_anywhere(session_id) if session_id else None
        if handle is None:
            return False
        session = handle.session
        if session.ended:
            # Until the sweep it counts for its address: a request that is refused must not free it.
            await self._check_limits(connection, owner, message)
            # Meanwhile another request may have opened it anew: then that one is told.
            is_removed = await self._remove_ended(session_id)
            return not is_removed and await self._take_opened(connection, owner, message)
        assert message.token_hash is not None
        is_same = handle.owner == owner and session.token_hash == tokens.decode_hash(
            message.token_hash
        )
        if not is_same or not _without_guest(connection, [handle]):
            raise NotAllowed("a session of this nonce is open, of another owner or by another link")
        seen = session.describe()
        connection.tell(
            wire.SessionCreated(
                session=structs.replace(seen, host_online=True),
                pair_within=session.pair_within(clock.now()),
                ref=ref_of(message),
            )
        )
        await self._join(connection, handle, seen)
        return True

    async def _remove_ended(self, session_id: str) -> bool:
        """Remove an ended session once its end is saved and told; return whether it was there.

        Raises ``Unavailable``.
        """
        actor = self._supervisor.find(session_id)
        if actor is None:
            raise Unavailable("a session of this nonce has ended at another node; try again")
        settled = actor.ask(Envelope(ev.TimePassed()))
        await settled.wait()
        if isinstance(settled.refusal, Unavailable):
            raise settled.refusal
        if self._supervisor.find(session_id) is not actor:
            return False
        self._supervisor.remove_ended(actor)
        return True

    async def renew_link(self, connection: Connection, message: wire.RenewLink) -> None:
        """Ask the session for a new link; it is drawn only if the session can have one."""
        seat = host_seat_of(connection, message.session_id)
        session = seat.actor.session
        check_renewal(message, session)
        # The session refuses the renewal in any other state, so a drawing would be in vain.
        is_pending = session.state is State.PENDING
        drawn_for = (
            self._count_drawing_for(connection, message, seat.actor.owner) if is_pending else None
        )
        invitation = await self._invitations.make(message.session_id, message, drawn_for)
        post_from(seat, ev.RenewalRequested(invitation, message.link_ttl), message)

    def _count_drawing_for(
        self, connection: Connection, message: wire.CreateSession | wire.RenewLink, owner: Owner
    ) -> Connection | None:
        """Count a drawing, and return the client that it is for; None if there is nothing to draw.

        Raises ``RateLimited`` for too many.
        """
        if message.qr is None or connection.has_left:
            return None
        count_drawing(self._supervisor.limits, self._supervisor.stats, owner, connection)
        return connection

    async def list_sessions(self, connection: Connection, message: wire.ListSessions) -> None:
        """Tell all sessions of the owner, at all nodes."""
        handles = await self._owned_by(owner_of(connection))
        sessions = [handle.session.describe() for handle in handles]
        connection.tell(wire.Sessions(sessions=sessions, ref=ref_of(message)))

    async def _owned_by(self, owner: Owner) -> Sequence[SessionHandle]:
        """Return handles on all of an owner's sessions, oldest first."""
        # First, since the backend may restore some of them on this node meanwhile.
        elsewhere = await self._backend.owned_elsewhere(owner)
        handles = [*self._supervisor.owned_by(owner), *elsewhere]
        return sorted(handles, key=lambda handle: handle.session.created_at)


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


def _id_for(message: wire.CreateSession) -> str:
    """Return the session id that a nonce makes, or an empty text without one."""
    return "" if message.nonce is None else tokens.session_id_of(message.nonce)
