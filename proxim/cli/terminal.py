"""Output for a person at a terminal, or for a program."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click
import trio

from proxim.cli.keyboard import standard_input
from proxim.clock import now, slept
from proxim.protocol.fields import MAX_TTL

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table


def printable(text: str) -> str:
    """Return ``text`` with control, format and bidirectional characters escaped.

    The text may come from another device, and must not control the terminal.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def cell(text: object) -> str:
    """Return ``text`` for a cell of a table of rich, as ``printable`` does."""
    from rich.markup import escape

    return escape(printable(str(text)))


def seconds(number: float) -> float:
    """Return a number of seconds from a node, between 0 and ten years."""
    return min(max(0.0, number), MAX_TTL)


def is_terminal() -> bool:
    """Return whether standard output is a terminal, and open."""
    return sys.stdout is not None and sys.stdout.isatty()


def command_line(*arguments: str) -> str:
    """Return a command of this program, for copying into a shell."""
    # Or its path, if it is not in PATH.
    program = "proxim" if shutil.which("proxim") else sys.argv[0]
    return f"{program} {shlex.join(arguments)}"


def draw_qr(link: str) -> str | None:
    """Return the QR code of a link, or None if it does not fit into the terminal.

    Without half blocks in the encoding of the output, it is drawn with colours, and twice as wide.
    """
    from proxim import qr

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        qr.HALF_BLOCKS.encode(encoding)
    except UnicodeEncodeError:
        has_half_blocks = False
    else:
        has_half_blocks = True
    try:
        code = qr.terminal(link, half_blocks=has_half_blocks)
    except ValueError:
        return None
    width = len(click.unstyle(code.partition("\n")[0]))
    is_too_wide = is_terminal() and width > shutil.get_terminal_size().columns
    return None if is_too_wide and not has_half_blocks else code


class Screen:
    """Standard output for a person: lines of text, and below them one thing that changes.

    That is a countdown, a question, or the progress of files. Without a terminal there is neither a
    countdown nor progress.
    """

    def __init__(self) -> None:
        self.is_terminal = is_terminal()
        self._erase = ""
        self._question: str | None = None
        self._bars: Progress | None = None

    def say(self, text: str = "") -> None:
        """Print a line above the question or the progress, and in place of the countdown."""
        self.clear()
        if self._bars is not None and self._bars.live.is_started:
            self._bars.live.stop()
        click.echo(text)
        if self._question is not None:
            self._show_question(self._question)
        self.draw_bars()

    def ask(self, question: str | None) -> None:
        """Show a question, with the cursor after it, until this is called with None."""
        self.clear()
        self._question = question
        if question is None:
            self.draw_bars()
            return
        if self._bars is not None:
            self._bars.live.stop()
        self._show_question(question)

    def typed(self, line: str) -> None:
        """Show a line that the person typed into the progress above it."""
        if self._bars is not None and self._bars.live.is_started:
            self._write("\x1b[1A")
            self.say(line)

    def answered(self) -> None:
        """Leave the question and its answer on the screen."""
        self._erase = ""

    def _show_question(self, question: str) -> None:
        if self.is_terminal:
            self._write(question)
            self._erase = "\r\x1b[2K"
        else:
            click.echo(question)
            self._question = None  # Not repeated after each line.

    def set_bars(self, bars: Progress | None) -> None:
        """Show the progress of files from now on, or no longer."""
        if self._bars is not None:
            self._bars.live.stop()
        self._bars = bars

    def draw_bars(self) -> None:
        """Update the progress of files, unless a question is there."""
        if self._bars is not None and self._question is None:
            if self._bars.live.is_started:
                self._bars.refresh()
            else:
                self._bars.live.start(refresh=True)

    def show(self, text: str, *, with_answer: bool) -> None:
        """Update the countdown. ``with_answer`` leaves a line below it for the answer."""
        if not self.is_terminal:
            return
        if not with_answer:
            self._write(f"\r\x1b[2K{text}")
            self._erase = "\r\x1b[2K"
        elif self._erase:
            # Save the cursor, go up to the countdown, write it, return to the answer.
            self._write(f"\x1b7\x1b[1A\r\x1b[2K{text}\x1b8")
        else:
            self._write(f"{text}\n> ")
            self._erase = "\r\x1b[2K\x1b[1A\x1b[2K"

    def keep(self) -> None:
        """Leave the countdown and the answer on the screen."""
        self._erase = ""

    def clear(self) -> None:
        """Remove the countdown."""
        if self._erase:
            self._write(self._erase)
            self._erase = ""

    def _write(self, text: str) -> None:
        # Not `sys.stdout.write`: on Windows, click translates escape sequences for the console.
        click.echo(text, nl=False)


class Reporter:
    """Reports events to a person or, with ``--json``, as one JSON object per line.

    ``exit_code`` is the exit code of the command, ``as_json`` whether the reader is a program.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.exit_code = 1
        self.screen = Screen()
        self.keyboard = standard_input()
        self.as_json = as_json

    def report(self, event: str, text: str, /, **fields: object) -> None:
        """Report an event: ``text`` to a person, ``fields`` to a program."""
        if self.as_json:
            click.echo(json.dumps({"event": event, **fields}))
        elif text:
            self.screen.say(text)

    def report_all(
        self,
        event: str,
        found: Sequence[Mapping[str, object]],
        nothing: str,
        make_table: Callable[[], Table],
    ) -> None:
        """Report what a command found: a table to a person, an event for each to a program."""
        self.exit_code = 0
        if found and not self.as_json:
            from rich.console import Console

            Console().print(make_table())
        elif not found and not self.as_json:
            self.screen.say(nothing)
        else:
            for fields in found:
                self.report(event, "", **fields)

    async def count_down(self, until: float, text: str, *, with_answer: bool = False) -> NoReturn:
        """Show the time left until ``until`` (on Trio's clock), until cancelled."""
        end = until + slept()
        try:
            while True:
                left = math.ceil(seconds(end - now()))
                if not self.as_json:
                    clock = f"{left // 60}:{left % 60:02}"
                    # A wrapped line cannot be overwritten.
                    line = f"{text} {clock}"[-shutil.get_terminal_size().columns + 1 :]
                    self.screen.show(line, with_answer=with_answer)
                await trio.sleep(1)
        finally:
            self.screen.clear()
