"""The host: open sessions, and decide on requests to pair."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from msgspec import UNSET, structs

from proxim import clock
from proxim.client.channel import Channel
from proxim.client.connection import NodeConnection
from proxim.client.session import ClientSession
from proxim.protocol import messages as wire
from proxim.protocol.errors import ProximError, SessionOver
from proxim.protocol.messages import SessionInfo, SessionType

SessionKind = SessionType | Literal["one_time", "persistent", "temporary"]


class Prompt:
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    def __init__(self, session: HostSession, message: wire.PairPrompt) -> None:
        self.session = session
        self.device_info = message.device_info
        self._expires_at = clock.now() + message.expires_in

    @property
    def expires_at(self) -> float:
        """The deadline for a decision, on Trio's clock; nearer after the machine slept."""
        return self._expires_at - clock.slept()

    async def approve(self) -> wire.PairResult:
        """Approve the guest. Raises ``AlreadyDecided`` if it is too late."""
        return await self.session.decide(approve=True)

    async def decline(self) -> wire.PairResult:
        """Decline the guest; the session ends."""
        return await self.session.decide(approve=False)


class HostSession(ClientSession):
    """Runs one session for its host: prompts, decisions, new links.

    ``link`` and ``token`` are set if the node made the token. A session opened by an earlier
    program has neither.
    """

    def __init__(self, connection: Channel, info: SessionInfo) -> None:
        super().__init__(connection, info.session_id)
        self.info = info
        self.link: str | None = None
        self.token: str | None = None
        self.qr_svg: str | None = None
        self._lapses_at = clock.now()
        self._prompt: Prompt | None = None
        self.update(info)

    @property
    def lapses_at(self) -> float:
        """When the link expires, on Trio's clock; nearer after the machine slept."""
        return self._lapses_at - clock.slept()

    async def prompt(self) -> Prompt:
        """Wait for a guest's request to pair. Raises ``SessionOver`` if the session ends first."""
        await self._wait_for(lambda: self._prompt is not None)
        if self._prompt is None:
            assert self.over is not None
            raise self.over
        return self._prompt

    async def decide(self, *, approve: bool) -> wire.PairResult:
        """Answer the prompt. Raises ``AlreadyDecided`` if it is too late."""
        decision = wire.PairDecision(session_id=self.session_id, approve=approve)
        return await self._connection.call(decision, wire.PairResult)

    async def renew(
        self, *, token_hash: str | None = None, qr: Literal["svg"] | None = None
    ) -> None:
        """Replace the link by a new one. Raises ``NotAllowed`` once a guest has asked to pair."""
        request = wire.RenewLink(session_id=self.session_id, token_hash=token_hash, qr=qr)
        self.set_link(await self._connection.call(request, wire.LinkRenewed))

    def set_link(self, message: wire.SessionCreated | wire.LinkRenewed) -> None:
        """Store a new link."""
        self.link = None if message.link is UNSET else message.link
        self.token = None if message.token is UNSET else message.token
        self.qr_svg = None if message.qr_svg is UNSET else message.qr_svg
        self._lapses_at = clock.now() + message.pair_within

    def handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node."""
        if isinstance(message, wire.PairPrompt):
            self.device_info = message.device_info
            self._prompt = Prompt(self, message)
        super().handle(message)

    def update(self, info: SessionInfo) -> None:
        """Store the session object, also after a reconnect."""
        self.info = info
        self.peer_online = info.guest_online
        super().update(info)


class Host:
    """Registers with a node, and opens and resumes sessions.

    Keep ``key``, its secret, to resume its sessions in a later program.

    ``sessions`` are the open sessions by id.
    """

    def __init__(
        self, node_url: str, registration: wire.Register, ssl_context: ssl.SSLContext | None
    ) -> None:
        self.uuid = registration.uuid
        self.key = registration.key
        self.sessions: dict[str, HostSession] = {}
        self._created: dict[str, HostSession] = {}
        self._registration = registration
        self._seats = registration.seats
        self.connection = NodeConnection(
            node_url,
            ssl_context,
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
    ) -> HostSession:
        """Open a session. A temporary session needs ``ttl`` in seconds.

        With ``token_hash`` the node never sees the pairing token and does not make a link.
        """
        request = wire.CreateSession(
            session_type=SessionType(session_type), ttl=ttl, token_hash=token_hash, qr=qr
        )
        created = await self.connection.call(request, wire.SessionCreated)
        return self._created.pop(created.session.session_id)

    async def list(self) -> list[SessionInfo]:
        """Return all sessions of this owner; ended ones until the node's next sweep."""
        return (await self.connection.call(wire.ListSessions(), wire.Sessions)).sessions

    async def close(self, session_id: str) -> None:
        """End a session of this owner, whichever connection holds its seat.

        Raises ``UnknownSession`` for any other session.
        """
        await self.connection.close_session(session_id)

    async def _register(self) -> None:
        request = structs.replace(self._registration, key=self.key)
        await self.connection.call(request, wire.Registered, introduces=True)

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node. Replies, too: a prompt may follow at once."""
        match message:
            case wire.Registered():
                self._resume_sessions(message)
            case wire.SessionCreated():
                session = self._update_session(message.session)
                session.set_link(message)
                self._created[session.session_id] = session
                if self._seats is not None:
                    self._seats.append(message.session.session_id)
            case _:
                session_id = getattr(message, "session_id", None)
                if isinstance(session_id, str) and session_id in self.sessions:
                    self.sessions[session_id].handle(message)
                    self._remove_if_over(session_id)

    def _resume_sessions(self, registered: wire.Registered) -> None:
        if registered.key is not UNSET:
            self.key = registered.key
        known = {info.session_id for info in registered.sessions}
        for session_id in self.sessions.keys() - known:
            self.sessions[session_id].finish(SessionOver("expired", "lost"))
            self._remove_if_over(session_id)
        for info in registered.sessions:
            self._update_session(info)
            self._remove_if_over(info.session_id)

    def _remove_if_over(self, session_id: str) -> None:
        if self.sessions[session_id].over is not None:
            del self.sessions[session_id]
            if self._seats is not None and session_id in self._seats:
                self._seats.remove(session_id)

    def _update_session(self, info: SessionInfo) -> HostSession:
        session = self.sessions.get(info.session_id)
        if session is None:
            session = self.sessions[info.session_id] = HostSession(self.connection, info)
        else:
            session.update(info)
        return session

    def _finish_all(self, error: ProximError) -> None:
        for session in self.sessions.values():
            session.finish(error)


@asynccontextmanager
async def open_host(
    node_url: str,
    *,
    uuid: str,
    key: str | None = None,
    access_token: str | None = None,
    seats: Sequence[str] | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Host]:
    """Register with a node as ``uuid``, and stay registered inside the ``async with`` block.

    Without a ``key`` the node makes one (see ``Host.key``). With an earlier key, ``Host.sessions``
    has the sessions that are still open. This takes their host seats, or only those of the session
    ids in ``seats``; the connections that held them are closed with 4000.

    Raises ``ConnectionLost`` if the node cannot be reached, ``AccessDenied`` for a wrong access
    token, and ``BadMessage`` if the uuid or the key is malformed.
    """
    registration = wire.Register(
        uuid=uuid,
        key=key,
        access_token=access_token,
        seats=None if seats is None else list(seats),
    )
    host = Host(node_url, registration, ssl_context)
    async with host.connection.connected():
        yield host
