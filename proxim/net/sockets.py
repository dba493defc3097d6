"""Listening sockets, and the addresses at which they can be reached."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack

import trio


async def listen(host: str, port: int, opened: ExitStack) -> list[socket.socket]:
    """Return listening sockets, which ``opened`` closes; for port 0 one, whose port is free.

    Raises ``OSError`` with the address.
    """
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        why = f"cannot listen on port {port} of {host}: {error.strerror or error}"
        raise OSError(error.errno, why) from None
    sockets = [socket.socket(fileno=each.socket.detach()) for each in listeners]
    for each in sockets:
        opened.enter_context(each)
    if port == 0:
        # A name with several addresses would get a port for each.
        for spare in sockets[1:]:
            spare.close()
        return sockets[:1]
    return sockets


def claim(unbound: socket.socket) -> None:
    """Have ``bind`` fail if another program listens there, but not if one has just stopped.

    On Windows SO_REUSEADDR would let two programs listen on one port.
    """
    if sys.platform == "win32":
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def reachable(listening: socket.socket) -> tuple[str, int]:
    """Return an address and port for other machines, also if it listens on all addresses."""
    address, port = listening.getsockname()[:2]
    return (_lan_address(listening.family) if address in ("0.0.0.0", "::") else address), port


def url_of(listening: socket.socket, *, secure: bool) -> str:
    """Return the http or https URL of a listening socket, for other machines."""
    address, port = reachable(listening)
    host = f"[{address}]" if ":" in address else address
    return f"{'https' if secure else 'http'}://{host}:{port}"


def _lan_address(family: int) -> str:
    """Return this machine's address in its network, by its routing table; nothing is sent."""
    remote, loopback = (
        ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    )
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))
        except OSError:
            return loopback
        return str(probe.getsockname()[0])
