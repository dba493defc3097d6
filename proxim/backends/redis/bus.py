"""The message bus: it carries RPC messages to other nodes, in order, and notices lost ones.

Batches from one node to another are numbered. A batch that arrives twice is ignored. When one is
missing, the two nodes drop what they have with each other, and their clients come again. A receiver
acknowledges what it has handled, so that a sender never gets far ahead of it.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections import defaultdict
from collections.abc import Callable

import msgspec

from proxim.actors.congestion import Congestion
from proxim.actors.log import log_crash
from proxim.actors.stats import BATCH_LOST, BATCH_REPEATED, BATCH_UNREADABLE, Stats
from proxim.backends.redis import rpc
from proxim.backends.redis.cipher import CannotDecrypt, ClusterCipher
from proxim.backends.redis.outgoing import WINDOW, Outgoing
from proxim.backends.redis.records import UNREADABLE, EncodedBatch
from proxim.backends.redis.rpc import Batch, Handled, Message
from proxim.clock import now

log = logging.getLogger(__name__)

_ACKNOWLEDGED_AT_ONCE = WINDOW // 16
"""Bytes after which a receiver acknowledges them."""

_WARNING_INTERVAL = 30.0
"""Seconds between two lines in the log about batches that cannot be read."""


class MessageBus:
    """Sends RPC messages to other nodes, and handles theirs, each once and in order.

    ``node`` is this node's id, until it loses its lease. ``wake`` asks for a flush.
    ``handle`` takes a sender and a message.
    """

    def __init__(
        self,
        cipher: ClusterCipher,
        wake: Callable[[], None],
        handle: Callable[[str, Handled], None],
        stats: Stats,
    ) -> None:
        self._cipher = cipher
        self._refusals = stats.cluster_refusals
        self._warned_at = -math.inf
        self._wake = wake
        self._handle = handle
        self.node = ""
        self.rename()

    def rename(self) -> str:
        """Take a new node id, and return the old one: what waits for that is dropped."""
        former, self.node = self.node, secrets.token_urlsafe(9)
        self._outgoing: defaultdict[str, Outgoing] = defaultdict(Outgoing)
        self._packed: list[EncodedBatch] = []
        self._sent: dict[str, int] = {}
        self._received: dict[str, float] = {}
        self._acknowledged: dict[str, int] = {}
        return former

    @property
    def nodes(self) -> set[str]:
        """The nodes with which this node has exchanged messages, and that have not died."""
        met = self._sent.keys() | self._received.keys() | self._outgoing.keys()
        return {node for node in met if self._received.get(node) != math.inf}

    def forget(self, node: str) -> None:
        """Forget a node that has died. It comes back as another, so a message of it is a replay."""
        self._received[node] = math.inf
        self._outgoing.pop(node, None)
        self._acknowledged.pop(node, None)
        self._packed = [batch for batch in self._packed if batch.node != node]

    # -- what is sent ------------------------------------------------------------------------

    def send(self, node: str, message: Message, session_id: str = "") -> None:
        """Send a message with the next flush, after all that is about its session."""
        self._outgoing[node].put(message, session_id)
        self._wake()

    def send_signal(self, node: str, message: Message, session_id: str) -> Congestion | None:
        """Send a signal, unless too much of its session waits; return what its sender is told."""
        congestion = self._outgoing[node].put_signal(message, session_id)
        if congestion is not Congestion.FULL:
            self._wake()
        return congestion

    def send_backlog(self, node: str, message: Message, session_id: str) -> None:
        """Send a signal that was kept while its seat was empty."""
        self._outgoing[node].put_accepted_signal(message, session_id)
        self._wake()

    def is_full(self, node: str) -> bool:
        """Return whether so much waits for a node that no request should be added."""
        outgoing = self._outgoing.get(node)
        return outgoing is not None and outgoing.is_full

    @property
    def has_next(self) -> bool:
        """Whether ``pack`` would return any batch."""
        at = now()
        return bool(self._packed) or any(each.has_next(at) for each in self._outgoing.values())

    def pack(self) -> list[EncodedBatch]:
        """Return the batches to flush, the same again until ``mark_sent``."""
        if not self._packed:
            at = now()
            for node, outgoing in self._outgoing.items():
                if messages := outgoing.take(at):
                    self._packed.append(self._encode(node, messages, outgoing.sent))
        return self._packed

    def mark_sent(self) -> None:
        """Forget the batches that were packed."""
        self._packed = []
        if self.has_next:
            self._wake()

    def _encode(self, node: str, messages: list[Message], sent: int) -> EncodedBatch:
        number = self._sent[node] = self._sent.get(node, 0) + 1
        text = msgspec.json.encode(Batch(self.node, number, messages, sent))
        return EncodedBatch(node, self._cipher.encrypt(text, f"batch:{node}"))

    # -- what is received --------------------------------------------------------------------

    def receive(self, body: bytes) -> None:
        """Handle each message of a batch."""
        try:
            text = self._cipher.decrypt(body, f"batch:{self.node}")
            batch = msgspec.json.decode(text, type=Batch)
        except (CannotDecrypt, *UNREADABLE) as error:
            self._refusals[BATCH_UNREADABLE] += 1
            # A program that writes to Redis could fill the log.
            if now() >= self._warned_at + _WARNING_INTERVAL:
                self._warned_at = now()
                log.error("a batch of another node cannot be read: %s", type(error).__name__)
            return
        expected = self._received.get(batch.sender, 0) + 1
        if batch.number < expected:
            self._refusals[BATCH_REPEATED] += 1
            return
        self._received[batch.sender] = batch.number
        messages = batch.messages
        if batch.number > expected:
            self._refusals[BATCH_LOST] += 1
            log.warning("a batch of another node was lost; clients have to come again")
            self.send(batch.sender, rpc.Reset())
            messages = [rpc.Reset()]
        for message in messages:
            try:
                self._receive(batch.sender, message)
            except Exception as error:
                log_crash(log, "a message of another node could not be handled", error)
        if batch.sent - self._acknowledged.get(batch.sender, 0) >= _ACKNOWLEDGED_AT_ONCE:
            self._acknowledged[batch.sender] = batch.sent
            self.send(batch.sender, rpc.Acknowledgement(sent=batch.sent))

    def _receive(self, sender: str, message: Message) -> None:
        if isinstance(message, rpc.Acknowledgement):
            self._acknowledge(sender, message.sent)
            return
        if isinstance(message, rpc.Reset):
            # An acknowledgement may be among the lost messages.
            self._acknowledge(sender)
        self._handle(sender, message)

    def _acknowledge(self, sender: str, sent: int | None = None) -> None:
        if (outgoing := self._outgoing.get(sender)) is not None:
            outgoing.acknowledge(outgoing.sent if sent is None else sent, now())
            self._wake()
