"""The interface of the supervisor that an actor uses, so that it can be tested without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from proxim.actors.connection import Connection
from proxim.actors.stats import Before, Stats
from proxim.protocol.errors import RequestError, Unavailable, UnknownSession
from proxim.session.events import Finish
from proxim.session.ice import IceGrant

if TYPE_CHECKING:
    from proxim.actors.actor import Actor
    from proxim.actors.backend import Backend

ClosedError = type[UnknownSession] | type[Unavailable]
"""The class of the error with which a closed actor refuses requests."""


class Services(Protocol):
    """The part of the supervisor that an actor uses."""

    stats: Stats
    backend: Backend

    def prompt_refusal(self, actor: Actor, guest: Connection | None) -> RequestError | None:
        """Return the refusal of a guest that may not prompt the session's host now, or None."""
        ...

    def note_transition(self, actor: Actor, before: Before, now: float) -> None:
        """Count and log that the actor's session went from one state to another."""

    def note_approval(self, actor: Actor) -> None:
        """Tell the application that the actor's session is approved, and saved."""

    def note_end(self, actor: Actor, end: Finish) -> None:
        """Count and log the end of the actor's session, and tell the application; called once."""

    def hand_over(self, actor: Actor) -> bool:
        """Release the actor if its session continues after this node stops; return whether."""
        ...

    def grant_ice(self, lifetime: float, side: str, /) -> IceGrant:
        """Return ICE servers for ``side`` of a session that lives at most ``lifetime`` seconds."""
        ...
