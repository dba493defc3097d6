"""The way from any thread into the one in which the node runs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import trio

from proxim.protocol.errors import ConnectionLost

T = TypeVar("T")


class Portal:
    """Has things done in the node's thread, for others. Made there; the calls are the nursery's."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._clock_offset = trio.current_time() - time.perf_counter()
        self._is_closed = False

    def now(self) -> float:
        """The moment on Trio's clock, in any thread."""
        return time.perf_counter() + self._clock_offset

    def call(
        self, function: Callable[..., Awaitable[T]], *args: object, timeout: float | None = None
    ) -> T:
        """What an async function returns or raises, called in the node's thread.

        Raises ``TimeoutError`` after ``timeout`` seconds, ``ConnectionLost`` when the node has
        stopped or stops meanwhile. Who gives up (Ctrl-C) ends what was begun.
        """
        self.check_thread()
        future: Future[T] = Future()
        scope = trio.CancelScope()

        async def work() -> None:
            try:
                with scope, trio.fail_after(math.inf if timeout is None else timeout):
                    future.set_result(await function(*args))
            except Exception as error:
                future.set_exception(error)
            finally:
                if not future.done():
                    future.set_exception(_stopped())

        def begin() -> None:
            if self._is_closed:
                future.set_exception(_stopped())
            else:
                self._nursery.start_soon(work)

        try:
            # What this accepts is called before Trio ends.
            self._token.run_sync_soon(begin)
        except trio.RunFinishedError:
            raise _stopped() from None
        try:
            return future.result()
        except trio.TooSlowError:
            raise TimeoutError(f"nothing came within {timeout} s") from None
        finally:
            if not future.done():
                self.soon(scope.cancel)

    def soon(self, function: Callable[[], object]) -> None:
        """Have a plain function called in the node's thread, if that still runs."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function)

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` in the node's own thread, which would wait for itself."""
        if threading.get_ident() == self._thread:
            raise RuntimeError("this waits for the node, and must not be called in its own thread")

    def close(self) -> None:
        """Take no more calls, and let those that wait go. Called in the node's thread."""
        self._is_closed = True
        self._nursery.cancel_scope.cancel()


def _stopped() -> ConnectionLost:
    return ConnectionLost("the node has stopped")
