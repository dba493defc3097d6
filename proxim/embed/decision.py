"""Asks the application whether to approve a guest."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable

import trio

from proxim.actors.log import log_crash, session_extra
from proxim.client.host_session import HostSession
from proxim.client.prompt import CODE, Prompt
from proxim.portal.futures import in_own_thread
from proxim.protocol.errors import ProximError, WrongCode

log = logging.getLogger(__name__)

Answer = bool | str
"""True, or the code that the guest shows, approves the guest."""

Decide = Callable[[Prompt], Answer | Awaitable[Answer]]
"""The application's answer to a prompt, as a coroutine function or a plain one.

A plain function is called in a thread of its own, and may wait for a person. Only ``True`` approves
the guest; in a session with ``confirm="code"`` only the code that the guest shows.
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
        answer = await _ask_until_over(prompt, decide)
        if session.over is None:
            await _decide(session, answer)
    except WrongCode:
        log.info(
            "the code was wrong; the guest is rejected", extra=session_extra(session.session_id)
        )
    except ProximError:
        # The session ended or was decided in the meantime, and the application is told of that.
        log.debug("the decision came too late", extra=session_extra(session.session_id))


async def _decide(session: HostSession, answer: object) -> None:
    if session.confirm == "none":
        await session.decide(approve=answer is True)
    elif isinstance(answer, str) and CODE.fullmatch(answer):
        await session.decide(approve=True, code=answer)
    else:
        if answer is True:
            extra = session_extra(session.session_id)
            log.error("`decide` approved without the code; the guest is rejected", extra=extra)
        await session.decide(approve=False)


async def _ask_until_over(prompt: Prompt, decide: Decide) -> Answer:
    answer: Answer = False
    async with trio.open_nursery() as nursery:

        async def cancel_when_over() -> None:
            await prompt.session.wait_over()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel_when_over)
        answer = await _ask(prompt, decide)
        nursery.cancel_scope.cancel()
    return answer


async def _ask(prompt: Prompt, decide: Decide) -> Answer:
    try:
        if inspect.iscoroutinefunction(decide):
            answer: Answer = await decide(prompt)
            return answer
        result = await in_own_thread(decide, prompt)
        return await result if inspect.isawaitable(result) else result
    except Exception as error:
        session_id = prompt.session.session_id
        log_crash(log, "`decide` failed; the guest is rejected", error, session_id)
        return False
