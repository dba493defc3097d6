"""Waiting, in Trio, for what is done elsewhere: in a thread, or in the application's own loop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

import trio

T = TypeVar("T")


async def result_of(future: Future[T]) -> T:
    """What a future comes to. If this is cancelled the future is, too, where that can be."""
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def wake(_: Future[T]) -> None:
        # Nobody waits any more where Trio has ended meanwhile.
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    future.add_done_callback(wake)
    try:
        await done.wait()
    finally:
        future.cancel()
    return future.result()


async def in_own_thread(function: Callable[..., T], *args: object) -> T:
    """What a function returns, called in a thread that ends with it.

    Trio's own worker threads stay for a while, and who embeds a node shall find none when it has
    stopped. If this is cancelled the thread goes on until the function returns.
    """
    future: Future[T] = Future()
    Thread(target=settle, args=(future, function, *args), name="proxim-worker", daemon=True).start()
    return await result_of(future)


class Resolver(trio.abc.HostnameResolver):
    """Looks host names up in threads that end with the answer, as ``in_own_thread`` does."""

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - its name in Trio
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """What ``socket.getaddrinfo`` returns."""
        return await in_own_thread(socket.getaddrinfo, host, port, family, type, proto, flags)

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        """What ``socket.getnameinfo`` returns."""
        return await in_own_thread(socket.getnameinfo, sockaddr, flags)


def settle(future: Future[Any], function: Callable[..., object], *args: object) -> None:
    """Call the function, unless nobody waits any more, and have the future tell what came of it."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        except BaseException as error:
            # An exit or a Ctrl-C is about that thread or loop, and must not end the node.
            failure = RuntimeError(f"{type(error).__name__} was raised")
            failure.__cause__ = error
            future.set_exception(failure)
