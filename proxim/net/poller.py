"""One task that reads for all connections.

Trio wakes a task for each socket that can be read, and asks the kernel anew for each wait. A node
whose connections mostly say one short thing, to be passed on at once, spends more on that than on
what is said. So the sockets whose tasks merely wait for what comes are watched here, together, by
a set that the kernel keeps (epoll). Trio waits for the set, and what came is taken by a plain
call. The task of a connection wakes up only for what a plain call cannot do.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import trio

BATCH = 64
"""Sockets that are read in one go; then the other tasks have their turn."""

LOOKS = 48
"""How often it is looked in vain before Trio is asked to wait: some 20 µs, in which a peer on the
same machine has answered. To fall asleep and wake up again costs as much, and comes on top."""

# By their names, since to a type checker for another system they are not there.
_epoll: Any = getattr(select, "epoll", None)
_READABLE: int = getattr(select, "EPOLLIN", 0)

IS_AVAILABLE = _epoll is not None
"""Whether this system has epoll (Linux); elsewhere each task waits for its own socket."""


class Poller:
    """Calls what was given for a socket whenever it can be read. Made and run within Trio."""

    def __init__(self) -> None:
        self._epoll = _epoll()
        self._readers: dict[int, Callable[[], None]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        readers = self._readers
        with self._epoll as epoll:
            while True:
                await trio.lowlevel.wait_readable(epoll.fileno())
                budget, looks = BATCH, LOOKS
                while budget > 0 and looks > 0:
                    readable = epoll.poll(0, budget)
                    for fd, _ in readable:
                        # One that was called before may have ended the watch of another.
                        if (read := readers.get(fd)) is not None:
                            read()
                    budget -= len(readable)
                    looks = LOOKS if readable else looks - 1

    def watch(self, fd: int, read: Callable[[], None]) -> None:
        """Call ``read`` while the socket has something to be read, or is at its end.

        It has to read, or to end the watch; and must not raise. Raises ``OSError`` when the kernel
        takes no more watches; then there is none.
        """
        self._epoll.register(fd, _READABLE)
        self._readers[fd] = read

    def forget(self, fd: int) -> None:
        """End the watch; before the socket is closed."""
        if self._readers.pop(fd, None) is not None:
            self._epoll.unregister(fd)
