"""The state of the SDK's objects, as other threads than Trio's read it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from proxim import client, rtc
from proxim.client import Device
from proxim.client.session import ClientSession
from proxim.files.taking import Offer
from proxim.files.transfer import Transfer
from proxim.portal.portal import Portal, ThreadProxy
from proxim.portal.talk import Talk
from proxim.protocol.errors import ProximError
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import DeviceInfo, IceServer, SessionInfo, Status

if TYPE_CHECKING:
    from proxim.devices.store import HostGrant

Session_co = TypeVar("Session_co", bound=ClientSession, covariant=True)


class PromptState(ThreadProxy[client.Prompt]):
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    def __init__(self, portal: Portal, prompt: client.Prompt) -> None:
        super().__init__(portal, prompt)
        self.device_info = prompt.device_info

    @property
    def session_id(self) -> str:
        """The session that the guest asks for."""
        return self._inner.session_id

    @property
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        return self._inner.confirm

    @property
    def expires_in(self) -> float:
        """Seconds left for a decision."""
        return self._portal.seconds_until(self._inner.expires_at)

    @property
    def is_silent(self) -> bool:
        """Whether a person has declined such requests twice in the last ten minutes."""
        return self._inner.is_silent

    @property
    def can_remember(self) -> bool:
        """Whether ``approve`` can remember the device of this guest."""
        return self._inner.can_remember

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to decide any more, since the session or its guest has gone."""
        return self._inner.is_over


class SessionState(ThreadProxy[Session_co]):
    """What both sides of a session show of it."""

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._inner.session_id

    @property
    def status(self) -> Status:
        """Pending, approved, rejected or expired."""
        return self._inner.status

    @property
    def sealed(self) -> bool:
        """Whether the node can read and forge neither names, nor decisions, nor signals."""
        return self._inner.sealed

    @property
    def device_info(self) -> DeviceInfo | None:
        """The guest's own claim of its name and id; the host has it once the guest has asked."""
        return self._inner.device_info

    @property
    def peer_online(self) -> bool:
        """Whether the other side is connected to the node."""
        return self._inner.peer_online

    @property
    def ice_servers(self) -> list[IceServer]:
        """The latest ICE servers for an ``RTCPeerConnection``, since the approval."""
        return self._inner.ice_servers

    def talk(
        self,
        folder: str | os.PathLike[str],
        *,
        hear: Callable[[str], object],
        notice: Callable[[str], object],
        decide: Callable[[Offer], bool | Awaitable[bool]],
        done: Callable[[Transfer], object],
    ) -> Talk:
        """Exchange chat and files with the other side, as the node's pages do, until the end.

        Returns at once, also before the approval. ``hear`` is called with each chat message, and
        ``notice`` with a sentence for the person: when the connection changes, a message cannot be
        sent, or the session has ended. ``decide`` says whether to take the file that the other side
        offers, into ``folder``; ``done`` is called with each file at its end, in both directions,
        unless it was declined here.

        The functions are called as ``decide`` of ``open_session`` is; their exceptions are logged.
        It takes the session's channel and signals, so do not use ``channel`` and ``receive``, too.
        It ends, too, when a restart of the node has lost the guest of a session that is not sealed.
        """
        return Talk(
            self._portal,
            self._inner,
            folder,
            hear=hear,
            notice=notice,
            decide=decide,
            done=done,
        )

    @property
    def over(self) -> ProximError | None:
        """The reason why the session ended; None before."""
        return self._inner.over


class HostSessionState(SessionState[client.HostSession]):
    """What a host session shows besides: the link."""

    @property
    def info(self) -> SessionInfo:
        """The session object, as it was when the host last connected to the node."""
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
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        return self._inner.confirm


class GuestState(SessionState[client.Guest]):
    """What a guest shows besides: its code, and what takes its seat again."""

    @property
    def node_url(self) -> str:
        """The URL of the node."""
        return self._inner.node_url

    @property
    def grant(self) -> HostGrant | None:
        """The grant by which this device can come again: see ``open_visit``. None without one."""
        return self._inner.grant

    @property
    def resume_token(self) -> str:
        """With it a later program takes the seat again; it changes each time that this one does."""
        return self._inner.resume_token

    @property
    def code(self) -> str | None:
        """The three digits that this device has to show to the person who approves it, if any."""
        return self._inner.code

    @property
    def host_name(self) -> str | None:
        """What the host calls its device, unchecked; None if it gives no name."""
        return self._inner.host_name

    @property
    def expires_in(self) -> float:
        """Seconds left for the host's decision."""
        return self._portal.seconds_until(self._inner.expires_at)


class DataChannelState(ThreadProxy[rtc.DataChannel]):
    """A data channel on the connection of a ``Channel``, reliable and ordered. It ends with it."""

    @property
    def label(self) -> str:
        """The name that its opener gave it."""
        return self._inner.label

    @property
    def is_open(self) -> bool:
        """Whether a message can be sent."""
        return self._inner.is_open


class ChannelState(ThreadProxy[rtc.Channel]):
    """What the channel to the other side shows of itself."""

    @property
    def is_open(self) -> bool:
        """Whether the two sides are connected."""
        return self._inner.is_open


class HostState(ThreadProxy[client.Host]):
    """What a host shows of its registration."""

    @property
    def uuid(self) -> str:
        """The name under which the host has registered."""
        return self._inner.uuid

    @property
    def key(self) -> str | None:
        """The host's secret, with which a later program has its sessions again."""
        return self._inner.key

    def devices(self) -> list[Device]:
        """Return the known devices, the oldest first. Raises what the store raises."""
        return self._portal.call_sync(self._inner.devices)
