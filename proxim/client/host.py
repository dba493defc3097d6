"""The host: open sessions, and decide on requests to pair."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, MutableMapping
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, structs

from proxim.client.address import Address
from proxim.client.connection import NodeConnection
from proxim.client.device_host import DeviceHost
from proxim.client.host_session import TOO_OLD_FOR_PAGES, HostSession
from proxim.client.kinds import SessionKind, checked_kind
from proxim.client.linked_session import PlainOrigin
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    ConnectionLost,
    NotSupported,
    ProximError,
    RateLimited,
    RequestError,
    SealUnavailable,
    SessionOver,
    Unavailable,
)
from proxim.protocol.fields import Confirm
from proxim.protocol.link import is_loopback
from proxim.protocol.messages import SessionInfo

if TYPE_CHECKING:
    from proxim.client.sealed_host import HostSecret, NewSecret
    from proxim.devices.store import DeviceStore

log = logging.getLogger(__name__)

CANNOT_SEAL = "this node cannot carry sealed sessions: it is too old"


class Host(DeviceHost):
    """Registers with a node, and opens and resumes sessions.

    Keep ``key``, its secret, to resume its sessions in a later program.

    ``sessions`` are the open sessions by id, without those of known devices (see ``visit``).
    """

    def __init__(
        self,
        address: Address,
        registration: wire.Register,
        *,
        name: str,
        seals: MutableMapping[str, str],
        devices: DeviceStore | None = None,
    ) -> None:
        super().__init__(devices)
        self.uuid = registration.uuid
        self._node_url = address.url
        self._name = name
        self._seals = seals
        self.key = registration.key
        self.sessions: dict[str, HostSession] = {}
        self._created: dict[str, HostSession] = {}
        self._new_secrets: dict[str, NewSecret | None] = {}
        # Sessions that the node has forgotten, and those of them that are being opened, by ref.
        self._forgotten: dict[str, tuple[HostSecret | None, wire.CreateSession]] = {}
        self._reopening: dict[str, str] = {}
        self._registration = registration
        self._seats = registration.seats
        self._connection = NodeConnection(
            address,
            introduce=self._register,
            on_message=self._handle,
            on_failure=self._finish_all,
        )

    async def create(
        self,
        session_type: SessionKind,
        *,
        ttl: float | None = None,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        confirm: Confirm = "none",
        join_url: str | None = None,
        sealed: bool = False,
        host_name: str | None = None,
    ) -> HostSession:
        """Open a session. A temporary session needs ``ttl`` in seconds.

        With ``token_hash`` the node never sees the pairing token and does not make a link. With
        ``confirm="code"`` the guest shows a code of three digits, and an approval needs it. The
        link leads to ``join_url``, a page of your own, instead of the node's. The guest sees
        ``host_name``, a name of this device; an older node does not pass it on.

        With ``sealed`` the node can neither read nor forge names, decisions and signals. The host
        makes the link itself, and an approval needs the code that the guest shows.

        Raises ``NotSupported`` if the node is too old to check a code, or for a ``join_url``, and
        ``SealUnavailable`` if it is too old for sealed sessions.
        """
        request = wire.CreateSession(
            session_type=checked_kind(session_type),
            ttl=ttl,
            token_hash=token_hash,
            qr=qr,
            confirm=confirm,
            join_url=join_url,
            host_name=host_name,
        )
        features = self._connection.features
        if sealed:
            session = await self._open_sealed(request)
        elif confirm == "code" and "confirm" not in features:
            raise NotSupported("this node is too old to check the code that a guest shows")
        elif join_url is not None and "join_url" not in features:
            raise NotSupported(TOO_OLD_FOR_PAGES)
        else:
            session = await self._open(request)
            session._origin = PlainOrigin.opened(request, self._connection.boot)
        session.join_url = join_url
        return session

    async def _open(
        self, request: wire.CreateSession, new_secret: NewSecret | None = None
    ) -> HostSession:
        ref = self._connection.new_ref()
        self._new_secrets[ref] = new_secret
        try:
            request = structs.replace(request, ref=ref)
            created = await self._connection.call(request, wire.SessionCreated)
        finally:
            del self._new_secrets[ref]
        return self._created.pop(created.session.session_id)

    async def _open_sealed(self, plain: wire.CreateSession) -> HostSession:
        if "seal" not in self._connection.features:
            raise SealUnavailable(CANNOT_SEAL)
        from proxim.client.sealed_host import HostProfile, open_sealed

        profile = HostProfile(self._node_url, self.uuid, self._own_page(), self._name)
        takes_nonces = {"nonce", "link_ttl"}.issubset(self._connection.features)
        boot = self._connection.boot if takes_nonces else None
        return await open_sealed(plain, self._open, profile, self._seals, boot)

    def _own_page(self) -> str:
        """Return the page that links lead to.

        A node on this computer knows by which address other devices reach it. Of any other node
        only the program's own URL counts, since a link must not lead where a node wants.
        """
        if self._connection.join_url and is_loopback(self._node_url):
            return self._connection.join_url
        return f"{self._node_url.rstrip('/')}/join"

    async def list(self) -> list[SessionInfo]:
        """Return all sessions of this owner; ended ones until the node's next sweep."""
        return (await self._connection.call(wire.ListSessions(), wire.Sessions)).sessions

    async def close(self, session_id: str) -> None:
        """End a session of this owner, whichever connection holds its seat.

        Raises ``UnknownSession`` for any other session.
        """
        await self._connection.close_session(session_id)

    async def reachable(self) -> AsyncIterator[bool]:
        """Yield at each change whether the node is reachable."""
        async for online in self._connection.reachable():
            yield online

    async def _register(self) -> None:
        request = structs.replace(self._registration, key=self.key)
        await self._connection.call(request, wire.Registered, introduces=True)
        for session_id in list(self._forgotten):
            await self._reopen(session_id)
        if self._known is not None:
            self._known.begin()
            await self._known.open_missing(introduces=True)

    async def _reopen(self, session_id: str) -> None:
        """Open a session again that the node has forgotten; it is lost if the node refuses."""
        _, request = self._forgotten[session_id]
        ref = self._connection.new_ref()
        self._reopening[ref] = session_id
        try:
            request = structs.replace(request, ref=ref)
            await self._connection.call(request, wire.SessionCreated, introduces=True)
        except (RateLimited, Unavailable):
            raise  # The next connection tries again.
        except RequestError as error:
            log.info("a session could not be opened again: %s", error)
            self._lose(session_id)
        finally:
            del self._reopening[ref]

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node. Replies, too: a prompt may follow at once."""
        match message:
            case wire.Registered() if self._connection.is_reply(message):
                self._resume_sessions(message)
            case wire.SessionCreated(ref=str(ref)) if self._known and ref in self._known.opening:
                self._known.created(message, self._known.opening[ref])
            case wire.SessionCreated(ref=str(ref)) if ref in self._reopening:
                self._take_reopened(message, self._reopening[ref])
            case wire.SessionCreated(ref=str(ref)) if self._connection.is_reply(message):
                self._add_session(message, self._new_secrets.get(ref))
            case _:
                session_id = getattr(message, "session_id", None)
                if self._known and session_id in self._known.visits:
                    self._known.handle(message, session_id)
                elif isinstance(session_id, str) and session_id in self.sessions:
                    self.sessions[session_id]._handle(message)
                    self._remove_if_over(session_id)

    def _add_session(self, created: wire.SessionCreated, new_secret: NewSecret | None) -> None:
        """Store a new session, which has its secrets from the start if it is sealed.

        A node could say what it likes of a session that has them a moment later, and mix the
        secrets of two sessions that it gives the same id.
        """
        session_id = self._checked_id(created)
        secret = None if new_secret is None else new_secret(session_id)
        session = self._new_session(created.session, secret)
        session._set_link(created)
        self.sessions[session_id] = self._created[session_id] = session
        if self._seats is not None:
            self._seats.append(session_id)

    def _checked_id(self, created: wire.SessionCreated) -> str:
        session_id = created.session.session_id
        is_known = self._known is not None and self._known.has(session_id)
        if session_id in self.sessions or session_id in self._seals or is_known:
            raise ConnectionLost("the node gave a new session the id of an earlier one")
        return session_id

    def _new_session(self, info: SessionInfo, secret: HostSecret | None) -> HostSession:
        session = HostSession(self._connection, info, secret)
        if not session.sealed:
            session._origin = PlainOrigin.resumed(info, self._connection.boot)
        session._get_known, session._denials = self._need_known, self._denials
        return session

    def _resume_sessions(self, registered: wire.Registered) -> None:
        if registered.key is not UNSET:
            self.key = registered.key
        infos = {info.session_id: info for info in registered.sessions}
        if self._known is not None:
            self._known.resume(infos, self._connection.boot)
        self._forgotten.clear()
        for session_id in (self.sessions.keys() | self._stored_sessions()) - infos.keys():
            session = self.sessions.get(session_id)
            secret = self._stored_secret(session_id) if session is None else session._secret
            boot, request = self._connection.boot, None
            if secret is not None:
                request = secret.reopening(boot)
            elif session is not None:
                request = session._reopening(boot)
            if request is None:
                self._lose(session_id)
            else:
                self._forgotten[session_id] = secret, request
                if session is not None and secret is None:
                    session._lose_guest()
        for info in registered.sessions:
            if self._known is None or not self._known.has(info.session_id):
                self._update_session(info)
                self._remove_if_over(info.session_id)

    def _stored_sessions(self) -> set[str]:
        """Return the sessions of this owner that an earlier program has stored the secrets of."""
        if self._seats is not None or not self._seals:
            return set()
        from proxim.client.sealed_host import owner_of

        own = self._node_url, self.uuid
        return {each for each in self._seals if owner_of(self._seals[each]) == own}

    def _lose(self, session_id: str) -> None:
        """End a session that the node does not know any more."""
        if session_id in self.sessions:
            self.sessions[session_id]._finish(SessionOver("expired", "lost"))
            self._remove_if_over(session_id)
        self._seals.pop(session_id, None)

    def _take_reopened(self, created: wire.SessionCreated, session_id: str) -> None:
        secret, _ = self._forgotten[session_id]
        if secret is None:
            self._take_started_over(created, session_id)
            return
        if created.session.session_id != session_id:
            raise ConnectionLost("the node opened another session than the one that was meant")
        del self._forgotten[session_id]
        secret.known_at(self._connection.boot, is_approved=False)
        if session_id not in self.sessions:
            self.sessions[session_id] = self._new_session(created.session, secret)
        self.sessions[session_id]._reopened(created)

    def _take_started_over(self, created: wire.SessionCreated, session_id: str) -> None:
        """Give a plain session the id and the link with which the node has opened it again."""
        new_id = self._checked_id(created)
        del self._forgotten[session_id]
        session = self.sessions[new_id] = self.sessions.pop(session_id)
        if self._seats is not None:
            self._seats[:] = [new_id if each == session_id else each for each in self._seats]
        session._start_over(created)
        session._known_at(self._connection.boot)

    def _remove_if_over(self, session_id: str) -> None:
        if self.sessions[session_id].over is not None:
            del self.sessions[session_id]
            if self._seats is not None and session_id in self._seats:
                self._seats.remove(session_id)

    def _update_session(self, info: SessionInfo) -> HostSession:
        session = self.sessions.get(info.session_id)
        if session is None:
            secret = self._stored_secret(info.session_id)
            session = self.sessions[info.session_id] = self._new_session(info, secret)
        else:
            session._update(info)
        session._known_at(self._connection.boot)
        return session

    def _stored_secret(self, session_id: str) -> HostSecret | None:
        if session_id not in self._seals:
            return None
        from proxim.client.sealed_host import HostSecret

        return HostSecret.restore(session_id, self._seals)

    def _finish_all(self, error: ProximError) -> None:
        for session in self.sessions.values():
            session._finish(error)
        if self._known is not None:
            self._known.finish(error)
