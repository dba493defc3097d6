"""The progress of files: a bar for each at a terminal, events with ``--json``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxim.cli.terminal import Reporter, printable

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR_INTERVAL = 0.1
_EVENT_INTERVAL = 1.0
"""Seconds between two updates, for a person and for a program."""


class Bars:
    """Shows how much of each file has crossed. Prints nothing where neither can be shown."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._progress: Progress | None = None

    @contextmanager
    def show(self, number: int, text: str, size: int) -> Iterator[Callable[[int], None]]:
        """Show a file's progress during the block, which calls the function with the bytes."""
        if self._reporter.as_json:
            yield self._events(number, size)
        elif not self._reporter.screen.is_terminal:
            yield lambda done: None
        else:
            with self._bar(text, size) as update:
                yield update

    def _events(self, number: int, size: int) -> Callable[[int], None]:
        is_due = _every(_EVENT_INTERVAL)

        def update(done: int) -> None:
            if is_due() or done == size:
                self._reporter.report("progress", "", number=number, done=done, size=size)

        return update

    @contextmanager
    def _bar(self, text: str, size: int) -> Iterator[Callable[[int], None]]:
        progress = self._progress or self._start()
        is_due = _every(_BAR_INTERVAL)
        task = progress.add_task(printable(text), total=size)

        def update(done: int) -> None:
            progress.update(task, completed=done)
            if is_due():
                self._reporter.screen.draw_bars()

        try:
            self._reporter.screen.draw_bars()
            yield update
        finally:
            progress.remove_task(task)
            if not progress.tasks:
                self._reporter.screen.set_bars(None)
                self._progress = None

    def _start(self) -> Progress:
        from rich import progress as columns

        self._progress = columns.Progress(
            columns.TextColumn("{task.description}", markup=False),
            columns.BarColumn(bar_width=20),
            columns.DownloadColumn(),
            columns.TransferSpeedColumn(),
            columns.TimeRemainingColumn(),
            # Its own thread would write at the same time as this one.
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._reporter.screen.set_bars(self._progress)
        return self._progress


def _every(interval: float) -> Callable[[], bool]:
    """Return a function that returns true at most once in ``interval`` seconds."""
    due = 0.0

    def is_due() -> bool:
        nonlocal due
        now = time.monotonic()
        if now < due:
            return False
        due = now + interval
        return True

    return is_due
