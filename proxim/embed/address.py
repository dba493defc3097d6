"""The address of the node in the own process: a pair of sockets instead of the network."""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

from proxim.client.address import Address, Stream
from proxim.protocol.errors import ConnectionLost

Plug = Callable[[socket.socket], None]
"""Has the node serve one end of a pair of sockets."""

URL = "http://localhost"
"""Every node has this name. No port is asked, so that stored secrets fit the next node, too."""


class LocalAddress(Address):
    """Connects to the node in the own process, wherever that listens, and without TLS."""

    def __init__(self, plug: Plug) -> None:
        super().__init__(URL)
        self._plug = plug

    async def open_stream(self) -> Stream:
        """Return one end of a pair of sockets; the node serves the other one."""
        await trio.lowlevel.checkpoint()
        if self.is_gone:
            raise ConnectionLost("the node does not run")
        ours, theirs = socket.socketpair()
        self._plug(theirs)
        return trio.SocketStream(trio.socket.from_stdlib_socket(ours))
