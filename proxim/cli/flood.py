"""Bounds what the other side can have printed, so that a person still sees and types something."""

from __future__ import annotations

import math

import trio

from proxim.cli.terminal import Reporter

ROWS = 500
ROWS_PER_SECOND = 20.0
"""Rows of the terminal that the other side may fill at once, and in the long run."""

_ROW = 80
"""Characters in a row."""

_SUMMARY_INTERVAL = 1.0
"""Seconds between two lines that say how many were left out."""


class Allowance:
    """How much may still be used: ``most`` at once, and ``per_second`` in the long run."""

    def __init__(self, most: float, per_second: float) -> None:
        self._per_second = per_second
        self._window = most / per_second
        self._full_at = -math.inf

    def wait(self) -> float:
        """Return the seconds until something may be used; 0 if something may be used now."""
        return max(0.0, self._full_at - self._window - trio.current_time())

    def use(self, amount: float) -> None:
        """Use an amount. The last one may be larger than what is left."""
        self._full_at = max(self._full_at, trio.current_time()) + amount / self._per_second

    def give_back(self, amount: float) -> None:
        """Take back the use of an amount."""
        self._full_at -= amount / self._per_second


class Heard:
    """Reports what the other side causes, to a person no faster than one can read.

    What is beyond ``ROWS`` and ``ROWS_PER_SECOND`` is left out, and its lines are counted. A
    program gets everything, and so do pipes and files, since their readers may need each line.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._is_bounded = reporter.screen.is_terminal and not reporter.as_json
        self._rows = Allowance(ROWS, ROWS_PER_SECOND)
        self._left_out = 0
        self._changed = trio.Event()

    def report(self, event: str, text: str, /, **fields: object) -> None:
        """Report an event, as that of ``Reporter`` does, or count it as left out."""
        if text and self._is_bounded:
            if self._rows.wait():
                self._left_out += 1
                self._changed.set()
                return
            self._rows.use(sum(1 + len(line) // _ROW for line in text.splitlines()))
        self._reporter.report(event, text, **fields)

    def say_left_out(self) -> None:
        """Say how many lines were left out since the last time, if any were."""
        if self._left_out:
            lines = "line" if self._left_out == 1 else "lines"
            self._reporter.report("left_out", f"… {self._left_out:,} {lines} left out")
            self._left_out = 0

    async def run(self) -> None:
        """Say it about once a second, until cancelled."""
        while True:
            await self._changed.wait()
            await trio.sleep(_SUMMARY_INTERVAL)
            self._changed = trio.Event()
            self.say_left_out()
