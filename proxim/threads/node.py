"""A node that runs in its own thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from proxim.client.kinds import SessionKind
from proxim.client.prompt import Prompt
from proxim.embed.decision import Answer, check
from proxim.embed.events import EventReader, NodeEvent
from proxim.embed.host import UUID
from proxim.node import Node
from proxim.portal.application import CallIn
from proxim.portal.portal import Portal, ThreadProxy
from proxim.portal.thread import TrioThread
from proxim.protocol.errors import ConnectionLost
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import SessionInfo
from proxim.settings import Settings, from_code
from proxim.sync import HostSession
from proxim.sync import Prompt as SyncPrompt
from proxim.threads.host import HostOpening

if TYPE_CHECKING:
    from proxim.devices.store import DeviceStore

Decide = Callable[[SyncPrompt], Answer | Awaitable[Answer]]
"""The application's decision on a prompt: ``True`` approves, or the code that the guest shows."""


class ThreadNode:
    """A node that runs in its own thread. ``url`` is its address.

    Its methods block, and may be called from any thread that does not run Trio. The node stops at
    the end of its ``with`` block, on ``stop``, and at the latest when the program exits.
    """

    def __init__(self, settings: Settings, call_in: CallIn | None) -> None:
        self.settings = settings
        self._node = Node(settings)
        self._thread = TrioThread(
            "proxim-node", lambda: self._node, lambda: Portal(call_in=call_in)
        )
        self._portal, _ = self._thread.__enter__()
        self._stopped = False
        self.url = self._node.url

    def __enter__(self) -> ThreadNode:
        if self._thread.finished.done():
            self.stop()  # Raises the exception of a node that crashed.
            raise RuntimeError("a node runs once; start another one with run_in_thread")
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End every session with ``shutdown``, close every connection, and wait for the thread.

        A second call does nothing. Raises the exception of a node that crashed.
        """
        self._portal.check_thread()
        if not self._stopped:
            self._stopped = True
            self._portal.application.end()
            self._thread.close()

    def sessions(self) -> list[SessionInfo]:
        """Return all sessions of this node, oldest first; ended ones until the next sweep."""
        return self._portal.call_sync(self._node.sessions)

    def events(self) -> ThreadEvents:
        """Return an iterator over future events, ``Paired`` and ``Ended``, until the node stops.

        Each iterator gets all events. One that does not keep up gets ``Missed`` in place of those
        that it lost.
        """
        return ThreadEvents(self._portal, self._portal.call_sync(self._node.events))

    def open_session(
        self,
        session_type: SessionKind = "one_time",
        *,
        ttl: float | None = None,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        confirm: Confirm = "none",
        join_url: str | None = None,
        sealed: bool = False,
        host_name: str | None = None,
        decide: Decide | None = None,
    ) -> HostSession:
        """Open a session as its host. ``ttl`` in seconds is for temporary sessions.

        With ``confirm="code"`` the guest shows a code of three digits, and an approval needs it.
        So it does with ``sealed``, and the node has nothing that it could read or forge. The link
        leads to ``join_url``, a page of your own, instead of the node's. The guest sees
        ``host_name``, a name of this device.

        ``decide`` is called when a guest asks to pair, and may wait for a person. A coroutine
        function runs in the asyncio loop from which this is called, or else in the node's; a plain
        function is called by the node's ``call_in``, or else in a thread of its own. Only ``True``
        approves, or with a code only the code as a ``str``; an exception is logged and declines.
        Without ``decide``, ``session.prompt()`` waits for the guest.

        Raises ``LimitReached`` if there are too many sessions, ``BadMessage`` for an invalid
        ``ttl``, and ``ConnectionLost`` if the node has stopped.
        """
        check(decide)
        open_session = partial(
            self._node.open_session,
            session_type,
            ttl=ttl,
            token_hash=token_hash,
            qr=qr,
            confirm=confirm,
            join_url=join_url,
            host_name=host_name,
            sealed=sealed,
            decide=None if decide is None else self._wrap_question(decide),
        )
        return HostSession(self._portal, self._portal.call(open_session))

    def open_host(
        self,
        *,
        uuid: str = UUID,
        key: str | None = None,
        name: str | None = None,
        seals: MutableMapping[str, str] | None = None,
        devices: DeviceStore | None = None,
    ) -> HostOpening:
        """Be a host in this process, with devices that come again: see ``proxim.open_host``.

        In a ``with`` block it is a ``proxim.sync.Host``, and in an ``async with`` block of asyncio
        a ``proxim.aio.Host``. The block ends before the node does. ``devices`` keeps the known
        devices; give the node a ``port`` of its own, since they come to its address again. A node
        with a store, or in a cluster, remembers its sessions: give it the same ``uuid`` and ``key``
        each time.

        The block raises ``ConnectionLost`` if the node has stopped, and what ``proxim.open_host``
        raises.
        """
        open_host = partial(
            self._node.open_host, uuid=uuid, key=key, name=name, seals=seals, devices=devices
        )
        return HostOpening(self._portal, open_host)

    def _wrap_question(self, decide: Decide) -> Callable[[Prompt], Awaitable[Answer]]:
        application = self._portal.application
        ask: Callable[[SyncPrompt], Awaitable[Answer]] = application.wrap_question(decide)
        return lambda prompt: ask(SyncPrompt(self._portal, prompt))


class ThreadEvents(ThreadProxy[EventReader]):
    """An iterator over the node's events. It blocks, and ends when the node stops."""

    def __iter__(self) -> Iterator[NodeEvent]:
        return self

    def __next__(self) -> NodeEvent:
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def next(self, timeout: float | None = None) -> NodeEvent | None:
        """Return the next event, or None once the node has stopped. Raises ``TimeoutError``."""
        try:
            return self._portal.call(self._inner.next, timeout=timeout)
        except ConnectionLost:
            # The node's thread has ended, so this thread may read what is left.
            return self._inner.take()


def run_in_thread(
    settings: Settings | None = None, *, call_in: CallIn | None = None, **given: object
) -> ThreadNode:
    """Start a node in its own thread, and return when it accepts connections.

    Give ``Settings`` or single settings, as in ``run_in_thread(port=0)``. ``call_in`` calls a
    function in the application's own event loop, so that ``decide`` runs there, one prompt at a
    time: ``root.after_idle`` with Tk, ``emit`` of a ``QObject``'s signal with Qt.

    Raises ``InvalidSetting``, and ``OSError`` if it cannot listen on the address.
    """
    return ThreadNode(from_code(settings, given), call_in)
