"""The message bus: it carries RPC messages to other nodes, in order, and notices lost ones.

Batches from one node to another are numbered. A batch that arrives twice is ignored. When one is
missing, the two nodes drop what they have with each other, and their clients come again.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable

import msgspec

from proxim.actors.log import log_crash
from proxim.backends.redis import rpc
from proxim.backends.redis.coordinator import UNREADABLE, EncodedBatch
from proxim.backends.redis.rpc import Batch, Message
from proxim.backends.redis.seal import BrokenSeal, Seal

log = logging.getLogger(__name__)

BATCH_MESSAGES = 512
"""Messages in a batch at most."""

WAITING_BOUND = 20_000
"""Messages that may wait for one node; a client whose signal comes on top is closed (4001)."""


class MessageBus:
    """Sends RPC messages to other nodes, and handles theirs, each once and in order.

    ``node`` is this node's id, until it loses its lease. ``wake`` asks for a flush.
    ``handle`` takes a sender and a message.
    """

    def __init__(
        self, seal: Seal, wake: Callable[[], None], handle: Callable[[str, Message], None]
    ) -> None:
        self._seal = seal
        self._wake = wake
        self._handle = handle
        self.node = ""
        self.rename()

    def rename(self) -> str:
        """Take a new node id, and return the old one: what waits for that is dropped."""
        former, self.node = self.node, secrets.token_urlsafe(9)
        self._waiting: dict[str, list[Message]] = {}
        self._packed: list[EncodedBatch] = []
        self._sent: dict[str, int] = {}
        self._received: dict[str, float] = {}
        return former

    @property
    def nodes(self) -> set[str]:
        """The nodes with which this node has exchanged messages, and that have not died."""
        met = self._sent.keys() | self._received.keys() | self._waiting.keys()
        return {node for node in met if self._received.get(node) != math.inf}

    def forget(self, node: str) -> None:
        """Forget a node that has died. It comes back as another, so a message of it is a replay."""
        self._received[node] = math.inf
        self._waiting.pop(node, None)
        self._packed = [batch for batch in self._packed if batch.node != node]

    # -- what is sent ------------------------------------------------------------------------

    def send(self, node: str, message: Message) -> None:
        """Send a message with the next flush, in order."""
        self._waiting.setdefault(node, []).append(message)
        self._wake()

    def is_full(self, node: str) -> bool:
        """Return whether so much waits for a node that no signal should be added."""
        return len(self._waiting.get(node, ())) >= WAITING_BOUND

    def pack(self) -> list[EncodedBatch]:
        """Return the batches to flush, the same again until ``mark_sent``."""
        if not self._packed:
            for node, waiting in list(self._waiting.items()):
                self._packed.append(self._encode(node, waiting[:BATCH_MESSAGES]))
                del waiting[:BATCH_MESSAGES]
                if not waiting:
                    del self._waiting[node]
        return self._packed

    def mark_sent(self) -> None:
        """Forget the batches that were packed."""
        self._packed = []
        if self._waiting:
            self._wake()

    def _encode(self, node: str, messages: list[Message]) -> EncodedBatch:
        number = self._sent[node] = self._sent.get(node, 0) + 1
        text = msgspec.json.encode(Batch(self.node, number, messages))
        return EncodedBatch(node, self._seal.seal(text, f"batch:{node}"))

    # -- what is received --------------------------------------------------------------------

    def receive(self, body: bytes) -> None:
        """Handle each message of a batch."""
        try:
            text = self._seal.unseal(body, f"batch:{self.node}")
            batch = msgspec.json.decode(text, type=Batch)
        except (BrokenSeal, *UNREADABLE) as error:
            log.error("a batch of another node cannot be read: %s", type(error).__name__)
            return
        expected = self._received.get(batch.sender, 0) + 1
        if batch.number < expected:
            return
        self._received[batch.sender] = batch.number
        messages = batch.messages
        if batch.number > expected:
            log.warning("a batch of another node was lost; clients have to come again")
            self.send(batch.sender, rpc.Reset())
            messages = [rpc.Reset()]
        for message in messages:
            try:
                self._handle(batch.sender, message)
            except Exception as error:
                log_crash(log, "a message of another node could not be handled", error)
