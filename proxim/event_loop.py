"""Which event loop runs in this thread, and what to call where it is the wrong one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import trio

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

P = ParamSpec("P")
Opened = TypeVar("Opened")


def asyncio_loop() -> AbstractEventLoop | None:
    """Return the asyncio loop that runs in this thread, if any."""
    # A program that runs asyncio has imported it.
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None


def trio_runs() -> bool:
    """Return whether Trio runs in this thread."""
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def require_trio(instead: str) -> None:
    """Raise ``RuntimeError``, which names what to use instead, if Trio does not run here."""
    if trio_runs():
        return
    found = "asyncio runs" if asyncio_loop() is not None else "Trio does not run"
    raise RuntimeError(f"this needs Trio, and {found} in this thread: use {instead}")


def require_asyncio(instead: str) -> None:
    """Raise ``RuntimeError``, which names what to use instead, if asyncio does not run here."""
    if asyncio_loop() is None:
        found = "Trio runs" if trio_runs() else "asyncio does not run"
        raise RuntimeError(f"this needs asyncio, and {found} in this thread: use {instead}")


def require_none(in_trio: str, in_asyncio: str) -> None:
    """Raise ``RuntimeError``, which names what to use instead, if an event loop runs here.

    A call that blocks would stop the loop.
    """
    if asyncio_loop() is not None:
        raise RuntimeError(f"this blocks, and asyncio runs in this thread: use {in_asyncio}")
    if trio_runs():
        raise RuntimeError(f"this blocks, and Trio runs in this thread: use {in_trio}")


class AsyncWith:
    """A base class for what works in ``async with``; a plain ``with`` raises ``RuntimeError``.

    The error names what to use ``instead``.
    """

    _instead: str

    def __init_subclass__(cls, *, instead: str = "") -> None:
        cls._instead = instead

    if not TYPE_CHECKING:  # A type checker knows by their absence that `with` is wrong.

        def __enter__(self) -> NoReturn:
            raise RuntimeError(f"this needs `async with`: for a plain `with` use {self._instead}")

        def __exit__(self, *error: object) -> None:
            """Do nothing: ``with`` looks for this method before it calls ``__enter__``."""


def opening(
    instead: str,
) -> Callable[
    [Callable[P, AsyncIterator[Opened]]], Callable[P, AbstractAsyncContextManager[Opened]]
]:
    """Make an asynchronous context manager of a generator function.

    In a plain ``with`` the manager raises ``RuntimeError``, which names what to use ``instead``.
    """

    def decorate(
        function: Callable[P, AsyncIterator[Opened]],
    ) -> Callable[P, AbstractAsyncContextManager[Opened]]:
        make = asynccontextmanager(function)

        @wraps(function)
        def manager(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Opened]:
            return _Opening(make(*args, **kwargs), instead)

        return manager

    return decorate


class _Opening(AsyncWith, AbstractAsyncContextManager[Opened]):
    """An asynchronous context manager that explains itself in a plain ``with``."""

    def __init__(self, manager: AbstractAsyncContextManager[Opened], instead: str) -> None:
        self._manager = manager
        self._instead = instead

    async def __aenter__(self) -> Opened:
        return await self._manager.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._manager.__aexit__(*error)
