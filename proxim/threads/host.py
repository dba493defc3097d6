"""A host of a node that runs in its own thread, for a plain ``with`` and for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING

from proxim import client, sync
from proxim.portal.portal import Entered, Portal, wait
from proxim.protocol.errors import ConnectionLost

if TYPE_CHECKING:
    from proxim import aio


class HostOpening:
    """Opens a host of the node in ``with``, or for asyncio in ``async with``."""

    def __init__(
        self, portal: Portal, open_host: Callable[[], AbstractAsyncContextManager[client.Host]]
    ) -> None:
        self._portal = portal
        self._open_host = open_host
        self._entered: Entered[client.Host] | None = None

    def __enter__(self) -> sync.Host:
        self._portal.check_thread()
        entered = self._enter()
        try:
            return sync.Host(self._portal, wait(entered.started))
        except BaseException:
            entered.leave()
            raise

    def __exit__(self, *error: object) -> None:
        assert self._entered is not None
        self._entered.leave()
        with suppress(ConnectionLost):  # The node has stopped before.
            wait(self._entered.held)

    async def __aenter__(self) -> aio.Host:
        import asyncio  # Which a program without it need not wait for.

        from proxim import aio

        entered = self._enter()
        try:
            inner = await asyncio.shield(asyncio.wrap_future(entered.started))
        except BaseException:
            entered.leave()
            raise
        return aio.Host(self._portal, inner)

    async def __aexit__(self, *error: object) -> None:
        import asyncio

        assert self._entered is not None
        self._entered.leave()
        with suppress(ConnectionLost):
            await asyncio.shield(asyncio.wrap_future(self._entered.held))

    def _enter(self) -> Entered[client.Host]:
        if self._entered is not None:
            raise RuntimeError("this host was opened before: call open_host again")
        self._entered = self._portal.enter(self._open_host)
        return self._entered
