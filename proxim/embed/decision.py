"""Asks the application whether to approve a guest."""

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

A plain function is called in a thread of its own, and may wait for a person. Only ``True``
approves the guest.
"""


def check(decide: object) -> None:
    """Raise ``TypeError`` if ``decide`` cannot be called."""
    if decide is not None and not callable(decide):
        raise TypeError(f"decide must be a function, not {decide!r}")


async def answer(session: HostSession, decide: Decide) -> None:
    """Wait for a prompt, and answer it as ``decide`` says; reject the guest if that raises.

    When the prompt ends first, a coroutine is cancelled, and the result of a plain function is
    ignored.
    """
    try:
        prompt = await session.prompt()
        approve = await _ask_until_over(prompt, decide)
        if session.over is None:
            await session.decide(approve=approve)
    except ProximError:
        # The session ended or was decided in the meantime, and the application is told of that.
        log.debug("the decision came too late", extra=session_extra(session.session_id))


async def _ask_until_over(prompt: Prompt, decide: Decide) -> bool:
    approve = False
    async with trio.open_nursery() as nursery:

        async def cancel_when_over() -> None:
            await prompt.session.wait_over()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel_when_over)
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
        log_crash(log, "`decide` failed; the guest is rejected", error, session_id)
        return False
