"""Call ``decide`` of an application without Trio: in a thread, its asyncio loop or its GUI."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import trio

from proxim.client.host import Prompt
from proxim.embed.decision import Answer
from proxim.event_loop import asyncio_loop
from proxim.portal.futures import in_own_thread, result_of, settle
from proxim.portal.portal import CallIn, Portal
from proxim.sync import Prompt as SyncPrompt

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Decide = Callable[[SyncPrompt], Answer | Awaitable[Answer]]
"""The application's decision on a prompt: ``True`` approves, or the code that the guest shows."""


def in_application(
    portal: Portal, decide: Decide, call_in: CallIn | None, lock: trio.Lock
) -> Callable[[Prompt], Awaitable[Answer]]:
    """Return a function that calls ``decide`` for the node, and returns or raises what it does.

    Call this in the thread that opens the session. A coroutine runs in the asyncio loop of that
    thread, or in the node's if there is no loop. A plain function is called by ``call_in`` while
    this holds ``lock``, or in a thread of its own.
    """
    loop = asyncio_loop()

    async def call(prompt: SyncPrompt) -> Answer | Awaitable[Answer]:
        if inspect.iscoroutinefunction(decide):
            return decide(prompt)
        if call_in is None:
            return await in_own_thread(decide, prompt)
        future: Future[Answer | Awaitable[Answer]] = Future()
        # `call_in` may block until the application's loop runs, so it gets a thread.
        # One at a time: a dialog on top of another one would hold that one's answer back.
        async with lock:
            await in_own_thread(call_in, lambda: settle(future, decide, prompt))
            return await result_of(future)

    async def ask(prompt: Prompt) -> Answer:
        answer = await call(SyncPrompt(portal, prompt))
        if not inspect.isawaitable(answer):
            return answer
        if loop is None:
            return await _await_in_node(answer)
        return await result_of(_run_in(loop, answer))

    return ask


async def _await_in_node(answer: Awaitable[Answer]) -> Answer:
    """Await ``answer`` here. An exit or a Ctrl-C that it raises must not end the node."""
    try:
        return await answer
    except (Exception, trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(trio.Cancelled):
            raise
        raise RuntimeError(f"{type(error).__name__} was raised") from error


def _run_in(loop: AbstractEventLoop, answer: Awaitable[Answer]) -> Future[Answer]:
    from asyncio import run_coroutine_threadsafe

    async def wait() -> Answer:
        return await answer

    work = answer if inspect.iscoroutine(answer) else wait()
    try:
        return run_coroutine_threadsafe(work, loop)
    except RuntimeError:
        # The loop is closed and will not await this.
        work.close()
        raise
