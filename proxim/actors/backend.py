"""Where session state is kept, and by what right this node acts on a session.

``Backend`` itself keeps sessions in memory only, on this node alone. ``backends/sqlite`` and
``backends/redis`` override what they need.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import trio

from proxim.actors.connection import Owner
from proxim.actors.inbox import Envelope, Receipt
from proxim.actors.seat import SeatActor
from proxim.protocol import tokens
from proxim.protocol.errors import RequestError

if TYPE_CHECKING:
    from proxim.actors.actor import Actor
    from proxim.actors.supervisor import Supervisor


BOOT_BYTES = 16
"""Bytes of ``welcome.boot``."""


def boot_of(name: bytes) -> str:
    """Return the ``boot`` of what keeps sessions across restarts, by a name of its own."""
    return tokens.encode(hashlib.sha256(b"boot:" + name).digest()[:BOOT_BYTES])


class SessionHandle(SeatActor, Protocol):
    """Takes requests for a session: its actor, or a remote session that stands for it."""

    def ask(self, envelope: Envelope) -> Receipt:
        """Put a request into the inbox whose sender waits for the returned receipt."""
        ...


class SaveReceipt(Receipt):
    """Lets tasks wait until a change has been saved, or cannot be waited for any longer.

    ``is_saved`` says that a crash loses the change no more. With a refusal, a new session cannot be
    opened.
    """

    __slots__ = ("is_saved",)

    def __init__(self) -> None:
        super().__init__()
        self.is_saved = False

    def set_saved(self) -> None:
        """Note that the change is saved, and wake the tasks that wait."""
        self.is_saved = True
        self.set()


class Backend:
    """Keeps the state of sessions, and the right to act for them: here in memory, and always.

    Only coroutines wait. ``find``, ``owned_elsewhere`` and ``check_limits`` raise ``Unavailable``
    while the answer cannot be known; the other methods raise nothing unless they say so.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._boot = tokens.encode(secrets.token_bytes(BOOT_BYTES))

    @property
    def boot(self) -> str:
        """The name of all that is kept here; another one means that the sessions are forgotten."""
        return self._boot

    @property
    def is_memory(self) -> bool:
        """Whether all is in the memory of this node alone: then no method waits, and none refuses.

        A subclass would have to say so itself.
        """
        return type(self) is Backend

    # -- saving ------------------------------------------------------------------------------

    def save(self, actor: Actor) -> SaveReceipt | None:
        """Save a session that may have changed.

        The actor tells no client of the change before the receipt is set; without a receipt it
        does so at once. A refusal in the receipt means that a new session cannot be opened. If the
        change is not saved even then (``is_saved``), a guest gets no new resume token.
        """
        return None

    @property
    def can_save(self) -> bool:
        """Whether changes are saved now; while they are not, a guest gets no new resume token."""
        return not self.trouble

    def delete(self, actor: Actor) -> None:
        """Delete a session that ended and was swept, or whose actor crashed."""

    def hand_over(self, actor: Actor) -> bool:
        """Have the session continue after this node stops, if it can; return whether it does."""
        return False

    # -- the right to act --------------------------------------------------------------------

    def line_until(self, actor: Actor) -> float:
        """The moment (of ``clock.now``) from which signals go through the actor again."""
        return math.inf

    def verify_right(self, actor: Actor, envelope: Envelope) -> RequestError | None:
        """Return why this node may not handle an envelope now, or None if it may.

        In a cluster, a node that finds itself suspended beyond its lease first releases the actors
        of all its sessions, this one too.
        """
        return None

    # -- sessions of other nodes -------------------------------------------------------------

    async def find(self, session_id: str) -> SessionHandle | None:
        """Return a handle on a session that the supervisor does not have, or None.

        In a cluster this node takes the session over if it is free; the handle is its actor then.
        """
        return None

    async def owned_elsewhere(self, owner: Owner) -> Sequence[SessionHandle]:
        """Return handles on those sessions of an owner that the supervisor does not have.

        In a cluster this node takes over those that are free; the supervisor has them then.
        """
        return ()

    async def check_limits(self, owner: Owner, *, standing: bool) -> None:
        """Raise ``LimitReached`` if the owner may open no further session on any node.

        A ``standing`` session is one for a known device.
        """

    async def reserve(self, session_id: str) -> None:
        """Keep a session id for this node, which opens the session next.

        The id was made of a nonce, so another node may be about to open it, too. Raises
        ``Unavailable``.
        """

    def hash_address(self, address: str) -> str:
        """Return the key under which limits count an address."""
        return address

    # -- lifetime ----------------------------------------------------------------------------

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the file or the connection that the backend needs, and close it at the end.

        Raises ``InvalidSetting`` if it cannot be used.
        """
        yield

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled; within ``opened``. It has started once the node may serve clients.

        Raises ``InvalidSetting`` if the node may not.
        """
        task_status.started()

    async def leave(self) -> None:
        """Save and send what is pending, and give up the right to act."""

    @property
    def close_reason(self) -> tuple[int, str]:
        """The code and reason with which connections are closed when the node stops."""
        return 1001, "the node is going away"

    @property
    def trouble(self) -> str:
        """Why clients should not be sent to this node now; empty if they may."""
        return ""

    def exposition(self) -> str:
        """Return the backend's metrics in Prometheus text format."""
        return ""
