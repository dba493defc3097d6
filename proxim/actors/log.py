"""Log lines about sessions and crashes that reveal no session id, token, key, name or SDP."""

from __future__ import annotations

import hashlib
import logging
import secrets
import traceback
from collections.abc import Iterator

_KEY = secrets.token_bytes(32)
"""Known to this process alone, so that a log and a session id cannot be matched."""


def log_id(session_id: str) -> str:
    """Return ten hexadecimal digits that stand for a session in the log of this process."""
    return hashlib.blake2b(session_id.encode(), key=_KEY, digest_size=5).hexdigest()


def session_extra(session_id: str) -> dict[str, str]:
    """Return the ``extra`` of a log line about a session."""
    return {"session": log_id(session_id)}


def log_crash(
    log: logging.Logger, what: str, error: BaseException, session_id: str | None = None
) -> None:
    """Log what crashed, the traceback and the kind of the exception, and those of its cause.

    The text of the exception is left out, since it may quote what a client sent.
    """
    extra = None if session_id is None else session_extra(session_id)
    log.error("%s\n%s", what, "\n".join(_tracebacks(error)), extra=extra)


def _tracebacks(error: BaseException) -> Iterator[str]:
    if error.__cause__ is not None:
        yield from _tracebacks(error.__cause__)
    yield "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
