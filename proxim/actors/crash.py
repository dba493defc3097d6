"""How a crash is logged: where it happened and of what kind, never with what words.

The text of an exception may quote what a client said, and no token, key, name or SDP shall reach a
log.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

from proxim.actors.pseudonym import about


def log_crash(
    log: logging.Logger, what: str, error: BaseException, session_id: str | None = None
) -> None:
    """Log ``what`` has crashed, with the way through the code and the kind of the exception.

    Where it came ``from`` another, that one's are told before.
    ``session_id`` is that of the session it was about; it is logged as its pseudonym.
    """
    extra = None if session_id is None else about(session_id)
    log.error("%s\n%s", what, "\n".join(_ways(error)), extra=extra)


def _ways(error: BaseException) -> Iterator[str]:
    if error.__cause__ is not None:
        yield from _ways(error.__cause__)
    yield "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
