"""Requests that are not asked about by themselves, since the person has declined two such ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import trio

from proxim.cli import program
from proxim.cli.panel import Drawing, View, first_fitting
from proxim.cli.terminal import Reporter, quoted, time_left
from proxim.cli.words import wrap
from proxim.client import Host, Prompt, Visit
from proxim.protocol.errors import ProximError
from proxim.protocol.messages import Status

KEYS = ("a", "A")
"""The keys that show a request which waits."""


class _Waiting(NamedTuple):
    visit: Visit
    left: Callable[[], str]


class QuietVisits:
    """The visits of known devices: one that asks silently waits in a line until A is pressed.

    Without keys, as for a script, each visit is asked about as it comes. There is none without
    ``has_known``.
    """

    def __init__(self, host: Host, reporter: Reporter, *, has_known: bool = True) -> None:
        self._has_known = has_known
        self._host = host
        self._reporter = reporter
        self._waiting: list[_Waiting] = []
        self._pressed = trio.Event()

    def press(self, key: str) -> None:
        """Take a key: A shows the request that has waited longest."""
        if key in KEYS and self._alive():
            self._pressed.set()

    def beside(self, view: View) -> View:
        """Return a view that also shows the requests which wait."""
        return _Beside(view, self.line)

    def line(self) -> str | None:
        """Return what waits, in a sentence; None if nothing does."""
        waiting = self._alive()
        if not waiting:
            return None
        first, *others = waiting
        more = f", and {len(others)} more" if others else ""
        name = quoted(first.visit.device.name)
        return f"{name}, declined twice, asks again{more}. A shows it: {first.left()} left."

    async def next(self) -> Visit:
        """Wait for a visit to ask about. Raises what ``Host.visit`` raises."""
        if not self._has_known:
            await trio.sleep_forever()
        while True:
            self._pressed = trio.Event()
            visit = await program.race(self._host.visit, self._opened)
            if visit is None:
                if waiting := self._alive():
                    self._waiting = waiting[1:]
                    return waiting[0].visit
            elif not self._reporter.has_keys or not await self._is_silent(visit):
                return visit

    async def _opened(self) -> None:
        await self._pressed.wait()

    async def _is_silent(self, visit: Visit) -> bool:
        """Return whether a visit asks silently; then it waits in the line."""
        # It is no visit to come any more, and must not get lost.
        with suppress(ProximError), trio.CancelScope(shield=True):
            if visit.over is None and visit.status is Status.PENDING:
                prompt = await visit.prompt()
                if prompt.is_silent:
                    self._waiting.append(_Waiting(visit, time_left(prompt.expires_at)))
                    self._reporter.screen.refresh()
                    return True
        return False

    def _alive(self) -> list[_Waiting]:
        self._waiting = [each for each in self._waiting if each.visit.over is None]
        return self._waiting


class _Beside:
    """A view with a line about what waits."""

    def __init__(self, view: View, line: Callable[[], str | None]) -> None:
        self._view = view
        self._line = line

    def text(self) -> str:
        """Return the text of the view: without a window nothing waits."""
        return self._view.text()

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the view, with the line among its notes."""
        line = self._line()
        return self._view.draw(columns, rows, notes if line is None else [*notes, line])


class QuietRequest:
    """A view: a device has used the code, and the person is not asked by itself."""

    def __init__(self, left: Callable[[], str]) -> None:
        self._left = left

    def text(self) -> str:
        """Return what waits, and the key."""
        return f"A declined device asks again. A shows its request: {self._left()} left."

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the same for a window."""
        texts = ("\n".join([self.text(), *notes]), self.text())
        return first_fitting((Drawing(wrap(each, columns)) for each in texts), columns, rows)


async def wait_until_wanted(prompt: Prompt, reporter: Reporter) -> None:
    """Return at once if the person is to be asked, and after A if the prompt is silent."""
    if not prompt.is_silent or not reporter.has_keys:
        return
    reporter.present("prompt", QuietRequest(time_left(prompt.expires_at)))
    while (key := await reporter.keyboard.key()) is not None:
        if key in KEYS:
            return
