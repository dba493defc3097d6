"""Mark a received file as one from elsewhere, as browsers do, so that the system warns of it."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

_ZONE = b"[ZoneTransfer]\r\nZoneId=3\r\n"
"""The Mark of the Web: the file is from the internet."""

_QUARANTINE = b"com.apple.quarantine"


def mark(path: Path, system: str = sys.platform) -> None:
    """Mark a file on Windows and macOS. Does nothing if its file system stores no such mark."""
    # Windows raises OSError, and a system library that lacks the function AttributeError.
    with suppress(OSError, AttributeError):
        if system == "win32":
            Path(f"{path}:Zone.Identifier").write_bytes(_ZONE)
        elif system == "darwin":
            value = b"0081;%x;Proxim;" % int(time.time())
            library = ctypes.CDLL(None)
            library.setxattr(
                os.fsencode(path), _QUARANTINE, value, ctypes.c_size_t(len(value)), 0, 0
            )
