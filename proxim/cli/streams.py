"""Prepare standard input, output and errors for every command."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress

_NON_ASCII = "▀▄█“”–…"
"""Characters of the QR code and the texts that a Windows code page may lack."""

_PLAIN = dict(zip("“”–→✓✗▁▂▃▄▅▆▇█", '""->+x_.,:;=%#', strict=True)) | {"…": "..."}
"""What is printed for characters of the commands that an encoding lacks."""


def prepare() -> None:
    """Open closed standard streams, and replace characters that cannot be printed.

    Without a console (``pythonw``, a windowed executable, ``>&-``) a stream is None, and the next
    socket would get its descriptor.
    """
    if not _is_open(0):
        _open_empty_input()
    for descriptor in (1, 2):
        if not _is_open(descriptor):
            os.open(os.devnull, os.O_WRONLY)
    # Discard their output until the process exits.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error("proxim", _replace)
    _set_error_handler(sys.stdout, "proxim")
    _set_error_handler(sys.stderr, "backslashreplace")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _open_empty_input() -> None:
    """Make descriptor 0 an empty pipe: on Windows the null device looks like a console."""
    reader, writer = os.pipe()
    os.close(writer)
    if reader != 0:
        os.dup2(reader, 0)
        os.close(reader)


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char, "?") for char in missing), error.end


def _set_error_handler(stream: object, errors: str) -> None:
    if not isinstance(stream, io.TextIOWrapper):
        return
    stream.reconfigure(errors=errors)
    if sys.platform == "win32":
        # A console prints every character; a file or a pipe has a code page.
        try:
            _NON_ASCII.encode(stream.encoding)
        except UnicodeEncodeError:
            with suppress(io.UnsupportedOperation):
                stream.reconfigure(encoding="utf-8", errors=errors)
