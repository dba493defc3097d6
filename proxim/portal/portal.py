"""Calls from other threads into the thread in which the node runs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial, wraps
from typing import Concatenate, Generic, ParamSpec, TypeVar

import trio

from proxim.protocol.errors import ConnectionLost

P = ParamSpec("P")
T = TypeVar("T")
Inner_co = TypeVar("Inner_co", covariant=True)


CallIn = Callable[[Callable[[], None]], object]
"""Calls a function soon in the application's own event loop, as ``root.after_idle`` of Tk does."""


class Portal:
    """Runs functions in the node's thread for other threads. Create it in the node's thread."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._clock_offset = trio.current_time() - time.perf_counter()

    def seconds_until(self, moment: float) -> float:
        """Return the seconds until a moment on Trio's clock, 0 if it has passed; in any thread."""
        return max(0.0, moment - time.perf_counter() - self._clock_offset)

    def call(
        self, function: Callable[..., Awaitable[T]], *args: object, timeout: float | None = None
    ) -> T:
        """Call an async function in the node's thread; return or raise what it does.

        Raises ``TimeoutError`` after ``timeout`` seconds, and ``ConnectionLost`` if the node has
        stopped or stops during the call. An interrupted call (Ctrl-C) is cancelled.
        """
        self.check_thread()
        scope = trio.CancelScope()

        async def work() -> T:
            with scope, trio.fail_after(math.inf if timeout is None else timeout):
                return await function(*args)
            raise AssertionError("the caller was interrupted and does not wait for a result")

        try:
            return trio.from_thread.run(work, trio_token=self._token)
        except trio.TooSlowError:
            raise TimeoutError(f"no result within {timeout} s") from None
        except (trio.RunFinishedError, trio.Cancelled):
            raise ConnectionLost("the node has stopped") from None
        except BaseException:
            self.soon(scope.cancel)
            raise

    def call_sync(self, function: Callable[[], T]) -> T:
        """Call a plain function in the node's thread; return or raise what it does."""

        async def work() -> T:
            return function()

        return self.call(work)

    def soon(self, function: Callable[[], object]) -> None:
        """Call a plain function soon in the node's thread, if the thread still runs."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function)

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` in the node's own thread, which would wait for itself."""
        if threading.get_ident() == self._thread:
            raise RuntimeError("this waits for the node and cannot be called in its own thread")


class Across(Generic[Inner_co]):
    """Stands for ``inner``, an object of the node's thread, in other threads."""

    def __init__(self, portal: Portal, inner: Inner_co) -> None:
        self._portal = portal
        self._inner = inner


def blocking(
    method: Callable[Concatenate[Inner_co, P], Awaitable[T]],
) -> Callable[Concatenate[Across[Inner_co], P], T]:
    """Return ``method`` of the inner object for other threads; its name and docstring stay."""

    @wraps(method)
    def call(across: Across[Inner_co], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return across._portal.call(partial(method, across._inner, *args, **kwargs))

    return call
