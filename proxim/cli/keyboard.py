"""Lines and keys of standard input, typed by a person or piped by a script."""

from __future__ import annotations

import math
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

if sys.platform == "win32":
    import msvcrt
else:
    import termios

GRACE = 0.6
"""Seconds for which a new question ignores what a person types."""

ESCAPE = "\x1b"

_CHUNK = 4096
_SEQUENCE_TIME = 0.05
"""Seconds for the rest of an escape sequence; Esc alone is a key."""
_SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|O.|[^\x1b[O])", re.DOTALL)
_END = "\x04"

Mode = list[Any]
"""The mode of a terminal; empty on Windows, whose console sends keys in any case."""

_TWO_PART_KEYS = ("\x00", "\xe0")
"""What begins a function key or an arrow on Windows; the second half follows."""
_KEY_INTERVAL = 0.02
"""Seconds between two polls of a Windows console, which has no event for a key."""


class Keyboard:
    """Lines from standard input. A cancelled wait loses no input."""

    def __init__(self, fd: int = 0) -> None:
        self._fd = fd
        self._typed = b""
        self._at_end = False
        self._chunks: trio.MemoryReceiveChannel[bytes] | None = None

    @property
    def is_person(self) -> bool:
        """Whether standard input is a terminal, not a pipe or a file."""
        return os.isatty(self._fd)

    def discard(self) -> None:
        """Discard the input that was typed before a question."""
        if self.is_person:
            self._flush()
            self._typed = b""

    async def settle(self) -> None:
        """Wait until a person sees a new question, and discard what they typed by then.

        It was meant for what stood there before.
        """
        if self.is_person:
            self.discard()
            await trio.sleep(GRACE)
            self.discard()

    async def line(self) -> str | None:
        """Return the next line without its line end; None at the end of input."""
        while b"\n" not in self._typed and not self._at_end:
            chunk = await self._read()
            self._typed += chunk
            self._at_end = not chunk
        if not self._typed:
            return None
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")

    @contextmanager
    def by_key(self) -> Iterator[None]:
        """Make each key available at once during the block, unechoed; discard what is unread."""
        before = self._mode()
        self.send_keys()
        try:
            yield
        finally:
            self._set_mode(before)

    def _mode(self) -> Mode:
        mode: Mode = []
        if sys.platform != "win32":
            mode = termios.tcgetattr(self._fd)
        return mode

    def _set_mode(self, mode: Mode) -> None:
        if sys.platform != "win32":
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, mode)
        self._typed = b""

    def send_keys(self) -> None:
        """Have the terminal send keys; again after a shell had it, when the process was stopped."""
        mode = self._mode()
        if sys.platform != "win32":
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        self._set_mode(mode)

    async def key(self) -> str | None:
        """Return the next key inside ``by_key``; None at the end of input.

        A key that is not one character of ASCII, such as an arrow, is an empty string.
        """
        while True:
            key, self._typed = _take_key(self._typed)
            if key is not None:
                return None if key == _END else key
            chunk: bytes | None = None
            with trio.move_on_after(_SEQUENCE_TIME if self._typed else math.inf):
                chunk = await self._read()
            if chunk is None:
                key, self._typed = ESCAPE if self._typed == ESCAPE.encode() else "", b""
                return key
            if not chunk:
                return None
            self._typed += chunk

    def _flush(self) -> None:
        if sys.platform != "win32":
            termios.tcflush(self._fd, termios.TCIFLUSH)

    async def _read(self) -> bytes:
        """Wait for the next bytes of standard input; empty at the end."""
        if self._chunks is None:
            try:
                await trio.lowlevel.wait_readable(self._fd)
            except OSError:
                # A plain file has no readiness; on Windows only a socket has.
                self._chunks = self._read_in_thread()
            else:
                return os.read(self._fd, _CHUNK)
        return await self._chunks.receive()

    def _read_in_thread(self) -> trio.MemoryReceiveChannel[bytes]:
        """Start a thread that reads into a channel, at most one chunk ahead."""
        chunks, received = trio.open_memory_channel[bytes](0)
        token = trio.lowlevel.current_trio_token()

        def read() -> None:
            chunk = b"-"
            while chunk:
                try:
                    chunk = os.read(self._fd, _CHUNK)
                except OSError:
                    chunk = b""
                try:
                    trio.from_thread.run(chunks.send, chunk, trio_token=token)
                except (trio.RunFinishedError, trio.Cancelled, trio.BrokenResourceError):
                    return

        threading.Thread(target=read, name="proxim-input", daemon=True).start()
        return received


def _take_key(typed: bytes) -> tuple[str | None, bytes]:
    """Return the first key of what was typed, None if it is not whole, and the rest."""
    if not typed.startswith(ESCAPE.encode()):
        first = typed[:1].decode("ascii", "ignore")
        return (first if typed else None), typed[1:]
    if sequence := _SEQUENCE.match(typed):
        return "", typed[sequence.end() :]
    if typed[1:2] == ESCAPE.encode():
        return ESCAPE, typed[1:]
    return None, typed


if sys.platform == "win32":

    class ConsoleKeyboard(Keyboard):
        """Lines, which this echoes, and keys of a Windows console."""

        def __init__(self, fd: int = 0) -> None:
            super().__init__(fd)
            self._keys: list[str] = []

        def _flush(self) -> None:
            while msvcrt.kbhit():
                msvcrt.getwch()
            self._keys.clear()

        async def key(self) -> str | None:
            """Return the next key; None at the end of input."""
            while not msvcrt.kbhit():  # noqa: ASYNC110 - a console has no event for a key
                await trio.sleep(_KEY_INTERVAL)
            key = msvcrt.getwch()
            if key in _TWO_PART_KEYS:
                msvcrt.getwch()
                return ""
            if key == "\x03":
                signal.raise_signal(signal.SIGINT)
            return None if key == "\x1a" else key

        async def _read(self) -> bytes:
            while True:
                while msvcrt.kbhit():
                    if (line := self._take(msvcrt.getwch())) is not None:
                        return line
                await trio.sleep(_KEY_INTERVAL)

        def _take(self, key: str) -> bytes | None:
            """Apply a key. Return the line if the key ends it, empty bytes at the end of input."""
            if key in _TWO_PART_KEYS:
                msvcrt.getwch()
            elif key == "\x03":
                signal.raise_signal(signal.SIGINT)
            elif key in ("\r", "\n"):
                return self._end_line()
            elif key == "\x1a" and not self._keys:
                return b""
            elif key == "\b":
                self._erase()
            elif key.isprintable() or "\ud800" <= key <= "\udfff":
                self._keys.append(key)
                msvcrt.putwch(key)
            return None

        def _end_line(self) -> bytes:
            msvcrt.putwch("\r")
            msvcrt.putwch("\n")
            # A character above U+FFFF comes as two keys, a UTF-16 surrogate pair.
            units = "".join([*self._keys, "\n"]).encode("utf-16-le", "surrogatepass")
            self._keys.clear()
            return units.decode("utf-16-le", "replace").encode()

        def _erase(self) -> None:
            if not self._keys:
                return
            if "\udc00" <= self._keys.pop() <= "\udfff" and self._keys:
                self._keys.pop()
            for char in "\b \b":
                msvcrt.putwch(char)


def standard_input() -> Keyboard:
    """Return the keyboard of this process."""
    if sys.platform == "win32" and os.isatty(0):
        return ConsoleKeyboard()
    return Keyboard()
