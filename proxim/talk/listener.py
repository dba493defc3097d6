"""What a talk tells its application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from proxim.protocol.errors import NotSupported, ProximError

if TYPE_CHECKING:
    from proxim.rtc.path import Path

By = Literal["channel", "signal"]
"""How a message came: from device to device, or through the node, which can read it."""


class Listener(Protocol):
    """Is told what happens. Its methods must not block."""

    def opened(self, path: Path | None) -> None:
        """Take that the two devices are connected directly, and how."""

    def lost(self) -> None:
        """Take that the connection is lost, and that the two sides connect again."""

    def gave_up(self, error: ProximError) -> None:
        """Take that chat goes through the node from now on, and files do not go, and why."""

    async def heard(self, text: str, by: By) -> None:
        """Take a chat message. The other side waits with more."""

    def sent_by_node(self) -> None:
        """Take that a message went through the node, since there is no channel yet."""

    def not_sent(self, error: ProximError) -> None:
        """Take that a chat message was not sent, and why."""


def why_indirect(error: ProximError) -> str:
    """Return a sentence that says why there is no channel."""
    who = "This computer" if isinstance(error, NotSupported) else "The two devices"
    return f"{who} cannot connect directly: {error}."


def without_channel(*, sealed: bool) -> str:
    """Return what it means that a session has no channel."""
    reads = "cannot" if sealed else "can"
    return f"Chat goes through the server, which {reads} read it. Files cannot cross."
