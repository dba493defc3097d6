"""Asking the application whether a guest may come in."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable

import trio

from proxim.actors.log import log_crash, session_extra
from proxim.client.host import HostSession, Prompt
from proxim.embed.futures import in_own_thread
from proxim.protocol.errors import ProximError

log = logging.getLogger(__name__)

Decide = Callable[[Prompt], bool | Awaitable[bool]]
"""The application's answer to a prompt, as a coroutine function or a plain one.

A plain one is called in a thread of its own and may wait for a person. Only ``True`` is a yes.
"""


def check(decide: object) -> None:
    """Raise ``TypeError`` for what cannot be called."""
    if decide is not None and not callable(decide):
        raise TypeError(f"decide is a function that is asked, not {decide!r}")


async def answer(session: HostSession, decide: Decide) -> None:
    """Wait until somebody asks, and answer as ``decide`` says; at its exception with no.

    Who takes longer than the prompt lasts is not waited for: a coroutine is cancelled, and what a
    plain function returns then counts for nothing.
    """
    try:
        prompt = await session.prompt()
        approve = await _ask_until_the_end(prompt, decide)
        if session.over is None:
            await session.decide(approve=approve)
    except ProximError:
        # It ended meanwhile, or was decided elsewhere; who waits for the session has been told.
        log.debug("the answer came too late", extra=session_extra(session.session_id))


async def _ask_until_the_end(prompt: Prompt, decide: Decide) -> bool:
    approve = False
    async with trio.open_nursery() as nursery:

        async def give_up_at_the_end() -> None:
            await prompt.session.wait_over()
            nursery.cancel_scope.cancel()

        nursery.start_soon(give_up_at_the_end)
        approve = await _ask(prompt, decide)
        nursery.cancel_scope.cancel()
    return approve


async def _ask(prompt: Prompt, decide: Decide) -> bool:
    try:
        if inspect.iscoroutinefunction(decide):
            return await decide(prompt) is True
        answer = await in_own_thread(decide, prompt)
        return (await answer if inspect.isawaitable(answer) else answer) is True
    except Exception as error:
        session_id = prompt.session.session_id
        log_crash(log, "`decide` failed, which counts as no", error, session_id)
        return False
