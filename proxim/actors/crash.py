"""How a crash is logged: where it happened and of what kind, never with what words.

The text of an exception may quote what a client said, and no token, key, name or SDP shall reach a
log.
"""

from __future__ import annotations

import logging
import traceback

from proxim.actors.pseudonym import about


def log_crash(
    log: logging.Logger, what: str, error: BaseException, session_id: str | None = None
) -> None:
    """Log ``what`` has crashed, with the way through the code and the kind of the exception.

    ``session_id`` is that of the session it was about; it is logged as its pseudonym.
    """
    extra = None if session_id is None else about(session_id)
    way = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s\n%s%s", what, way, type(error).__name__, extra=extra)
