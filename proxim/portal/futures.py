"""Waits in Trio for results from other threads or from the application's event loop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import trio

T = TypeVar("T")


async def result_of(future: Future[T]) -> T:
    """Return the result of a future. If this is cancelled, cancel the future if possible."""
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def wake(_: Future[T]) -> None:
        # Trio may have ended in the meantime.
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    future.add_done_callback(wake)
    try:
        await done.wait()
    finally:
        future.cancel()
    return future.result()


async def in_own_thread(function: Callable[..., T], *args: object) -> T:
    """Call a function in a thread of its own, and return its result.

    Trio's worker threads stay for a while, but after a node has stopped its process should have no
    thread of it. If this is cancelled, the thread continues until the function returns.
    """
    future: Future[T] = Future()
    start_thread(partial(settle, future, function, *args))
    return await result_of(future)


def start_thread(function: Callable[[], object]) -> None:
    """Call a function in a thread of its own. Raises ``RuntimeError`` if there is no more."""
    Thread(target=function, name="proxim-worker", daemon=True).start()


class Resolver(trio.abc.HostnameResolver):
    """Resolves host names in threads that end with the answer."""

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - its name in Trio
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Return the result of ``socket.getaddrinfo``."""
        return await in_own_thread(socket.getaddrinfo, host, port, family, type, proto, flags)

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        """Return the result of ``socket.getnameinfo``."""
        return await in_own_thread(socket.getnameinfo, sockaddr, flags)


def settle(future: Future[Any], function: Callable[..., object], *args: object) -> None:
    """Call a function and put its result into the future, unless that was cancelled."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        except BaseException as error:
            # SystemExit or KeyboardInterrupt of that thread or loop must not end the node.
            failure = RuntimeError(f"{type(error).__name__} was raised")
            failure.__cause__ = error
            future.set_exception(failure)
        finally:
            del future, function, args  # The traceback of an exception leads to this frame.
