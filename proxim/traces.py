"""OpenTelemetry traces: a span for each session's life, and in it one for its prompt.

They say what a session was and how it went, never whose it was. Where they go is for the
application to say, or for `proxim serve`: this uses the tracer provider that there is.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode, TracerProvider

from proxim.actors.stats import Before, outcome_of
from proxim.actors.supervisor import Observer
from proxim.session.session import Session
from proxim.session.state import State


class Traces(Observer):
    """The spans of one node's sessions; it watches over them as the supervisor tells."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("proxim", tracer_provider=provider)
        self._lives: dict[str, Span] = {}
        self._prompts: dict[str, Span] = {}

    def added(self, session: Session) -> None:
        """A session is there: its span begins."""
        self._lives[session.session_id] = self._tracer.start_span(
            "session", attributes={"proxim.session.type": session.session_type.value}
        )

    def transitioned(self, session: Session, before: Before) -> None:
        """A session has gone over from one state to another."""
        if session.state is State.PROMPTED:
            self._begin_prompt(session)
        elif before.state is State.PROMPTED:
            self._end_prompt(session.session_id, outcome_of(session))
        if session.reason is not None:
            self._end(session.session_id, session.reason)

    def removed(self, session: Session) -> None:
        """A session is no longer there. One that has not ended by now has crashed."""
        span = self._lives.get(session.session_id)
        if span is not None:
            span.set_status(Status(StatusCode.ERROR))
        self._end_prompt(session.session_id, "withdrawn")
        self._end(session.session_id, "internal_error")

    def _begin_prompt(self, session: Session) -> None:
        life = self._lives.get(session.session_id)
        if life is not None:
            self._prompts[session.session_id] = self._tracer.start_span(
                "prompt", context=trace.set_span_in_context(life)
            )

    def _end_prompt(self, session_id: str, outcome: str) -> None:
        span = self._prompts.pop(session_id, None)
        if span is not None:
            span.set_attribute("proxim.prompt.outcome", outcome)
            span.end()

    def _end(self, session_id: str, reason: str) -> None:
        span = self._lives.pop(session_id, None)
        if span is not None:
            span.set_attribute("proxim.session.reason", str(reason))
            span.end()
