"""The tenure: the right of a node to act for its sessions, and for how long it has it.

A node of its own has it for good. One that shares its sessions with others may lose it, and then
nothing that it still decides may reach anybody.
"""

from __future__ import annotations

import math
from typing import Protocol

from proxim.actors.actor import Actor
from proxim.actors.seat import Envelope
from proxim.protocol.errors import RequestError


class Tenure(Protocol):
    """By what right the node acts. None of this waits or raises."""

    @property
    def lines_until(self) -> float:
        """Until when a line serves before it is asked again (on Trio's clock)."""
        ...

    def refusal(self, actor: Actor, envelope: Envelope) -> RequestError | None:
        """Why the node may not act on an envelope now; None if it may."""
        ...

    def lines_changed(self, actor: Actor) -> None:
        """The actor has put its lines up, or taken them down."""


class Freehold:
    """The right of a node that shares nothing."""

    lines_until = math.inf

    def refusal(self, actor: Actor, envelope: Envelope) -> RequestError | None:
        """There is no reason."""
        return None

    def lines_changed(self, actor: Actor) -> None:
        """Nobody else need know."""
