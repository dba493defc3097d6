"""Questions to the person while lines are exchanged: a line that they type may be an answer."""

from __future__ import annotations

from collections.abc import Callable

import trio

from proxim.cli.terminal import Reporter

_ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


class Questions:
    """Asks one question at a time, and answers no once nobody can type an answer."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._turn = trio.Lock()
        self._question: str | None = None
        self._answer: bool | None = None
        self._is_open = False
        self._is_closed = False
        self._changed = trio.lowlevel.ParkingLot()

    async def ask(self, question: str, tell: Callable[[], None]) -> bool:
        """Ask a question, once those before it are answered, and return the answer.

        ``tell`` tells a program, which may answer from then on.
        """
        async with self._turn:
            self._question, self._answer = question, None
            self._is_open = False
            tell()
            try:
                if self._reporter.keyboard.is_person:
                    self._show(question)
                    await self._reporter.keyboard.settle()
                self._is_open = True
                self._show(f"{question} [y/N] ")
                while self._answer is None and not self._is_closed:
                    await self._changed.park()
            finally:
                self._question = None
                self._show(None)
            return self._answer is True

    def take(self, line: str) -> bool:
        """Take a line as the answer to the question, if there is one; return whether it was.

        A person who types anything else is asked again. A script goes on with what it writes.
        """
        if self._question is None:
            return False
        if self._answer is not None:
            return True  # Typed behind the answer, before the question was gone.
        if not self._is_open:
            self._reporter.screen.answered()
            self._show(self._question)
            return True
        is_person = self._reporter.keyboard.is_person
        answer = _ANSWERS.get(line.strip().lower(), False if is_person and not line else None)
        if answer is None:
            if is_person:
                self._reporter.screen.answered()
                self._show(f"{self._question} Type y or n: ")
            return is_person
        self._answer = answer
        self._reporter.screen.answered()
        self._changed.unpark_all()
        return True

    def _show(self, question: str | None) -> None:
        # A program has been told of the file by an event.
        if not self._reporter.as_json:
            self._reporter.screen.ask(question)

    def close(self) -> None:
        """Answer no to this question and all later ones: the input has ended."""
        self._is_closed = True
        self._changed.unpark_all()
