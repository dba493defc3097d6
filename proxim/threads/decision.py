"""Asking an application that does not run Trio: in a thread, in its asyncio loop, in its GUI."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import trio

from proxim.client.host import Prompt
from proxim.embed.futures import in_own_thread, result_of, settle
from proxim.threads.portal import Portal
from proxim.threads.session import ThreadPrompt

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Answer = bool | Awaitable[bool]
Decide = Callable[[ThreadPrompt], Answer]
"""The application's answer to a prompt. Only ``True`` is a yes."""

CallIn = Callable[[Callable[[], None]], object]
"""Has a function called soon in the application's own loop, such as ``root.after_idle`` in Tk."""


class Asker:
    """``decide``, to be awaited in the node's thread. Made in the thread of who opens the session.

    A coroutine runs in the asyncio loop of that thread, or, where there is none, in the node's. A
    plain function is called by ``call_in``, when it is its ``turn``, or else in a thread of its
    own.
    """

    def __init__(
        self, portal: Portal, decide: Decide, call_in: CallIn | None, turn: trio.Lock
    ) -> None:
        self._portal = portal
        self._decide = decide
        self._call_in = call_in
        self._turn = turn
        self._loop = _running_loop()

    async def ask(self, prompt: Prompt) -> bool:
        """What the application says. Raises what ``decide`` does."""
        asked = ThreadPrompt(self._portal, prompt)
        if inspect.iscoroutinefunction(self._decide):
            answer: Answer = self._decide(asked)
        else:
            answer = await self._call(asked)
        if not inspect.isawaitable(answer):
            return answer
        if self._loop is None:
            return await _in_the_node(answer)
        return await result_of(_run_in(self._loop, answer))

    async def _call(self, asked: ThreadPrompt) -> Answer:
        if self._call_in is None:
            return await in_own_thread(self._decide, asked)
        future: Future[Answer] = Future()
        # Whatever has it called may wait for the application's own loop, and the node must not.
        # One after the other: a dialog opened over another one would hold that one's answer back.
        async with self._turn:
            await in_own_thread(self._call_in, lambda: settle(future, self._decide, asked))
            return await result_of(future)


async def _in_the_node(answer: Awaitable[bool]) -> bool:
    """Await it here. An exit or a Ctrl-C that it raises must not end the node, as in a thread."""
    try:
        return await answer
    except (Exception, trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(trio.Cancelled):
            raise
        raise RuntimeError(f"{type(error).__name__} was raised") from error


def _run_in(loop: AbstractEventLoop, answer: Awaitable[bool]) -> Future[bool]:
    from asyncio import run_coroutine_threadsafe

    async def wait() -> bool:
        return await answer

    work: Coroutine[Any, Any, bool] = wait()
    try:
        return run_coroutine_threadsafe(work, loop)
    except RuntimeError:
        # The loop has been closed, and nobody will await these.
        work.close()
        if inspect.iscoroutine(answer):
            answer.close()
        raise


def _running_loop() -> AbstractEventLoop | None:
    """The asyncio loop that runs in this thread. Who runs one has imported it."""
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None
