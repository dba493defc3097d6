"""A node that runs in a thread of its own."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Literal

import trio

from proxim.client.host import HostSession, SessionKind
from proxim.embed.decision import check
from proxim.embed.events import EventReader, NodeEvent
from proxim.embed.futures import Resolver
from proxim.node import Node
from proxim.protocol.errors import ConnectionLost
from proxim.protocol.messages import SessionInfo
from proxim.settings import Settings, from_code
from proxim.threads.decision import Asker, CallIn, Decide
from proxim.threads.portal import Portal
from proxim.threads.session import ThreadSession


class ThreadNode:
    """A node that runs, in a thread of its own. ``url`` is where it can be reached.

    Its calls may come from any thread but the node's own, and wait there. It stops at the end of
    its ``with`` block, by ``stop``, and at the latest when the program ends.
    """

    def __init__(self, settings: Settings, call_in: CallIn | None) -> None:
        self.settings = settings
        self._call_in = call_in
        self._turn = trio.Lock()
        self._node = Node(settings)
        self._ready: Future[Portal] = Future()
        self._crash: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="proxim-node", daemon=True)
        try:
            self._thread.start()
            self._portal = self._ready.result()
            self.url = self._node.url
            atexit.register(self.stop)
        except KeyboardInterrupt:
            self._give_up_start()
            raise

    def __enter__(self) -> ThreadNode:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every session with ``shutdown``, close every connection, and wait for the thread.

        Stopping again is no error. Raises what the node crashed with, if it did.
        """
        self._portal.check_thread()
        self._portal.soon(self._node.stop)
        self._thread.join()
        atexit.unregister(self.stop)
        if self._crash is not None:
            crash, self._crash = self._crash, None
            raise crash

    def sessions(self) -> list[SessionInfo]:
        """All sessions of this node, oldest first; ended ones until the next sweep."""

        async def list_them() -> list[SessionInfo]:
            return self._node.sessions()

        return self._portal.call(list_them)

    def events(self) -> ThreadEvents:
        """What happens from now on: ``Paired`` and ``Ended``, until the node has stopped.

        Each reader gets all of them. One that does not keep up finds ``Missed`` where it lost some.
        """

        async def read() -> EventReader:
            return self._node.events()

        return ThreadEvents(self._portal, self._portal.call(read))

    def open_session(
        self,
        session_type: SessionKind = "one_time",
        *,
        ttl: float | None = None,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        decide: Decide | None = None,
    ) -> ThreadSession:
        """Be the host of a new session. ``ttl`` in seconds is for temporary ones.

        ``decide`` is asked when somebody wants to pair, and may take as long as a person does. A
        coroutine function runs in the asyncio loop from which this is called, or else in the
        node's; a plain one is called by the node's ``call_in``, or else in a thread of its own.
        Only ``True`` is a yes; an exception is logged and a no. Without it, ``session.prompt()``
        waits for the question.

        Raises ``LimitReached`` when there are too many sessions, ``BadMessage`` for a ``ttl`` that
        cannot be, ``ConnectionLost`` when the node has stopped.
        """
        check(decide)
        asker = None if decide is None else Asker(self._portal, decide, self._call_in, self._turn)

        async def open_it() -> HostSession:
            return await self._node.open_session(
                session_type,
                ttl=ttl,
                token_hash=token_hash,
                qr=qr,
                decide=None if asker is None else asker.ask,
            )

        return ThreadSession(self._portal, self._portal.call(open_it))

    def _give_up_start(self) -> None:
        """Have the node not start, or stop; nobody else could any more."""
        if not self._ready.cancel() and self._ready.exception() is None:
            self._ready.result().soon(self._node.stop)
        if self._thread.is_alive():
            self._thread.join()

    # -- in its own thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            trio.run(self._live)
        except BaseException as error:
            if self._ready.done():
                self._crash = error
            elif self._ready.set_running_or_notify_cancel():
                self._ready.set_exception(error)

    async def _live(self) -> None:
        # Trio's own look-up leaves a thread behind, which outlives the node by ten seconds.
        trio.socket.set_custom_hostname_resolver(Resolver())
        async with self._node:
            portal = Portal()
            if self._ready.set_running_or_notify_cancel():
                self._ready.set_result(portal)
                await self._node.wait_stopping()


class ThreadEvents:
    """One reader's events, as an iterator that waits. Raises nothing when the node stops."""

    def __init__(self, portal: Portal, reader: EventReader) -> None:
        self._portal = portal
        self._reader = reader

    def __iter__(self) -> Iterator[NodeEvent]:
        return self

    def __next__(self) -> NodeEvent:
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def next(self, timeout: float | None = None) -> NodeEvent | None:
        """The next event, or None once the node has stopped. Raises ``TimeoutError``."""
        try:
            return self._portal.call(self._reader.next, timeout=timeout)
        except ConnectionLost:
            # The node's thread has ended, and what it left can be taken from here.
            return self._reader.take()


def run_in_thread(
    settings: Settings | None = None, *, call_in: CallIn | None = None, **given: object
) -> ThreadNode:
    """Start a node in a thread of its own, and return when it accepts connections.

    By ``Settings`` or by single settings, as in ``run_in_thread(port=0)``. ``call_in`` has a
    function called in the application's own loop, for ``decide`` to run there, one question at a
    time: ``root.after_idle`` with Tk, ``emit`` of a ``QObject``'s signal with Qt.

    Raises ``InvalidSetting``, and ``OSError`` when the address cannot be listened on.
    """
    return ThreadNode(from_code(settings, given), call_in)
