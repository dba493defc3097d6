"""Counters and histograms of sessions, updated as things happen, so that reading them is cheap.

They tell types, states, outcomes and limits, and nothing about a person or a device.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from proxim.protocol.messages import Reason, SessionType, Status
from proxim.session.session import Session
from proxim.session.state import State

PROMPT_BOUNDS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 120.0, 600.0, 3600.0)
LATENESS_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the histograms, in seconds."""

APPROVED, REJECTED, TIMED_OUT = "approved", "rejected", "timed_out"
WITHDRAWN, LAPSED, CONTESTED = "withdrawn", "lapsed", "contested"
OUTCOMES = (APPROVED, REJECTED, TIMED_OUT, WITHDRAWN, LAPSED, CONTESTED)
"""Outcomes of a ``pair_request`` with the right token: the host approved, rejected or did not
answer in time; a side left or the session ended meanwhile; the link had expired; the link had
been used before."""

LIMITS = (
    *("connections_per_address", "denials_per_address", "drawings_at_once", "drawings_per_owner"),
    *("guesses_per_address", "head_size", "head_time", "inbox", "introduction_time"),
    *("max_backlog_bytes", "max_connections", "max_outbox_bytes", "max_prompts", "max_sessions"),
    *("message_rate", "message_time", "not_http", "outbox_size", "prompts_per_host"),
    *("sessions_per_address", "sessions_per_owner", "standing_per_owner", "tls_time"),
)
"""Limits that can be reached, named as their settings. ``inbox`` is the bound of envelopes in one
inbox; ``not_http`` is not a limit, but a request head that cannot be read."""

BATCH_UNREADABLE, BATCH_REPEATED, BATCH_LOST = "batch_unreadable", "batch_repeated", "batch_lost"
REQUEST_OUTDATED = "request_outdated"
RECORD_UNREADABLE, RECORD_OUTDATED = "record_unreadable", "record_outdated"
CLUSTER_REFUSALS = (
    *(BATCH_UNREADABLE, BATCH_REPEATED, BATCH_LOST, REQUEST_OUTDATED),
    *(RECORD_UNREADABLE, RECORD_OUTDATED),
)
"""Reasons for which a node of a cluster does not take what it reads in Redis: a batch of messages
that no other node has encrypted for it, that came before, or that came without the one before it; a
request for an earlier epoch or prompt; the record of a session that no node has encrypted, or that
this node has ended."""

_OUTCOME_OF = {Reason.REJECTED: REJECTED, Reason.APPROVAL_TIMEOUT: TIMED_OUT}


class Before(NamedTuple):
    """A session's state before an event. Moments as in ``SessionData``."""

    state: State
    deadline: float
    prompted_at: float


class Histogram:
    """Counts values by upper bounds. ``counts`` has one more entry than ``bounds``."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Stats:
    """Counts what happens to the sessions of one node.

    ``queued`` counts the envelopes in all inboxes, ``refusals`` what each of ``LIMITS`` refused,
    ``cluster_refusals`` those of ``CLUSTER_REFUSALS``, ``drawings`` the QR codes that are drawn or
    wait for it.
    """

    def __init__(self) -> None:
        self.sessions: Counter[tuple[SessionType, Status]] = Counter()
        self.prompts = 0
        self.opened: Counter[SessionType] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.cluster_refusals: Counter[str] = Counter()
        self.queued = 0
        self.drawings = 0
        self.prompt_seconds = Histogram(PROMPT_BOUNDS)
        self.lateness = Histogram(LATENESS_BOUNDS)

    @property
    def alive(self) -> int:
        """How many sessions have not ended."""
        living = (Status.PENDING, Status.APPROVED)
        return sum(self.sessions[kind, status] for kind in SessionType for status in living)

    def added(self, session: Session) -> None:
        """Count a session that is in memory from now on."""
        self.opened[session.session_type] += 1
        self.sessions[session.session_type, session.status] += 1
        self.prompts += session.state is State.PROMPTED

    def removed(self, session: Session) -> None:
        """Count that a session left memory."""
        self.sessions[session.session_type, session.status] -= 1
        self.prompts -= session.state is State.PROMPTED

    def transitioned(self, session: Session, before: Before, now: float) -> None:
        """Count that a session went from one state to another at ``now``."""
        status = Status.APPROVED if before.state is State.APPROVED else Status.PENDING
        self.sessions[session.session_type, status] -= 1
        self.sessions[session.session_type, session.status] += 1
        if session.state is State.PROMPTED:
            self.prompts += 1
        elif before.state is State.PROMPTED:
            self.prompts -= 1
            self.outcomes[outcome_of(session)] += 1
            self.prompt_seconds.observe(now - before.prompted_at)
        if now >= before.deadline:
            self.lateness.observe(now - before.deadline)


def outcome_of(session: Session) -> str:
    """Return the outcome of a session's prompt."""
    if session.reason is None:
        return APPROVED
    return _OUTCOME_OF.get(session.reason, WITHDRAWN)
