"""The heartbeat: it renews the node's lease, and tells what the node has to know of Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import trio

from proxim.backends.redis.coordinator import Coordinator
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.shared_limits import SharedLimits
from proxim.clock import now

HEARTBEAT_TIME = 0.5
"""Seconds between two heartbeats."""

SETTLE_TIME = 2.0
"""Seconds for all nodes to write back what Redis has forgotten."""


class Heard(NamedTuple):
    """The answer to a heartbeat that was sent at ``asked_at``.

    ``lease_held`` is whether the node's lease has held since the last one; ``dataset`` names what
    Redis remembers.
    """

    lease_held: bool
    dataset: str
    asked_at: float


class Heartbeat:
    """Sends heartbeats, and holds what the node knows by their replies.

    ``dataset`` names what Redis remembers, ``living`` are the nodes with a lease. ``describe``
    returns what other nodes and people may know of this node, as JSON types.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        lease: Lease,
        limits: SharedLimits,
        describe: Callable[[], dict[str, object]],
    ) -> None:
        self.dataset = ""
        self.living: frozenset[str] = frozenset()
        self._coordinator = coordinator
        self._lease = lease
        self._limits = limits
        self._describe = describe
        self._age = self._lag = 0.0
        self._requested = trio.Event()

    @property
    def is_settled(self) -> bool:
        """Whether all nodes have written back what Redis may have forgotten."""
        return self._age >= SETTLE_TIME

    async def send(self, node: str) -> Heard:
        """Send a heartbeat, and return the reply. It renews the lease only by ``renew``.

        Raises ``CoordinatorLost``, and ``OtherLayout`` if nodes of another version live.
        """
        asked_at = now()
        reply = await self._coordinator.heartbeat(
            node, self._introduction(), self._lease.seconds, self._limits.limits
        )
        self._lease.answered()
        self._lag = now() - asked_at
        self._age, self.living = reply.age, reply.living
        self._limits.apply(reply.refused)
        # If Redis was suspended, an earlier heartbeat may have come just before this one.
        held = reply.lease_held and self._lease.is_held and reply.dataset == self.dataset
        return Heard(held, reply.dataset, asked_at)

    def renew(self, heard: Heard) -> None:
        """Renew the lease, as of the moment at which a heartbeat was sent."""
        self.dataset = heard.dataset
        self._lease.renew(heard.asked_at)

    def end(self) -> None:
        """End the lease: whatever Redis answers, the node has to join again."""
        self.dataset = ""
        self._lease.end()

    def request(self) -> None:
        """Have the next heartbeat sent at once."""
        self._requested.set()

    async def wait(self) -> None:
        """Wait until the next heartbeat is due."""
        with trio.move_on_after(HEARTBEAT_TIME):
            await self._requested.wait()
        self._requested = trio.Event()

    def _introduction(self) -> bytes:
        own = {"lag": round(self._lag, 4), "lease": self._lease.seconds}
        return msgspec.json.encode({**self._describe(), **own})
