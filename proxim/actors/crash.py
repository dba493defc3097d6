"""How a crash is logged: where it happened and of what kind, never with what words.

The text of an exception may quote what a client said, and no token, key, name or SDP shall reach a
log.
"""

from __future__ import annotations

import logging
import traceback


def log_crash(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log ``what`` has crashed, with the way through the code and the kind of the exception."""
    way = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s\n%s%s", what, way, type(error).__name__)
