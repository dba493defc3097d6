"""Programs with pipes, as in a script, and at a terminal."""

import fcntl
import json
import os
import re
import select
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pyte
from PIL import Image, ImageDraw

from tests.cli.forked import Forked, can_fork

PROXIM = Path(sys.executable).with_name("proxim")
NUMBER = r"number on the other device:\s+(\d\d\d)\s"
"""Where a guest shows its number."""
FIELD = r"(?m)^>"
"""The field for a number, once it takes keys."""
PATIENCE = 60
"""Timeout in seconds."""


class Program:
    """A ``proxim`` with pipes."""

    def __init__(self, arguments, environ, *, anew=False):
        if not anew and can_fork(environ):
            self.process = Forked(arguments, environ)
        else:
            self.process = subprocess.Popen(
                [PROXIM, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environ,
                bufsize=0,
            )
        self._unread = b""
        self._last = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self):
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._unread:
            try:
                chunk = _read(self.process.stdout.fileno(), deadline)
            except TimeoutError:
                raise AssertionError(f"no line in time, after {self._last!r}") from None
            assert chunk, f"no more lines, after {self._last!r}"
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        self._last = line.decode()
        return self._last

    def said(self):
        """Return what a failed test shows of it: its exit code, and what no test has read."""
        code = self.process.poll()
        streams = (self.process.stdout, self.process.stderr)
        out, err = (b"" if each is None or each.closed else _available(each) for each in streams)
        return (
            f"{'running' if code is None else f'exit code {code}'}, last line read: {self._last}\n"
            f"{(self._unread + out).decode(errors='replace')}{err.decode(errors='replace')}"
        )

    def url(self):
        """Return the URL that a node prints."""
        return re.search(r"https?://\S+", self.line())[0]

    def event(self, name):
        """Return the next event of this name; skip others, but fail on an error."""
        while True:
            event = json.loads(self.line())
            if event["event"] == name:
                return event
            assert event["event"] != "error", event

    def type(self, text):
        self.process.stdin.write(text.encode())

    def end_input(self):
        self.process.stdin.close()
        self.process.stdin = None

    def finish(self):
        """Return the rest of its output, its errors, and its exit code."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"it did not end: {(self._unread + out, err)}") from None
        return (self._unread + out).decode(), err.decode(), self.process.returncode

    def exit(self):
        return self.process.wait(PATIENCE)


class Terminal:
    """A ``proxim`` in a terminal of ``size`` columns and lines, with a person."""

    def __init__(self, arguments, environ, size=(220, 60), *, anew=False):
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._fd, theirs = os.openpty()
        termios.tcsetwinsize(theirs, size[::-1])
        environ = {**environ, "TERM": "xterm-256color"}
        if not anew and can_fork(environ):
            self.process = Forked(arguments, environ, theirs)
        else:
            self.process = subprocess.Popen(
                [PROXIM, *arguments],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=environ,
                start_new_session=True,
                # For the signal of Ctrl-C.
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self):
        """Close the terminal, as a person closes its window."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def see(self, pattern):
        """Wait until a pattern is on the screen, and return its match."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            try:
                chunk = _read(self._fd, deadline)
            except TimeoutError:
                raise AssertionError(f"no {pattern!r} in time:\n{self.text}") from None
            assert chunk, f"it ended without {pattern!r}:\n{self.text}"
            self._stream.feed(chunk)
        return found

    def said(self):
        """Return what a failed test shows of it: its exit code and its screen."""
        code = self.process.poll()
        if self._fd is not None:
            self.has("")
        return f"{'running' if code is None else f'exit code {code}'}\n{self.text.rstrip()}"

    def has(self, pattern):
        """Return whether a pattern is on the screen, with all that has been written by now."""
        while select.select([self._fd], [], [], 0)[0] and (chunk := _read(self._fd, 0)):
            self._stream.feed(chunk)
        return re.search(pattern, self.text) is not None

    def type(self, text):
        os.write(self._fd, text.encode())

    def type_until(self, key, pattern):
        """Press a key, again and again while it is ignored, until a pattern is on the screen."""
        deadline = time.monotonic() + PATIENCE
        while not self.has(pattern):
            assert time.monotonic() < deadline, self.text
            self.type(key)
            time.sleep(0.1)

    def resize(self, columns, lines):
        """Change the size of the window; what was on the screen is lost."""
        self.screen.resize(lines, columns)
        self.screen.reset()
        termios.tcsetwinsize(self._fd, (lines, columns))

    def as_a_shell(self):
        """Set the terminal to lines, and the screen to a prompt, as a shell does after Ctrl-Z."""
        mode = termios.tcgetattr(self._fd)
        mode[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        self.screen.reset()
        self._stream.feed(b"$ fg\r\n")

    def type_number(self, guest):
        """Type the number that the guest's terminal shows, once this one takes keys."""
        number = guest.see(NUMBER)[1]
        self.see(FIELD)
        self.type(f"{number}\n")

    def exit(self):
        """Return its exit code, once its output is on the screen."""
        deadline = time.monotonic() + PATIENCE
        try:
            while chunk := _read(self._fd, deadline):
                self._stream.feed(chunk)
        except TimeoutError:
            raise AssertionError(f"it did not end:\n{self.text}") from None
        return self.process.wait(PATIENCE)

    def picture(self):
        """Return the screen as an image, in the colours of a dark terminal."""
        return picture(self.screen)


def picture(screen, ink="#cccccc", paper="#000000"):
    """Return a screen as an image.

    Every character of a text is a block of ink, the worst neighbour of a code.
    """
    wide, high = 6, 12
    image = Image.new("RGB", (screen.columns * wide, screen.lines * high), paper)
    draw = ImageDraw.Draw(image)
    for row in range(screen.lines):
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            colour = _colour(cell.fg, ink)
            left, top = column * wide, row * high
            area = (left, top, left + wide - 1, top + high - 1)
            draw.rectangle(area, _colour(cell.bg, paper))
            if cell.data in "▀█":
                draw.rectangle((*area[:3], top + high // 2 - 1), colour)
            if cell.data in "▄█":
                draw.rectangle((left, top + high // 2, *area[2:]), colour)
            if cell.data not in " ▀▄█":
                draw.rectangle((left, top + 2, left + wide - 2, top + high - 3), colour)
    return image


def _colour(name, default):
    return default if name == "default" else f"#{name}"


def _read(fd, deadline):
    """Return what can be read before the deadline; empty at the end."""
    if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
        raise TimeoutError
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


def _available(pipe):
    """Return what a pipe holds now."""
    held = b""
    with suppress(TimeoutError):
        while chunk := _read(pipe.fileno(), 0):
            held += chunk
    return held


def scan(image, path):
    """Return what a scanner reads in an image."""
    image.save(path)
    command = ["zbarimg", "--quiet", "--raw", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
