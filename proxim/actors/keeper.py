"""The keeper: who keeps what sessions know, so that they outlive the process.

It is told of every change before anybody else hears of it, and may have the actor wait until the
change is safe. The default keeps nothing: sessions live and die with the node.
"""

from __future__ import annotations

from typing import Protocol

from proxim.actors.actor import Actor
from proxim.actors.seat import Receipt


class Keeper(Protocol):
    """Who keeps the sessions of a node. None of this waits or raises."""

    def keep(self, actor: Actor) -> Receipt | None:
        """The actor's session may have changed; before this, if it is new, nothing was known of it.

        Nothing is told to anybody until the receipt is set; without one, at once. Its ``refusal``
        says why a new session cannot be kept, and so is not to be.
        """
        ...

    def forget(self, actor: Actor) -> None:
        """The session is gone for good: it was over and is swept, or its actor has crashed."""

    def hand_over(self, actor: Actor) -> bool:
        """The node goes away. Whether the session goes on without it, and is not to be ended."""
        ...


class NoKeeper:
    """Keeps nothing."""

    def keep(self, actor: Actor) -> Receipt | None:
        """There is nothing to wait for."""
        return None

    def forget(self, actor: Actor) -> None:
        """Nothing was kept."""

    def hand_over(self, actor: Actor) -> bool:
        """Never."""
        return False
