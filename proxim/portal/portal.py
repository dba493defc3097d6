"""Calls from other threads into a thread in which Trio runs."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial, wraps
from typing import Concatenate, Generic, NamedTuple, NoReturn, ParamSpec, TypeVar

import outcome
import trio

from proxim.event_loop import require_none, trio_runs
from proxim.exception_groups import leaves
from proxim.portal.application import Application, CallIn
from proxim.portal.futures import settle
from proxim.protocol.errors import ConnectionLost

P = ParamSpec("P")
T = TypeVar("T")
Inner_co = TypeVar("Inner_co", covariant=True)

_LOOK_EVERY = 0.2 if sys.platform == "win32" else None
"""Seconds. On Windows Ctrl-C does not interrupt a thread that waits for a lock."""


class Portal:
    """Runs functions in Trio's thread for other threads. Create it in Trio's thread.

    ``application`` calls the functions of the application, by ``call_in``. ``gone`` is the text of
    the ``ConnectionLost`` that calls raise once Trio has ended. With ``refuses_asyncio`` a blocking
    call in the thread of an asyncio loop raises ``RuntimeError``.
    """

    def __init__(
        self,
        gone: str = "the node has stopped",
        *,
        refuses_asyncio: bool = False,
        call_in: CallIn | None = None,
    ) -> None:
        self.application = Application(call_in)
        self._gone = gone
        self._refuses_asyncio = refuses_asyncio
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._clock_offset = trio.current_time() - time.perf_counter()

    def seconds_until(self, moment: float) -> float:
        """Return the seconds until a moment on Trio's clock, 0 if it has passed; in any thread."""
        return max(0.0, moment - time.perf_counter() - self._clock_offset)

    def submit(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Start an async function in Trio's thread, and return the future of its result.

        If the future is cancelled, so is the function. The future raises ``ConnectionLost`` if Trio
        ends first.
        """
        future: Future[T] = Future()
        scope = trio.CancelScope()

        # Its future is an argument, since a future that led to itself would keep its exception, and
        # with that the window of an application, for the garbage collector.
        def cancel(done: Future[T]) -> None:
            if done.cancelled():
                self.soon(scope.cancel)

        async def work() -> None:
            with scope:
                result = await outcome.acapture(function)
                settle(future, partial(self._unwrap, result))

        def start() -> None:
            try:
                trio.lowlevel.spawn_system_task(work)
            except RuntimeError:
                settle(future, self._raise_gone)  # Trio is about to end.

        future.add_done_callback(cancel)
        try:
            self._token.run_sync_soon(start)
        except trio.RunFinishedError:
            self._raise_gone()
        return future

    def call(
        self, function: Callable[..., Awaitable[T]], *args: object, timeout: float | None = None
    ) -> T:
        """Call an async function in Trio's thread; return or raise what it does.

        Raises ``TimeoutError`` after ``timeout`` seconds, and ``ConnectionLost`` if Trio has ended
        or ends during the call. An interrupted call (Ctrl-C) is cancelled.
        """
        self.check_thread()

        async def work() -> T:
            with trio.fail_after(math.inf if timeout is None else timeout):
                return await function(*args)

        future = self.submit(work)
        try:
            return wait(future)
        except trio.TooSlowError:
            raise TimeoutError(f"no result within {timeout} s") from None
        finally:
            future.cancel()

    def call_sync(self, function: Callable[[], T]) -> T:
        """Call a plain function in Trio's thread; return or raise what it does."""
        self.check_thread()
        future: Future[T] = Future()
        try:
            self._token.run_sync_soon(settle, future, function)
        except trio.RunFinishedError:
            self._raise_gone()
        return wait(future)

    def enter(self, open_manager: Callable[[], AbstractAsyncContextManager[T]]) -> Entered[T]:
        """Start to enter an async context manager in Trio's thread."""
        started: Future[T] = Future()
        leave = trio.Event()

        async def hold() -> None:
            async with open_manager() as inner:
                started.set_result(inner)
                await leave.wait()

        held = self.submit(hold)

        def fail(done: Future[None]) -> None:
            if not started.done():
                started.set_exception(done.exception() or ConnectionLost(self._gone))

        held.add_done_callback(fail)
        return Entered(started, held, partial(self.soon, leave.set))

    def soon(self, function: Callable[[], object]) -> None:
        """Call a plain function soon in Trio's thread, if the thread still runs."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function)

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` in a thread with an event loop, which a wait would stop."""
        if threading.get_ident() == self._thread:
            raise RuntimeError("this waits for the node and cannot be called in its own thread")
        if self._refuses_asyncio:
            require_none("proxim.client", "proxim.aio, or asyncio.to_thread")
        elif trio_runs():
            raise RuntimeError("this blocks, and Trio runs in this thread: call it from a thread")

    def _unwrap(self, result: outcome.Outcome[T]) -> T:
        try:
            return result.unwrap()
        except BaseException as error:
            if all(isinstance(leaf, trio.Cancelled) for leaf in leaves(error)):
                raise ConnectionLost(self._gone) from None
            raise
        finally:
            del result  # The traceback of its exception leads to this frame.

    def _raise_gone(self) -> NoReturn:
        raise ConnectionLost(self._gone)


class Entered(NamedTuple, Generic[T]):
    """An async context manager that Trio's thread holds open until ``leave`` is called.

    ``started`` is the future of what the manager returned. ``held`` is that of its end, with the
    exception of the manager, or ``ConnectionLost`` if Trio has ended first.
    """

    started: Future[T]
    held: Future[None]
    leave: Callable[[], None]


def wait(future: Future[T]) -> T:
    """Wait for the result of a future, in a way that Ctrl-C interrupts on every system."""
    while True:
        try:
            return future.result(_LOOK_EVERY)
        except TimeoutError:
            if future.done():
                raise


class ThreadProxy(Generic[Inner_co]):
    """Stands for ``inner``, an object of Trio's thread, in other threads."""

    def __init__(self, portal: Portal, inner: Inner_co) -> None:
        self._portal = portal
        self._inner = inner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ThreadProxy) and self._inner is other._inner

    def __hash__(self) -> int:
        return hash(self._inner)


def blocking(
    method: Callable[Concatenate[Inner_co, P], Awaitable[T]],
) -> Callable[Concatenate[ThreadProxy[Inner_co], P], T]:
    """Return ``method`` of the inner object for other threads; its name and docstring stay."""

    @wraps(method)
    def call(proxy: ThreadProxy[Inner_co], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return proxy._portal.call(partial(method, proxy._inner, *args, **kwargs))

    return call
