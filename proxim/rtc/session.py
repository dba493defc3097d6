"""What the channel needs of a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from proxim.protocol.errors import ProximError
from proxim.protocol.messages import IceServer
from proxim.rtc.negotiation import Role


class Session(Protocol):
    """What a peer needs of a session."""

    @property
    def role(self) -> Role:
        """The side of the session that this is."""
        ...

    @property
    def over(self) -> ProximError | None:
        """The reason why the session ended; None before."""
        ...

    @property
    def ice_servers(self) -> list[IceServer]:
        """The latest ICE servers."""
        ...

    @property
    def peer_online(self) -> bool:
        """Whether the other side is connected to the node."""
        ...

    @property
    def arrivals(self) -> int:
        """How often the other side has come online, or this side again."""
        ...

    async def send_rtc(self, rtc: Mapping[str, object]) -> None:
        """Send a signal of this peer."""

    async def refresh_ice(self) -> object:
        """Replace ``ice_servers`` by fresh ones."""

    async def wait_approved(self) -> None:
        """Wait until the session is approved, or over."""

    async def wait_over(self) -> None:
        """Wait until ``over`` is set."""

    async def arrival_after(self, seen: int) -> int:
        """Wait until ``arrivals`` is not ``seen``, or the session is over, and return it."""
        ...
