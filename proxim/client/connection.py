"""A connection to a node that reconnects: requests with replies, signals, and messages."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import trio
from msgspec import UNSET
from trio_websocket import ConnectionClosed, WebSocketConnection

from proxim.client.address import CONNECT_TIME, Address
from proxim.client.backoff import delays
from proxim.client.base_connection import REF_BYTES, BaseConnection
from proxim.client.ice import IceRefresher
from proxim.exception_groups import running
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    BadMessage,
    ConnectionLost,
    ProximError,
    RateLimited,
    Unavailable,
)

log = logging.getLogger(__name__)

CLOSE_TIME = 2.0
MAX_QUEUED = 256
"""Signals that may wait while the node is unreachable; then ``send_one_way`` blocks."""

CANCEL = "pair_cancel"
"""The feature of a node at which a guest can cancel its request."""

REPLACED = 4000
_FINAL_CODES = {1002, 1007, 1009, REPLACED}
"""Close codes after which the client does not reconnect (protocol: Close codes)."""

_Reply = TypeVar("_Reply", bound=wire.NodeMessage)


class NodeConnection(BaseConnection):
    """Keeps a WebSocket to a node open, and opens it again with backoff.

    ``introduce`` registers or resumes on each new WebSocket before any other request.
    ``on_message`` gets every message from the node, replies included. ``on_failure`` is called
    when the connection does not come back. ``online`` says whether it is open.
    """

    def __init__(
        self,
        address: Address,
        *,
        introduce: Callable[[], Awaitable[None]],
        on_message: Callable[[wire.NodeMessage], None],
        on_failure: Callable[[ProximError], None],
    ) -> None:
        super().__init__(IceRefresher())
        self._address = address
        self._introduce = introduce
        self._on_message = on_message
        self._on_failure = on_failure
        self._ws: WebSocketConnection | None = None
        self._queue: deque[wire.Signal | wire.PairAck | wire.PairCancel | wire.CloseSession] = (
            deque()
        )
        self._failure: ProximError | None = None
        self._retries: int | None = None
        self._max_message_bytes = 64 * 1024
        self.online = False
        self.join_url: str | None = None
        self._welcomed = trio.Event()
        self._reader_ended = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()
        self._pauses = delays()
        self._closing = self._ever_introduced = False
        self._tasks: trio.Nursery | None = None
        self._scope = trio.CancelScope()

    def connected(self) -> AbstractAsyncContextManager[None]:
        """Connect, and stay connected inside the ``async with`` block.

        Raises ``ConnectionLost`` if the node cannot be reached, and whatever ``introduce`` raises.
        An exception of the block is raised as it is, not in a group.
        """
        return running(self._run, self._stop)

    async def _stop(self) -> None:
        """Send the queue, if connected, and do the closing handshake (RFC 6455)."""
        with trio.move_on_after(CLOSE_TIME, shield=True):
            while self._queue and self._ws is not None:
                await self._changed.park()
            self._closing = True
            if self._ws is not None:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._ws.aclose)
                    await self._reader_ended.wait()
                    nursery.cancel_scope.cancel()
        self._scope.cancel()

    async def welcomed(self) -> None:
        """Wait until the node has said what it can do. Raises ``ConnectionLost``."""
        with trio.move_on_after(CONNECT_TIME):
            await self._welcomed.wait()
            return
        raise ConnectionLost("the node does not answer like a node")

    async def reachable(self) -> AsyncIterator[bool]:
        """Yield at each change whether the node is reachable."""
        seen = self.online
        while True:
            seen = await self.reachable_after(seen)
            yield seen

    async def reachable_after(self, seen: bool) -> bool:
        """Wait until ``online`` differs from ``seen``, and return it."""
        await trio.lowlevel.checkpoint()
        while self.online is seen:
            await self._changed.park()
        return self.online

    async def call(
        self, request: wire.ClientMessage, kind: type[_Reply], *, introduces: bool = False
    ) -> _Reply:
        """Send a request, and return its reply of the type ``kind``.

        A new connection first carries a request with ``introduces``.

        Raises what ``BaseConnection.call`` raises.
        """
        if self._failure is not None:
            raise self._failure
        if self._ws is None or not (self.online or introduces):
            raise ConnectionLost("not connected to the node")
        self.check_size(request)
        return await super().call(request, kind)

    async def send_one_way(self, signal: wire.Signal | wire.PairAck) -> None:
        """Queue a message that has no reply; it is sent in order, now or after the next reconnect.

        Raises ``BadMessage`` if it is larger than the node accepts.
        """
        self.check_size(signal)
        while len(self._queue) >= MAX_QUEUED and self._failure is None:
            await self._changed.park()
        if self._failure is not None:
            raise self._failure
        self._queue.append(signal)
        self._changed.unpark_all()
        await trio.lowlevel.checkpoint()

    def start_soon(self, task: Callable[[], Awaitable[object]]) -> None:
        """Run a task until the connection is closed for good."""
        if self._tasks is None:
            raise ConnectionLost("not connected to the node")
        self._tasks.start_soon(task)

    def abandon(self, session_id: str) -> None:
        """End a session on the other side, too, now or after the next reconnect."""
        self._queue.append(wire.CloseSession(session_id=session_id))
        self._changed.unpark_all()

    def cancel_request(self, session_id: str) -> None:
        """Cancel a guest's request, now or after the next reconnect; an older node cannot.

        If the host has approved in this moment, the session ends.
        """
        if CANCEL in self.features:
            self._queue.append(wire.PairCancel(session_id=session_id))
            self.abandon(session_id)

    def retry_first(self, retries: int) -> None:
        """From now on connect again, so many times, although no introduction has succeeded.

        For a request that the node may have received, and that can be sent again.
        """
        if self._retries is None:
            self._retries = retries

    def _may_retry(self, error: ProximError) -> bool:
        if not self._retries or not _is_temporary(error):
            return False
        self._retries -= 1
        return True

    def check_size(self, message: wire.ClientMessage) -> None:
        """Raise ``BadMessage`` if a message is larger than the node accepts."""
        size = len(codec.encode(message))
        if size > self._max_message_bytes:
            raise BadMessage(
                f"the limit is {self._max_message_bytes} bytes, and this message has {size}"
            )

    # -- connecting --------------------------------------------------------------------------

    async def _run(self, *, task_status: trio.TaskStatus[None]) -> None:
        raised: Exception | None = None
        async with trio.open_nursery() as self._tasks:
            try:
                await self._stay_connected(task_status)
            except Exception as error:
                # As it is, not in the nursery's group.
                raised = error
            self._tasks.cancel_scope.cancel()
        self._tasks = None
        if raised is not None:
            raise raised

    async def _stay_connected(self, task_status: trio.TaskStatus[None]) -> None:
        with self._scope:
            while True:
                pause = next(self._pauses)
                try:
                    await self._connect_once(task_status)
                except ProximError as error:
                    if not self._ever_introduced and not self._may_retry(error):
                        raise
                    if self._address.is_gone or not _is_temporary(error):
                        self._failure = error
                        self._changed.unpark_all()
                        self._on_failure(error)
                        return
                    if isinstance(error, RateLimited | Unavailable):
                        pause = max(pause, error.retry_after or 0.0)
                log.debug("lost the connection; next attempt in %.1f s", pause)
                await trio.sleep(pause)

    async def _connect_once(self, task_status: trio.TaskStatus[None]) -> None:
        """Connect, and serve the connection until its loss raises an exception."""
        stream = await self._address.open_stream()
        try:
            async with trio.open_nursery() as nursery:
                self._welcomed = trio.Event()
                self._reader_ended = trio.Event()
                self._ws = await self._address.open_websocket(stream, nursery, self._reader_ended)
                nursery.start_soon(self._read, self._ws)
                await self._introduce()
                self._pauses = delays()
                self.online = True
                self._changed.unpark_all()
                for wake in self.when_online:
                    wake()
                if not self._ever_introduced:
                    self._ever_introduced = True
                    # From here on only ``connected`` ends this, after it has closed the WebSocket.
                    self._scope.shield = True
                    if self._tasks is not None:
                        # A program that is cancelled may still have something to say there.
                        self._tasks.cancel_scope.shield = True
                    task_status.started()
                nursery.start_soon(self.ice.run, self.refresh_ice)
                await self._write(self._ws)
        except BaseExceptionGroup as group:
            # A cancellation at the same time is raised again at the next checkpoint.
            _, failed = group.split(trio.Cancelled)
            raise (group if failed is None else self._address.reason(failed)) from None
        finally:
            self._ws = None
            self.online = False
            self._changed.unpark_all()
            self.fail_calls(ConnectionLost("the connection broke before the reply"))
            await trio.aclose_forcefully(stream)

    # -- reading and writing -----------------------------------------------------------------

    async def _read(self, ws: WebSocketConnection) -> None:
        while True:
            try:
                message = codec.decode_node(await ws.get_message())
            except ConnectionClosed as closed:
                if self._closing:
                    return
                raise _lost(closed) from None
            except BadMessage:
                # A newer node may have more message types.
                log.debug("ignored a message of an unknown type")
                continue
            if isinstance(message, wire.Welcome):
                # A request gets its ref after the size check.
                self._max_message_bytes = message.max_message_bytes - REF_BYTES
                self.features = () if message.features is UNSET else message.features
                self.boot = None if message.boot is UNSET else message.boot
                self.join_url = None if message.join_url is UNSET else message.join_url
                self._welcomed.set()
            self._on_message(message)
            self.settle(message)

    async def _write(self, ws: WebSocketConnection) -> None:
        while True:
            while self._queue:
                # Removed only after it is written: a broken connection must not lose it.
                await _transmit(ws, self._queue[0])
                self._queue.popleft()
                self._changed.unpark_all()
            await self._changed.park()

    async def _send(self, request: wire.ClientMessage) -> None:
        """Send a request after the queued signals; an introduction goes first."""
        while self._queue and self.online:
            await self._changed.park()
        if self._ws is None:
            raise ConnectionLost("the connection broke before the request was sent")
        await _transmit(self._ws, request)


async def _transmit(ws: WebSocketConnection, message: wire.ClientMessage) -> None:
    try:
        await ws.send_message(codec.encode(message).decode())
    except ConnectionClosed as closed:
        raise _lost(closed) from None


def _lost(closed: ConnectionClosed) -> ConnectionLost:
    code = closed.reason.code if closed.reason else None
    if code == REPLACED:
        why = "another connection took the seat of this one"
    else:
        why = f"the node closed the connection ({code})"
    return ConnectionLost(why, close_code=code)


def _is_temporary(error: ProximError) -> bool:
    """Return whether to reconnect after this error."""
    if isinstance(error, ConnectionLost):
        return error.close_code not in _FINAL_CODES
    return isinstance(error, RateLimited | Unavailable)
