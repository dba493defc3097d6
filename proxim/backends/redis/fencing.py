"""Fencing: what a node may do with its sessions, by the state of its lease."""

from __future__ import annotations

import math

import trio

from proxim import clock
from proxim.actors.actor import Actor
from proxim.actors.seat import Envelope
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.remote_connections import RemoteConnection
from proxim.session import events as ev

EXTENDED_AT_ONCE = 500
"""Sessions after which the other tasks have their turn."""

_COMMITTING = (ev.PairRequested, ev.HostDecided, ev.RenewalRequested, ev.CloseRequested)


def may_act(lease: Lease, actor: Actor, envelope: Envelope) -> bool:
    """Return whether the node may act on an envelope now.

    Timeouts and disconnects always proceed. Requests need the lease. Commitments need a Redis that
    answers, since they are saved before anybody is told; so do signals to another node.
    """
    if envelope.sender is None:
        return True
    if isinstance(envelope.event, ev.SignalSent):
        return lease.is_connected or not _has_remote_side(actor)
    if isinstance(envelope.event, _COMMITTING):
        return lease.is_connected
    return lease.is_held


def cut_remote_lines(supervisor: Supervisor) -> None:
    """Cut the lines to other nodes, so that signals are refused instead of piling up here."""
    for actor in supervisor.actors():
        if _has_remote_side(actor):
            actor.close_line()


def line_until(lease: Lease, actor: Actor) -> float:
    """Return the moment up to which the process is known not to be suspended.

    A line to another node expires at once while Redis does not answer.
    """
    if _has_remote_side(actor) and not lease.is_connected:
        return -math.inf
    return lease.running_until


async def extend_lines_forever(supervisor: Supervisor, lease: Lease) -> None:
    """Extend all lines again and again, but those that have expired.

    A signal may wait in the inbox since a line has expired, and must not be overtaken; its actor
    opens the line again.
    """
    while True:
        for count, actor in enumerate(supervisor.actors()):
            until = min(actor.session.deadline, line_until(lease, actor))
            for seat in actor.seats.values():
                if seat.line_until > clock.now():
                    seat.line_until = until
            if count % EXTENDED_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        await trio.sleep(lease.seconds / 4)


def _has_remote_side(actor: Actor) -> bool:
    return any(isinstance(seat.connection, RemoteConnection) for seat in actor.seats.values())
