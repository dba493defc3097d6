"""The lines of a node's sessions, as far as they hang on its lease and on its reach."""

from __future__ import annotations

import trio

from proxim.actors.actor import Actor
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.remote_connections import FarConnection

PROLONGED_AT_ONCE = 500
"""Sessions after which the other tasks have their turn."""


def has_far_side(actor: Actor) -> bool:
    """Whether one side of the session is at another node."""
    return any(isinstance(seat.connection, FarConnection) for seat in actor.seats.values())


def cut_far(supervisor: Supervisor) -> None:
    """Have signals refused that would only pile up here."""
    for actor in supervisor.actors():
        if has_far_side(actor):
            actor.close_line()


async def prolong(supervisor: Supervisor, until: float) -> None:
    """Let all lines serve until that moment, or their session's end (on Trio's clock)."""
    for count, actor in enumerate(supervisor.actors()):
        for seat in actor.seats.values():
            seat.line_until = min(actor.session.deadline, until)
        if count % PROLONGED_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
