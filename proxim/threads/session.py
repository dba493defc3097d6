"""A session of the application as the host, for threads that do not run Trio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from proxim.client.host import HostSession, Prompt
from proxim.protocol import messages as wire
from proxim.protocol.errors import ProximError, SessionOver
from proxim.protocol.messages import IceServer, SessionInfo, Status
from proxim.threads.portal import Portal


class ThreadPrompt:
    """A guest asks to pair. What it says of itself is a claim, not a fact."""

    def __init__(self, portal: Portal, prompt: Prompt) -> None:
        self._portal = portal
        self._prompt = prompt
        self.device_info = prompt.device_info

    @property
    def session_id(self) -> str:
        """Which session it asks for."""
        return self._prompt.session.session_id

    @property
    def expires_in(self) -> float:
        """For how many seconds more a decision counts."""
        return max(0.0, self._prompt.expires_at - self._portal.now())

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to decide any more, since the session has ended."""
        return self._prompt.session.over is not None

    def approve(self) -> wire.PairResult:
        """Let the guest in. Raises ``AlreadyDecided`` when it is too late."""
        return self._portal.call(self._prompt.approve)

    def decline(self) -> wire.PairResult:
        """Turn the guest away; the session ends. Raises ``AlreadyDecided``."""
        return self._portal.call(self._prompt.decline)


class ThreadSession:
    """A ``HostSession`` whose calls may come from any thread but the node's own, and wait there.

    ``timeout`` is in seconds, and past it ``TimeoutError`` is raised. Every call raises
    ``ConnectionLost`` once the node has stopped, and otherwise what the ``HostSession``'s does.
    """

    def __init__(self, portal: Portal, session: HostSession) -> None:
        self._portal = portal
        self._session = session
        self.session_id = session.session_id

    # -- how things stand --------------------------------------------------------------------

    @property
    def info(self) -> SessionInfo:
        """The session object, as it was when the session was opened."""
        return self._session.info

    @property
    def link(self) -> str | None:
        """What the guest opens; ``proxim.qr`` draws it."""
        return self._session.link

    @property
    def token(self) -> str | None:
        """The link's secret."""
        return self._session.token

    @property
    def qr_svg(self) -> str | None:
        """The link as a QR code, where that was asked for."""
        return self._session.qr_svg

    @property
    def lapses_in(self) -> float:
        """For how many seconds more the link works."""
        return max(0.0, self._session.lapses_at - self._portal.now())

    @property
    def status(self) -> Status:
        """Whether it is pending, approved, rejected or expired."""
        return self._session.status

    @property
    def device_info(self) -> wire.DeviceInfo | None:
        """Who has asked to pair, by its own account."""
        return self._session.device_info

    @property
    def peer_online(self) -> bool:
        """Whether the guest is connected to the node."""
        return self._session.peer_online

    @property
    def ice_servers(self) -> list[IceServer]:
        """What the node gave for an ``RTCPeerConnection`` at approval."""
        return self._session.ice_servers

    @property
    def over(self) -> ProximError | None:
        """Why the session ended, if it did."""
        return self._session.over

    # -- what a host does --------------------------------------------------------------------

    def prompt(self, timeout: float | None = None) -> ThreadPrompt:
        """Wait until somebody asks. Raises ``SessionOver`` if the session ends before."""
        prompt = self._portal.call(self._session.prompt, timeout=timeout)
        return ThreadPrompt(self._portal, prompt)

    def decide(self, *, approve: bool) -> wire.PairResult:
        """Answer the prompt. Raises ``AlreadyDecided`` when it is too late."""

        async def decide() -> wire.PairResult:
            return await self._session.decide(approve=approve)

        return self._portal.call(decide)

    def renew(self, *, token_hash: str | None = None, qr: Literal["svg"] | None = None) -> None:
        """Get a new link; the old one is void. Raises ``NotAllowed`` once somebody has asked."""

        async def renew() -> None:
            await self._session.renew(token_hash=token_hash, qr=qr)

        self._portal.call(renew)

    def send(self, data: object) -> None:
        """Send any JSON value to the guest, in order, once approved.

        Raises ``SessionOver``, ``BadMessage``, and what was said of an earlier signal.
        """
        self._portal.call(self._session.send, data)

    def receive(self, timeout: float | None = None) -> object:
        """The next value from the guest. Raises ``SessionOver`` when there is none to come."""
        return self._portal.call(self._session.receive, timeout=timeout)

    def signals(self) -> Iterator[object]:
        """What the guest sends, until the session ends."""
        while True:
            try:
                data = self.receive()
            except ProximError:
                return
            yield data

    def presence(self) -> Iterator[bool]:
        """Whether the guest is connected: at each change, until the session ends."""
        seen: bool | None = self.peer_online
        while True:
            seen = self._portal.call(self._session.presence_after, seen)
            if seen is None:
                return
            yield seen

    def refresh_ice(self) -> wire.IceServers:
        """Fresh ICE servers, before those of the approval lapse."""
        return self._portal.call(self._session.refresh_ice)

    def close(self) -> None:
        """End the session. Closing one that has ended is no error."""
        self._portal.call(self._session.close)

    def ended(self, timeout: float | None = None) -> SessionOver:
        """Wait for the end, and say how it came."""
        return self._portal.call(self._session.ended, timeout=timeout)
