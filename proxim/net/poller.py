"""One task that reads for all connections.

Trio wakes a task for each readable socket, and makes a system call for each wait. For short
messages that are relayed at once, this costs more than the messages themselves. So one epoll set
watches the sockets of all tasks that are only reading. Trio waits for the set, and a plain call
takes what arrived. A connection's task wakes up only if it has to wait for something else.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import trio

from proxim.actors.timers import Timers

BATCH = 64
"""Reads in a row; then the other tasks have their turn."""

EMPTY_POLLS = 48
"""Polls without a readable socket before Trio waits for the set: about 20 µs.

A peer on the same machine answers within that time. Sleeping and waking up would take as long.
"""

# By name, since a type checker for another system does not know them.
_epoll: Any = getattr(select, "epoll", None)
_READABLE: int = getattr(select, "EPOLLIN", 0)

IS_AVAILABLE = _epoll is not None
"""Whether this system has epoll (Linux); on others each task waits for its own socket."""


class Poller:
    """Calls a function for each socket that is readable. Create and run it within Trio.

    ``is_awaited`` tells whether another task has work; then it waits for the set at once.
    ``timers`` end the waits for these sockets; their moments are on Trio's clock.
    """

    def __init__(self, is_awaited: Callable[[], bool] = lambda: False) -> None:
        self.timers = Timers(trio.current_time, lambda moment: moment)
        self._is_awaited = is_awaited
        self._epoll = _epoll()
        self._reads: dict[int, Callable[[], bool]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.timers.run)
            await self._watch_all()

    async def _watch_all(self) -> None:
        reads = self._reads
        with self._epoll as epoll:
            while True:
                await trio.lowlevel.wait_readable(epoll.fileno())
                budget, empty_polls, has_woken = BATCH, 0, False
                while budget > 0 and empty_polls < EMPTY_POLLS and not has_woken:
                    readable = epoll.poll(0, budget)
                    for fd, _ in readable:
                        # An earlier call may have ended the watch of this socket.
                        if (read := reads.get(fd)) is not None:
                            has_woken |= read()
                    budget -= len(readable)
                    empty_polls = 0 if readable else empty_polls + 1
                    if not readable and self._is_awaited():
                        break

    def watch(self, fd: int, read: Callable[[], bool]) -> None:
        """Call ``read`` whenever the socket is readable or at its end.

        ``read`` has to read, or to end the watch; it must not raise. It returns whether it woke a
        task, which should not wait for further polls. Raises ``OSError`` if the kernel refuses the
        watch.
        """
        self._epoll.register(fd, _READABLE)
        self._reads[fd] = read

    def unwatch(self, fd: int) -> None:
        """End the watch; call this before the socket is closed."""
        if self._reads.pop(fd, None) is not None:
            self._epoll.unregister(fd)
