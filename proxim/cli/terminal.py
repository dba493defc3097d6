"""Output for a person at a terminal, or for a program."""

from __future__ import annotations

import json
import math
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click
import trio

from proxim.cli.group import program_name, shell_word
from proxim.cli.keyboard import standard_input
from proxim.cli.panel import Panel, View
from proxim.cli.words import start, width, wrap
from proxim.clock import now, slept
from proxim.protocol.fields import MAX_TTL

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.text import Text


NAME_COLUMNS = 32
"""Columns of a name in a sentence."""

MAX_NOTES = 2
"""Lines said beside a view; later ones replace earlier ones."""

ANSWER_COLUMNS = 8
"""Columns behind a question."""


def printable(text: str) -> str:
    """Return ``text`` with control, format and bidirectional characters escaped.

    The text may come from another device, and must not control the terminal.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def quoted(name: str, columns: int = NAME_COLUMNS) -> str:
    """Return a name of a device or a file in quotation marks, as ``cut`` does."""
    return f"“{cut(name, columns)}”"


def cut(text: str, columns: int) -> str:
    """Return a printable text without its middle if it is wider than ``columns``.

    The end stays, since that of a file's name says its kind.
    """
    text = printable(text)
    if width(text) <= columns:
        return text
    end = columns // 3
    return f"{start(text, columns - 1 - end)}…{start(text[::-1], end)[::-1]}"


def cell(text: object) -> Text:
    """Return ``text`` for a cell of a table of rich, as ``printable`` does.

    rich shows a ``Text`` as it is. In a string it would look for markup and emoji codes.
    """
    from rich.text import Text

    return Text(printable(str(text)))


def seconds(number: float) -> float:
    """Return a number of seconds from a node, between 0 and ten years."""
    return min(max(0.0, number), MAX_TTL)


def is_terminal() -> bool:
    """Return whether standard output is a terminal, and open."""
    return sys.stdout is not None and sys.stdout.isatty()


def command_line(*arguments: str, elsewhere: bool = False) -> str:
    """Return a command of this program, for copying into a shell.

    With ``elsewhere`` that is the shell of another computer, where the program has its own name.
    """
    name = "proxim" if elsewhere else program_name()
    return " ".join([name, *(shell_word(each, anywhere=elsewhere) for each in arguments)])


class Screen:
    """Standard output for a person: lines of text, and below them one thing that changes.

    That is a view, a question, or the progress of files. Without a terminal a view is printed once,
    and there is no progress.
    """

    def __init__(self) -> None:
        self.is_terminal = is_terminal()
        self._panel = Panel(self._write)
        self._view: View | None = None
        self._notes: list[str] = []
        self._erase = ""
        self._question: str | None = None
        self._bars: Progress | None = None

    def present(self, view: View) -> None:
        """Show a view below the lines, in place of the one before."""
        if not self.is_terminal:
            click.echo(view.text())
            return
        self._view, self._notes = view, []
        self.refresh()

    def refresh(self) -> None:
        """Draw the view as it is now, if there is one."""
        if self._view is not None:
            self._panel.draw(self._view, self._notes)

    def redraw(self) -> None:
        """Draw the view anew, after another program had the terminal."""
        self._panel.forget()
        self.refresh()

    def dismiss(self) -> None:
        """Remove the view."""
        self._panel.erase()
        self._view = None

    def say(self, text: str = "") -> None:
        """Print a line above the question or the progress; a view shows it as a note."""
        if self._view is not None:
            self._notes = [*self._notes, text][-MAX_NOTES:]
            self.refresh()
            return
        self.clear()
        if self._bars is not None and self._bars.live.is_started:
            self._bars.live.stop()
        click.echo("\n".join(self._wrap(text)))
        if self._question is not None:
            self._show_question(self._question)
        self.draw_bars()

    def _wrap(self, text: str) -> list[str]:
        return wrap(text, shutil.get_terminal_size().columns) if self.is_terminal else [text]

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
            # The answer stands behind the question, so its last row must not be full.
            rows = self._wrap(f"{question}{'_' * ANSWER_COLUMNS}")
            self._write("\n".join(rows).removesuffix("_" * ANSWER_COLUMNS))
            self._erase = "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (len(rows) - 1)
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

    def clear(self) -> None:
        """Remove the question."""
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
        show: Callable[[], None],
    ) -> None:
        """Report what a command found: ``show`` it to a person, an event for each to a program."""
        self.exit_code = 0
        if found and not self.as_json:
            show()
        elif not found and not self.as_json:
            self.screen.say(nothing)
        else:
            for fields in found:
                self.report(event, "", **fields)

    def present(self, event: str, view: View, /, **fields: object) -> None:
        """Report an event that a person sees as a view, until ``screen.dismiss``."""
        if self.as_json:
            self.report(event, "", **fields)
        else:
            self.screen.present(view)

    async def line_for(self, request: str) -> str:
        """Return the next line of standard input, which a person is asked for."""
        if self.keyboard.is_person and not self.as_json:
            self.screen.say(request)
        return (await self.keyboard.line() or "").strip()

    @property
    def has_keys(self) -> bool:
        """Whether a person presses keys where the view is; a script or a pipe sends lines."""
        return not self.as_json and self.screen.is_terminal and self.keyboard.is_person

    async def keep_current(self) -> NoReturn:
        """Draw the view again every second, for its countdown and the size of the window."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._take_the_terminal_back)
            while True:
                await trio.sleep(1)
                self.screen.refresh()

    async def _take_the_terminal_back(self) -> None:
        """Read keys and draw the view anew when the process goes on after a stop (Ctrl-Z, fg)."""
        if sys.platform == "win32" or not self.has_keys:
            return
        with trio.open_signal_receiver(signal.SIGCONT) as signals:
            async for _ in signals:
                self.keyboard.send_keys()
                self.screen.redraw()


def time_left(until: float) -> Callable[[], str]:
    """Return a function that returns the time left until ``until`` (on Trio's clock), as 4:59."""
    end = until + slept()

    def left() -> str:
        remaining = math.ceil(seconds(end - now()))
        return f"{remaining // 60}:{remaining % 60:02}"

    return left
