"""Calls from asyncio into Trio's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import trio

from proxim.portal.portal import Portal, ThreadProxy

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Inner = TypeVar("Inner")
Made = TypeVar("Made")
Outer = TypeVar("Outer")


async def call(proxy: ThreadProxy[Any], function: Callable[[], Awaitable[T]]) -> T:
    """Call an async function in Trio's thread; cancelled, cancel it."""
    future: Future[T] = proxy._portal.submit(function)
    return await asyncio.wrap_future(future)


def awaiting(
    method: Callable[Concatenate[Inner, P], Awaitable[T]],
) -> Callable[Concatenate[ThreadProxy[Inner], P], Coroutine[Any, Any, T]]:
    """Return ``method`` of the inner object for asyncio; its name and docstring stay."""

    @wraps(method)
    async def method_call(proxy: ThreadProxy[Inner], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await call(proxy, partial(method, proxy._inner, *args, **kwargs))

    return method_call


def making(
    method: Callable[Concatenate[Inner, P], Awaitable[Made]],
    wrap: Callable[[Portal, Made], Outer],
) -> Callable[Concatenate[ThreadProxy[Inner], P], Coroutine[Any, Any, Outer]]:
    """Return ``method`` for asyncio, whose result is wrapped."""

    @wraps(method)
    async def method_call(proxy: ThreadProxy[Inner], /, *args: P.args, **kwargs: P.kwargs) -> Outer:
        made = await call(proxy, partial(method, proxy._inner, *args, **kwargs))
        return wrap(proxy._portal, made)

    return method_call


class Receiver(Protocol[T_co]):
    """An object of Trio's thread that receives."""

    def receive_nowait(self) -> T_co:
        """Return what has arrived. Raises ``trio.WouldBlock``."""
        ...

    async def wait_readable(self) -> None:
        """Wait until ``receive_nowait`` does not raise ``trio.WouldBlock``."""


async def receive(proxy: ThreadProxy[Receiver[T]]) -> T:
    """Return what arrives next."""
    while True:
        try:
            # In one step: what Trio took while this task was cancelled would be lost.
            return proxy._portal.call_sync(proxy._inner.receive_nowait)
        except trio.WouldBlock:
            await call(proxy, proxy._inner.wait_readable)
