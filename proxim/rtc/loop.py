"""One asyncio loop for all connections of the process, in a thread of its own, and calls into it.

The loop starts with its first user, and its thread ends after the last one has left.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

import trio

from proxim.protocol.errors import ChannelClosed

T = TypeVar("T")


class Loop:
    """Runs coroutines of asyncio for Trio."""

    _lock = threading.Lock()
    _shared: Loop | None = None

    def __init__(self) -> None:
        self._users = 0
        self._finishing = set[asyncio.Task[object]]()
        self._calls = set[Future[Any]]()
        self.asyncio = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="proxim-rtc", daemon=True).start()

    @classmethod
    def enter(cls) -> Loop:
        """Return the loop, for one more user. Each has to call ``leave``."""
        with cls._lock:
            if cls._shared is None:
                cls._shared = Loop()
            cls._shared._users += 1
            return cls._shared

    def leave(self) -> None:
        """End the thread, if this was the last user."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                Loop._shared = None
                self.asyncio.call_soon_threadsafe(self.asyncio.stop)

    def finish(self, function: Callable[[], Coroutine[object, object, object]]) -> None:
        """Call a coroutine function in the loop, and let the thread not end before it is done."""

        def start() -> None:
            task = self.asyncio.create_task(function())
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)

        self.soon(start)

    async def call(self, function: Callable[..., Coroutine[object, object, T]], *args: object) -> T:
        """Call a coroutine function in the loop; return or raise what it does.

        If this is cancelled, the coroutine is cancelled, too. Raises ``ChannelClosed`` if the loop
        ends first, or has ended.
        """
        done = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def wake(_: object) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        work = function(*args)
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.asyncio)
        except RuntimeError:  # The loop is closed, and with it every connection.
            work.close()
            raise ChannelClosed("the connection is closed") from None
        future.add_done_callback(wake)
        self._calls.add(future)
        if self.asyncio.is_closed():
            future.cancel()
        try:
            await done.wait()
        finally:
            self._calls.discard(future)
            future.cancel()
            if self.asyncio.is_closed():
                work.close()  # It may not have begun.
        try:
            return future.result()
        except CancelledError:
            raise ChannelClosed("the connection was closed meanwhile") from None

    def soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a plain function soon in the loop."""
        with suppress(RuntimeError):  # The loop is closed, and with it every connection.
            self.asyncio.call_soon_threadsafe(function, *args)

    def _run(self) -> None:
        asyncio.set_event_loop(self.asyncio)
        try:
            self.asyncio.run_forever()
            self.asyncio.run_until_complete(_all_done(self._finishing))
            tasks = asyncio.all_tasks(self.asyncio)
            for task in tasks:
                task.cancel()
            self.asyncio.run_until_complete(_all_done(tasks))
            self.asyncio.run_until_complete(self.asyncio.shutdown_asyncgens())
            self.asyncio.run_until_complete(self.asyncio.shutdown_default_executor())
        finally:
            self.asyncio.close()
            # Calls that came between the last step of the loop and its end.
            for future in list(self._calls):
                future.cancel()


async def _all_done(tasks: set[asyncio.Task[object]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def load() -> ModuleType:
    """Import aiortc and what is built on it, in the thread of the loop: it takes about a second.

    Raises ``ImportError`` if it is not installed.
    """
    loop = Loop.enter()
    try:
        return await loop.call(_import)
    finally:
        loop.leave()


async def _import() -> ModuleType:
    return import_module("proxim.rtc.connection")
