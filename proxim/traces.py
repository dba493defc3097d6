"""OpenTelemetry traces: a span for each session, with a span for its prompt.

Spans have no identities. They go to the global tracer provider, which the application or
`proxim serve` configures.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode, TracerProvider

from proxim.actors.stats import Before, outcome_of
from proxim.actors.supervisor import Observer
from proxim.session.session import Session
from proxim.session.state import State


class Traces(Observer):
    """Makes spans of one node's sessions; the supervisor calls it."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("proxim", tracer_provider=provider)
        self._session_spans: dict[str, Span] = {}
        self._prompt_spans: dict[str, Span] = {}

    def added(self, session: Session) -> None:
        """Begin the span of a new session."""
        self._session_spans[session.session_id] = self._tracer.start_span(
            "session", attributes={"proxim.session.type": session.session_type.value}
        )

    def transitioned(self, session: Session, before: Before) -> None:
        """Begin or end a span after a session changed its state."""
        if session.state is State.PROMPTED:
            self._begin_prompt(session)
        elif before.state is State.PROMPTED:
            _end(self._prompt_spans, session, "proxim.prompt.outcome", outcome_of(session))
        if session.reason is not None:
            _end(self._session_spans, session, "proxim.session.reason", session.reason)

    def removed(self, session: Session) -> None:
        """End the span of a removed session; if it is still open, the session crashed."""
        span = self._session_spans.get(session.session_id)
        if span is not None:
            span.set_status(Status(StatusCode.ERROR))
        _end(self._prompt_spans, session, "proxim.prompt.outcome", "withdrawn")
        _end(self._session_spans, session, "proxim.session.reason", "internal_error")

    def _begin_prompt(self, session: Session) -> None:
        parent = self._session_spans.get(session.session_id)
        if parent is not None:
            self._prompt_spans[session.session_id] = self._tracer.start_span(
                "prompt", context=trace.set_span_in_context(parent)
            )


def _end(spans: dict[str, Span], session: Session, attribute: str, value: str) -> None:
    span = spans.pop(session.session_id, None)
    if span is not None:
        span.set_attribute(attribute, str(value))
        span.end()
