"""Call functions of an application without Trio: in a thread, its asyncio loop or its GUI."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

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

MOST_FILE_THREADS = 4
"""The same for the questions about files of one session, so that they delay no other question."""


class Turns(Protocol):
    """Limits how many functions run at once. ``trio.Semaphore`` is one."""

    async def acquire(self) -> None:
        """Wait for a turn, and take it."""
        ...

    def release(self) -> None:
        """Give a turn back."""
        ...


class _SharedTurns:
    """Turns of all questions: those about prompts go before those about files."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._prompts = trio.lowlevel.ParkingLot()
        self._files = trio.lowlevel.ParkingLot()

    async def acquire(self) -> None:
        """Wait for a turn of a prompt, and take it."""
        await self._acquire(self._prompts)

    async def acquire_for_file(self) -> None:
        """Wait for a turn of a file, and take it."""
        await self._acquire(self._files)

    async def _acquire(self, waiting: trio.lowlevel.ParkingLot) -> None:
        await trio.lowlevel.checkpoint()
        if self._free:
            self._free -= 1
        else:
            await waiting.park()  # `release` passes its turn on.

    def release(self) -> None:
        """Give a turn to the next question, or back."""
        for waiting in (self._prompts, self._files):
            if waiting:
                waiting.unpark()
                return
        self._free += 1


class _FileTurns:
    """Turns of one session's files: one at a time, behind the prompts of all sessions."""

    def __init__(self, shared: _SharedTurns) -> None:
        self._own = trio.Semaphore(1)
        self._shared = shared

    async def acquire(self) -> None:
        """Wait for a turn, and take it."""
        await self._own.acquire()
        try:
            await self._shared.acquire_for_file()
        except BaseException:
            self._own.release()
            raise

    def release(self) -> None:
        """Give a turn back."""
        self._shared.release()
        self._own.release()


class Application:
    """Calls functions of the application, and waits for them in Trio.

    A coroutine function runs in the asyncio loop of the thread that gave it, or in Trio's
    if there is none. A plain function is called by ``call_in``, or in a thread of its own.
    """

    def __init__(self, call_in: CallIn | None) -> None:
        self._call_in = call_in
        self._has_ended = False
        self._functions = weakref.WeakSet[_Held]()
        self._turns = _SharedTurns(MOST_THREADS if call_in is None else 1)

    def end(self) -> None:
        """Call nothing by ``call_in`` any more: the application's event loop may have ended.

        Its functions are let go, too, as they may belong to a window. Trio's tasks that wait for
        them would leave it to the garbage collector, which may run in any thread.
        """
        if self._call_in is not None:
            self._has_ended = True
            for held in list(self._functions):
                held.function = None

    def wrap_question(
        self, decide: Callable[[T], Result | Awaitable[Result]]
    ) -> Callable[[T], Awaitable[Result]]:
        """Return a function that calls ``decide`` from Trio, and returns or raises what it does.

        ``call_in`` gets one question at a time, since a dialog on top of another one would hold
        that one's answer back. The next one waits until ``decide`` has returned, even if no task
        waits for its answer any more. Call this in the thread that gives ``decide``.
        """
        return self._calling(decide, self._turns)

    def wrap_file_question(
        self, decide: Callable[[T], Result | Awaitable[Result]]
    ) -> Callable[[T], Awaitable[Result]]:
        """Return a function as ``wrap_question`` does, for the files of one session.

        Its questions have turns of their own, so that a session with many open offers keeps no
        prompt waiting. With ``call_in`` they come behind all prompts, one for each session.
        """
        if self._call_in is None:
            return self._calling(decide, trio.Semaphore(MOST_FILE_THREADS))
        return self._calling(decide, _FileTurns(self._turns))

    def wrap_callback(
        self, done: Callable[[T], Result | Awaitable[Result]]
    ) -> Callable[[T], Awaitable[Result]]:
        """Return a function as ``wrap_question`` does, which does not wait for other answers."""
        return self._calling(done, trio.Semaphore(MOST_THREADS if self._call_in is None else 1))

    def call(self, function: Callable[[T], object], value: T) -> None:
        """Call a plain function, and wait for it, in a thread that is not the application's."""
        if self._call_in is None:
            function(value)
            return
        future: Future[object] = Future()
        self._call_in(lambda: settle(future, function, value))
        future.result()

    def _calling(
        self, function: Callable[[T], Result | Awaitable[Result]], turns: Turns
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
