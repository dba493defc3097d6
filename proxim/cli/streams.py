"""Standard input, output and errors as every command needs them, whatever the system gave."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

_DRAWN = "▀▄█“”–…"
"""Characters of the QR code and of the texts, which a code page of Windows may lack."""


def mend() -> None:
    """Open the standard streams that are closed, and have every character printed somehow.

    Without a console (``pythonw``, a windowed executable, ``>&-``) Python has None for a stream,
    and the next socket would get its descriptor.
    """
    if not _is_open(0):
        _end_input()
    for descriptor in (1, 2):
        if not _is_open(descriptor):
            os.open(os.devnull, os.O_WRONLY)
    # What they print from now on goes nowhere, for as long as the process lives.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    _widen(sys.stdout, "replace")
    _widen(sys.stderr, "backslashreplace")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _end_input() -> None:
    """Have descriptor 0 be a pipe at its end. The null device passes for a console on Windows."""
    ours, theirs = os.pipe()
    os.close(theirs)
    if ours != 0:
        os.dup2(ours, 0)
        os.close(ours)


def _widen(stream: object, errors: str) -> None:
    if not isinstance(stream, io.TextIOWrapper):
        return
    stream.reconfigure(errors=errors)
    if sys.platform == "win32":
        # A console takes every character; a file or a pipe is written in a code page.
        try:
            _DRAWN.encode(stream.encoding)
        except UnicodeEncodeError:
            with suppress(io.UnsupportedOperation):
                stream.reconfigure(encoding="utf-8", errors=errors)
