"""A session with the application as the host, for threads that do not run Trio."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from proxim.client.host import HostSession, Notice, Prompt
from proxim.portal.portal import Across, CallIn, Portal, blocking
from proxim.protocol import messages as wire
from proxim.protocol.errors import ProximError, SessionOver
from proxim.protocol.messages import Confirm, IceServer, SessionInfo, Status

if TYPE_CHECKING:
    from proxim.threads.channel import ThreadChannel


class ThreadPrompt(Across[Prompt]):
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    def __init__(self, portal: Portal, prompt: Prompt) -> None:
        super().__init__(portal, prompt)
        self.device_info = prompt.device_info

    @property
    def session_id(self) -> str:
        """The session that the guest asks for."""
        return self._inner.session.session_id

    @property
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        return self._inner.confirm

    @property
    def expires_in(self) -> float:
        """Seconds left for a decision."""
        return self._portal.seconds_until(self._inner.expires_at)

    @property
    def is_over(self) -> bool:
        """Whether the session has ended, so that there is nothing to decide."""
        return self._inner.session.over is not None

    approve = blocking(Prompt.approve)
    decline = blocking(Prompt.decline)


class ThreadSession(Across[HostSession]):
    """A ``HostSession`` with blocking methods, for any thread that does not run Trio.

    ``timeout`` is in seconds; a method that takes longer raises ``TimeoutError``. Every method
    raises ``ConnectionLost`` once the node has stopped, and otherwise what ``HostSession`` raises.
    """

    def __init__(self, portal: Portal, session: HostSession, call_in: CallIn | None = None) -> None:
        super().__init__(portal, session)
        self._call_in = call_in
        self.session_id = session.session_id

    # -- state --------------------------------------------------------------------------------

    @property
    def info(self) -> SessionInfo:
        """The session object, as it was when the session was opened."""
        return self._inner.info

    @property
    def link(self) -> str | None:
        """The link for the guest; ``proxim.qr`` makes a QR code of it."""
        return self._inner.link

    @property
    def token(self) -> str | None:
        """The link's secret."""
        return self._inner.token

    @property
    def qr_svg(self) -> str | None:
        """The link as a QR code, if ``qr`` was given."""
        return self._inner.qr_svg

    @property
    def lapses_in(self) -> float:
        """Seconds until the link expires."""
        return self._portal.seconds_until(self._inner.lapses_at)

    @property
    def status(self) -> Status:
        """Pending, approved, rejected or expired."""
        return self._inner.status

    @property
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        return self._inner.confirm

    @property
    def device_info(self) -> wire.DeviceInfo | None:
        """The guest's own claim of its name and id, once it has asked to pair."""
        return self._inner.device_info

    @property
    def peer_online(self) -> bool:
        """Whether the guest is connected to the node."""
        return self._inner.peer_online

    @property
    def ice_servers(self) -> list[IceServer]:
        """The ICE servers for an ``RTCPeerConnection``, since the approval."""
        return self._inner.ice_servers

    @property
    def over(self) -> ProximError | None:
        """The reason why the session ended; None before."""
        return self._inner.over

    # -- actions -----------------------------------------------------------------------------

    decide = blocking(HostSession.decide)
    renew = blocking(HostSession.renew)
    send = blocking(HostSession.send)
    refresh_ice = blocking(HostSession.refresh_ice)
    close = blocking(HostSession.close)

    def prompt(self, timeout: float | None = None) -> ThreadPrompt:
        """Wait for a guest's request to pair. Raises ``SessionOver`` if the session ends first."""
        prompt = self._portal.call(self._inner.prompt, timeout=timeout)
        return ThreadPrompt(self._portal, prompt)

    def channel(self, timeout: float | None = None, *, relay_only: bool = False) -> ThreadChannel:
        """Return the channel to the guest, by WebRTC, once it is open: see ``HostSession.channel``.

        After ``TimeoutError`` the attempts to connect go on, and the next call waits again.
        """
        from proxim.threads.channel import ThreadChannel

        wait = partial(self._inner.channel, relay_only=relay_only)
        return ThreadChannel(self._portal, self._portal.call(wait, timeout=timeout), self._call_in)

    def refuse_channel(self) -> None:
        """Tell the guest that there will be no channel: see ``HostSession.refuse_channel``."""
        self._portal.call_sync(self._inner.refuse_channel)

    def receive(self, timeout: float | None = None) -> object:
        """Return the next value from the guest. Raises ``SessionOver`` after the last one."""
        return self._portal.call(self._inner.receive, timeout=timeout)

    def ended(self, timeout: float | None = None) -> SessionOver:
        """Wait for the end of the session, and return its reason."""
        return self._portal.call(self._inner.ended, timeout=timeout)

    def signals(self) -> Iterator[object]:
        """Iterate over the values from the guest until the session ends."""
        with suppress(ProximError):
            while True:
                yield self.receive()

    def presence(self) -> Iterator[bool]:
        """Yield at each change whether the guest is connected, until the session ends."""
        seen: bool | None = self.peer_online
        while (seen := self._portal.call(self._inner.presence_after, seen)) is not None:
            yield seen

    def notices(self) -> Iterator[Notice]:
        """Yield each notice, from the beginning of the session to its end."""
        for count in itertools.count():
            notice = self._portal.call(self._inner.notice_after, count)
            if notice is None:
                return
            yield notice
