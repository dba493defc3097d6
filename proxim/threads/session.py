"""A session with the application as the host, for threads that do not run Trio."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

from proxim.client.host import HostSession, Prompt
from proxim.protocol import messages as wire
from proxim.protocol.errors import ProximError, SessionOver
from proxim.protocol.messages import IceServer, SessionInfo, Status
from proxim.threads.portal import Portal


class ThreadPrompt:
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    def __init__(self, portal: Portal, prompt: Prompt) -> None:
        self._portal = portal
        self._prompt = prompt
        self.device_info = prompt.device_info

    @property
    def session_id(self) -> str:
        """The session that the guest asks for."""
        return self._prompt.session.session_id

    @property
    def expires_in(self) -> float:
        """Seconds left for a decision."""
        return max(0.0, self._prompt.expires_at - self._portal.now())

    @property
    def is_over(self) -> bool:
        """Whether the session has ended, so that there is nothing to decide."""
        return self._prompt.session.over is not None

    def approve(self) -> wire.PairResult:
        """Approve the guest. Raises ``AlreadyDecided`` if it is too late."""
        return self._portal.call(self._prompt.approve)

    def decline(self) -> wire.PairResult:
        """Decline the guest; the session ends. Raises ``AlreadyDecided`` if it is too late."""
        return self._portal.call(self._prompt.decline)


class ThreadSession:
    """A ``HostSession`` with blocking methods, for any thread that does not run Trio.

    ``timeout`` is in seconds; a method that takes longer raises ``TimeoutError``. Every method
    raises ``ConnectionLost`` once the node has stopped, and otherwise what ``HostSession`` raises.
    """

    def __init__(self, portal: Portal, session: HostSession) -> None:
        self._portal = portal
        self._session = session
        self.session_id = session.session_id

    # -- state --------------------------------------------------------------------------------

    @property
    def info(self) -> SessionInfo:
        """The session object, as it was when the session was opened."""
        return self._session.info

    @property
    def link(self) -> str | None:
        """The link for the guest; ``proxim.qr`` makes a QR code of it."""
        return self._session.link

    @property
    def token(self) -> str | None:
        """The link's secret."""
        return self._session.token

    @property
    def qr_svg(self) -> str | None:
        """The link as a QR code, if ``qr`` was given."""
        return self._session.qr_svg

    @property
    def lapses_in(self) -> float:
        """Seconds until the link expires."""
        return max(0.0, self._session.lapses_at - self._portal.now())

    @property
    def status(self) -> Status:
        """Pending, approved, rejected or expired."""
        return self._session.status

    @property
    def device_info(self) -> wire.DeviceInfo | None:
        """The guest's own claim of its name and id, once it has asked to pair."""
        return self._session.device_info

    @property
    def peer_online(self) -> bool:
        """Whether the guest is connected to the node."""
        return self._session.peer_online

    @property
    def ice_servers(self) -> list[IceServer]:
        """The ICE servers for an ``RTCPeerConnection``, since the approval."""
        return self._session.ice_servers

    @property
    def over(self) -> ProximError | None:
        """The reason why the session ended; None before."""
        return self._session.over

    # -- actions -----------------------------------------------------------------------------

    def prompt(self, timeout: float | None = None) -> ThreadPrompt:
        """Wait for a guest's request to pair. Raises ``SessionOver`` if the session ends first."""
        prompt = self._portal.call(self._session.prompt, timeout=timeout)
        return ThreadPrompt(self._portal, prompt)

    def decide(self, *, approve: bool) -> wire.PairResult:
        """Answer the prompt. Raises ``AlreadyDecided`` if it is too late."""
        return self._portal.call(partial(self._session.decide, approve=approve))

    def renew(self, *, token_hash: str | None = None, qr: Literal["svg"] | None = None) -> None:
        """Replace the link by a new one. Raises ``NotAllowed`` once a guest has asked to pair."""
        self._portal.call(partial(self._session.renew, token_hash=token_hash, qr=qr))

    def send(self, data: object) -> None:
        """Send a JSON value to the guest, in order, once approved.

        Raises ``SessionOver``, ``BadMessage``, and the node's error for an earlier signal.
        """
        self._portal.call(self._session.send, data)

    def receive(self, timeout: float | None = None) -> object:
        """Return the next value from the guest. Raises ``SessionOver`` after the last one."""
        return self._portal.call(self._session.receive, timeout=timeout)

    def signals(self) -> Iterator[object]:
        """Iterate over the values from the guest until the session ends."""
        while True:
            try:
                data = self.receive()
            except ProximError:
                return
            yield data

    def presence(self) -> Iterator[bool]:
        """Yield at each change whether the guest is connected, until the session ends."""
        seen: bool | None = self.peer_online
        while True:
            seen = self._portal.call(self._session.presence_after, seen)
            if seen is None:
                return
            yield seen

    def refresh_ice(self) -> wire.IceServers:
        """Return new ICE servers, whose credentials expire later."""
        return self._portal.call(self._session.refresh_ice)

    def close(self) -> None:
        """End the session. Does nothing if the session has ended."""
        self._portal.call(self._session.close)

    def ended(self, timeout: float | None = None) -> SessionOver:
        """Wait for the end of the session, and return its reason."""
        return self._portal.call(self._session.ended, timeout=timeout)
