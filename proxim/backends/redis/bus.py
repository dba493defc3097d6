"""The post office of a node: what it has to send, and that what comes is whole.

Sacks from one node to another are numbered. A batch that comes twice is thrown away; when one is
missing, what the two nodes had with each other is no longer known, and they begin anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from proxim.backends.redis import rpc
from proxim.backends.redis.coordinator import EncodedBatch
from proxim.backends.redis.rpc import Batch, Message
from proxim.backends.redis.seal import Seal

BATCH_MESSAGES = 512
"""Parcels in a batch at most."""

WAITING_MESSAGES = 20_000
"""Parcels that may wait for one node; past that signals for it are refused."""


class MessagesLost(Exception):
    """A batch of that sender's is missing."""

    def __init__(self, sender: str) -> None:
        super().__init__("mail was lost")
        self.sender = sender


class MessageBus:
    """``node`` is this node's name, which it has for as long as it lives without a break."""

    def __init__(self, seal: Seal, wake: Callable[[], None]) -> None:
        self._seal = seal
        self._wake = wake
        self.rename()

    def rename(self) -> None:
        """Begin a new life, under a new name; nothing of the old one is sent or taken any more."""
        self.node = secrets.token_urlsafe(9)
        self._waiting: dict[str, list[Message]] = {}
        self._packed: list[EncodedBatch] = []
        self._sent: dict[str, int] = {}
        self._received: dict[str, int] = {}

    @property
    def nodes(self) -> set[str]:
        """The nodes that this node has exchanged messages with."""
        return self._sent.keys() | self._received.keys() | self._waiting.keys()

    def send(self, node: str, message: Message) -> None:
        """Send a message, soon and in order."""
        self._waiting.setdefault(node, []).append(message)
        self._wake()

    def is_full(self, node: str) -> bool:
        """Whether so much waits for a node that signals should not be added."""
        return len(self._waiting.get(node, ())) >= WAITING_MESSAGES

    def pack(self) -> list[EncodedBatch]:
        """The batches that are to go now. The same again, and none more, until ``mark_sent``."""
        if not self._packed:
            for node, waiting in list(self._waiting.items()):
                self._packed.append(self._fill(node, waiting[:BATCH_MESSAGES]))
                del waiting[:BATCH_MESSAGES]
                if not waiting:
                    del self._waiting[node]
        return self._packed

    def mark_sent(self) -> None:
        """They have gone."""
        self._packed = []
        if self._waiting:
            self._wake()

    def open(self, body: bytes) -> tuple[str, list[Message]]:
        """Who sent a batch, and what is in it: nothing when it came before.

        Raises ``MessagesLost`` when one before it did not come, ``BrokenSeal`` and
        ``msgspec.DecodeError`` when it cannot be read.
        """
        batch = rpc.decode(self._seal.open(body, f"batch:{self.node}"))
        last = self._received.get(batch.sender, 0)
        if batch.number <= last:
            return batch.sender, []
        self._received[batch.sender] = batch.number
        if batch.number > last + 1:
            raise MessagesLost(batch.sender)
        return batch.sender, batch.messages

    def forget(self, node: str) -> None:
        """That node lives no more."""
        self._waiting.pop(node, None)
        self._packed = [batch for batch in self._packed if batch.node != node]
        self._sent.pop(node, None)
        self._received.pop(node, None)

    def _fill(self, node: str, content: list[Message]) -> EncodedBatch:
        number = self._sent[node] = self._sent.get(node, 0) + 1
        text = rpc.encode(Batch(self.node, number, content))
        return EncodedBatch(node, self._seal.close(text, f"batch:{node}"))
