"""The messages about a file on its data channel (docs/reference/channel.md: Files)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol, TypeVar

import msgspec
import trio

from proxim.exception_groups import leaves
from proxim.protocol.errors import ChannelClosed, TransferFailed

_Message = TypeVar("_Message")

LABEL: Final = "file"
"""The label of a file's data channel."""

PIECE: Final = 64 * 1024
"""Bytes of a file in one message, at most."""

LEAST_PIECE: Final = 1024
"""Bytes of a file in one message, on average at least."""

FREE_PIECES: Final = 64
"""Messages that a file may have beyond one per ``LEAST_PIECE`` bytes."""

MAX_SIZE: Final = 2**53 - 1
"""Bytes of a file at most: the largest integer of every JSON implementation."""

_GOODBYE = 5.0
"""Seconds to tell the other side why a file ends, before its channel is closed all the same."""

INTERRUPTED: Final = "interrupted"

_THEIR_REASONS = {
    "declined": "the other side declined it",
    "cancelled": "the other side cancelled it",
    "too_large": "it is larger than the other side takes",
    "busy": "the other side has too many files waiting",
    "disk_full": "the disk of the other side is full",
    "changed": "it changed while the other side read it",
    "not_supported": "the other side takes no files",
    "failed": "the other side could not transfer it",
}
_OUR_REASONS = {
    INTERRUPTED: "the connection was interrupted",
    "declined": "it was declined",
    "disk_full": "the disk is full",
    "changed": "it changed while it was read",
    "failed": "the other side did not follow the protocol for files",
}


class DataChannel(Protocol):
    """What a file needs of its data channel. ``proxim.client.DataChannel`` has it."""

    @property
    def label(self) -> str:
        """What the channel is for."""
        ...

    async def send(self, data: str | bytes) -> None:
        """Send a message, once there is room. Raises ``ChannelClosed``."""

    async def receive(self) -> str | bytes:
        """Return the next message. Raises ``ChannelClosed``."""
        ...

    async def aclose(self) -> None:
        """Close the channel."""


class Offer(msgspec.Struct, frozen=True):
    """What the sender says of a file."""

    name: str
    size: int
    type: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Every later message: one of these fields is set."""

    accept: bool = False
    ok: bool = False
    cancel: str | None = None


def failure(reason: str) -> TransferFailed:
    """Return the exception for a reason of this side."""
    return TransferFailed(reason, _OUR_REASONS[reason])


def their_failure(reason: str) -> TransferFailed:
    """Return the exception for a reason of the other side; an unknown one is ``failed``."""
    known = reason if reason in _THEIR_REASONS else "failed"
    return TransferFailed(known, _THEIR_REASONS[known], by_other_side=True)


async def send(channel: DataChannel, message: Offer | Answer) -> None:
    """Send a message. Raises ``ChannelClosed``."""
    fields = msgspec.to_builtins(message)
    if isinstance(message, Answer):
        fields = {name: value for name, value in fields.items() if value}
    await channel.send(msgspec.json.encode(fields).decode())


async def receive(channel: DataChannel) -> Answer | bytes:
    """Return the next message after the offer: an answer, or bytes of the file.

    Raises ``TransferFailed`` if the other side cancels, breaks the protocol or is gone.
    """
    try:
        data = await channel.receive()
    except ChannelClosed:
        raise failure(INTERRUPTED) from None
    if isinstance(data, bytes):
        return data
    answer = _decode(data, Answer)
    if answer.cancel is not None:
        raise their_failure(answer.cancel)
    return answer


async def receive_offer(channel: DataChannel) -> Offer:
    """Return the first message of a channel. Raises ``TransferFailed``."""
    try:
        data = await channel.receive()
    except ChannelClosed:
        raise failure(INTERRUPTED) from None
    offer = _decode(data, Offer) if isinstance(data, str) else None
    if offer is None or not 0 <= offer.size <= MAX_SIZE:
        raise failure("failed")
    return offer


def _decode(data: str, kind: type[_Message]) -> _Message:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise failure("failed") from None


@asynccontextmanager
async def closing(channel: DataChannel, *, only_on_failure: bool = False) -> AsyncIterator[None]:
    """Close the channel after the block, and say why to the other side if the block fails.

    With ``only_on_failure`` a block that succeeds leaves the channel open.

    Raises ``TransferFailed`` where the block raises ``ChannelClosed``.
    """
    reason: str | None = "failed"
    is_done = False
    try:
        yield
        is_done, reason = only_on_failure, None
    except TransferFailed as error:
        reason = None if error.by_other_side or error.reason == INTERRUPTED else error.reason
        raise
    except ChannelClosed:
        reason = None
        raise failure(INTERRUPTED) from None
    except BaseException as error:
        if all(isinstance(leaf, trio.Cancelled) for leaf in leaves(error)):
            reason = "cancelled"
        raise
    finally:
        if not is_done:
            with trio.CancelScope(shield=True):
                await end(channel, reason)


async def end(channel: DataChannel, reason: str | None = None) -> None:
    """Close a channel; with a reason, tell it to the other side first."""
    if reason is not None:
        with trio.move_on_after(_GOODBYE), suppress(ChannelClosed):
            await send(channel, Answer(cancel=reason))
    await channel.aclose()
