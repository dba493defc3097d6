"""The rights of a node over its sessions, by the state of its lease and of Redis."""

from __future__ import annotations

from proxim.actors.actor import Actor
from proxim.actors.inbox import Envelope
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.remote_connections import RemoteConnection
from proxim.session import events as ev

_COMMITTING = (
    *(ev.PairRequested, ev.PairCancelled, ev.HostDecided),
    *(ev.RenewalRequested, ev.CloseRequested),
)


def may_act(lease: Lease, actor: Actor, envelope: Envelope) -> bool:
    """Return whether the node may act on an envelope now.

    Timeouts and disconnects always proceed. Requests need the lease. Commitments need a Redis that
    answers, since they are saved before a client is told; so do signals to another node.
    """
    if envelope.sender is None:
        return True
    if isinstance(envelope.event, ev.SignalSent):
        return lease.is_connected or not _has_remote_side(actor)
    if isinstance(envelope.event, _COMMITTING):
        return lease.is_connected
    return lease.is_held


def line_until(lease: Lease, actor: Actor) -> float:
    """Return until when the process is known to run, and to reach the other side's node."""
    return lease.connected_until if _has_remote_side(actor) else lease.running_until


def _has_remote_side(actor: Actor) -> bool:
    return any(isinstance(seat.connection, RemoteConnection) for seat in actor.seats.values())
