"""Call functions of an application without Trio: in a thread, its asyncio loop or its GUI."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import trio

from proxim.event_loop import asyncio_loop
from proxim.portal.futures import result_of, settle, start_thread

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")
Result = TypeVar("Result")

CallIn = Callable[[Callable[[], None]], object]
"""Calls a function soon in the application's own event loop, as ``root.after_idle`` of Tk does."""

MOST_THREADS = 32
"""Functions that run at once in threads of their own; the others wait for one of them."""


class Application:
    """Calls functions of the application, and waits for them in Trio.

    A coroutine function runs in the asyncio loop of the thread that gave it, or in Trio's
    if there is none. A plain function is called by ``call_in``, or in a thread of its own.
    """

    def __init__(self, call_in: CallIn | None) -> None:
        self._call_in = call_in
        self._has_ended = False
        self._functions = weakref.WeakSet[_Held]()
        self._turns = self._new_turns()

    def end(self) -> None:
        """Call nothing by ``call_in`` any more: the application's event loop may have ended.

        Its functions are let go, too, as they may belong to a window. Trio's tasks that wait for
        them would leave it to the garbage collector, which may run in any thread.
        """
        if self._call_in is not None:
            self._has_ended = True
            for held in list(self._functions):
                held.function = None

    def asking(
        self, decide: Callable[[T], Result | Awaitable[Result]]
    ) -> Callable[[T], Awaitable[Result]]:
        """Return a function that calls ``decide`` from Trio, and returns or raises what it does.

        ``call_in`` gets one question at a time, since a dialog on top of another one would hold
        that one's answer back. The next one waits until ``decide`` has returned, even if nobody
        waits for its answer any more. Call this in the thread that gives ``decide``.
        """
        return self._calling(decide, self._turns)

    def telling(
        self, done: Callable[[T], Result | Awaitable[Result]]
    ) -> Callable[[T], Awaitable[Result]]:
        """Return a function as ``asking`` does. It does not wait for the answer to a question."""
        return self._calling(done, self._new_turns())

    def call(self, function: Callable[[T], object], value: T) -> None:
        """Call a plain function, and wait for it, in a thread that is not the application's."""
        if self._call_in is None:
            function(value)
            return
        future: Future[object] = Future()
        self._call_in(lambda: settle(future, function, value))
        future.result()

    def _new_turns(self) -> trio.Semaphore:
        return trio.Semaphore(MOST_THREADS if self._call_in is None else 1)

    def _calling(
        self, function: Callable[[T], Result | Awaitable[Result]], turns: trio.Semaphore
    ) -> Callable[[T], Awaitable[Result]]:
        loop = asyncio_loop()
        is_coroutine_function = inspect.iscoroutinefunction(function)
        held = _Held(function)
        self._functions.add(held)
        del function

        async def start(value: T) -> Result | Awaitable[Result]:
            if is_coroutine_function:
                coroutine: Awaitable[Result] = held(value)
                return coroutine
            await turns.acquire()
            if self._has_ended:
                # Trio is about to end, too.
                await trio.sleep_forever()
            token = trio.lowlevel.current_trio_token()
            future: Future[Result | Awaitable[Result]] = Future()

            def finish(call: Callable[[], Result | Awaitable[Result]]) -> None:
                try:
                    settle(future, call)
                finally:
                    # Only here: a cancelled wait for the answer does not end the function.
                    with suppress(trio.RunFinishedError):
                        token.run_sync_soon(turns.release)

            def hand_over(call_in: CallIn) -> None:
                # In a thread, since `call_in` may block until the application's loop runs.
                try:
                    call_in(answer)
                except BaseException as error:
                    finish(partial(_raise, error))

            answer = partial(finish, partial(held, value))
            try:
                start_thread(answer if self._call_in is None else partial(hand_over, self._call_in))
            except RuntimeError:
                turns.release()  # The system gives no more threads.
                raise
            return await result_of(future)

        async def call(value: T) -> Result:
            result = await start(value)
            if not inspect.isawaitable(result):
                return result
            if loop is None:
                return await _await_in_node(result)
            return await result_of(_run_in(loop, result))

        return call


class _Held:
    """A function of the application, until it is let go."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function: Callable[[Any], Any] | None = function

    def __call__(self, value: object) -> Any:
        if self.function is None:
            raise RuntimeError("the application has ended")
        return self.function(value)


def _raise(error: BaseException) -> NoReturn:
    raise error


async def _await_in_node(answer: Awaitable[Result]) -> Result:
    """Await ``answer`` here. An exit or a Ctrl-C that it raises must not end the node."""
    try:
        return await answer
    except (Exception, trio.Cancelled, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(trio.Cancelled):
            raise
        raise RuntimeError(f"{type(error).__name__} was raised") from error


def _run_in(loop: AbstractEventLoop, answer: Awaitable[Result]) -> Future[Result]:
    from asyncio import run_coroutine_threadsafe

    async def wait() -> Result:
        return await answer

    work = answer if inspect.iscoroutine(answer) else wait()
    try:
        return run_coroutine_threadsafe(work, loop)
    except RuntimeError:
        # The loop is closed and will not await this.
        work.close()
        raise
