"""Lines of standard input, typed by a person or piped by a script."""

from __future__ import annotations

import os
import signal
import sys
import threading

import trio

if sys.platform == "win32":
    import msvcrt
else:
    import termios

_CHUNK = 4096
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


if sys.platform == "win32":

    class ConsoleKeyboard(Keyboard):
        """Lines from the keys of a Windows console, which this echoes."""

        def __init__(self, fd: int = 0) -> None:
            super().__init__(fd)
            self._keys: list[str] = []

        def _flush(self) -> None:
            while msvcrt.kbhit():
                msvcrt.getwch()
            self._keys.clear()

        async def _read(self) -> bytes:
            while True:
                while msvcrt.kbhit():
                    if (line := self._take(msvcrt.getwch())) is not None:
                        return line
                await trio.sleep(_KEY_INTERVAL)

        def _take(self, key: str) -> bytes | None:
            """Apply a key. Return the line if the key ends it, empty bytes at the end of input."""
            if key in ("\x00", "\xe0"):
                msvcrt.getwch()  # The second half of a function key or an arrow.
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
