"""Listening sockets, and the addresses at which they can be reached."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from contextlib import ExitStack

import trio

EVERYWHERE = "::"
"""The host that means all addresses of this machine, IPv4 and IPv6."""

_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""Errors by which a machine says that it has no IPv6, or no IPv4."""


async def listen(host: str, port: int, opened: ExitStack) -> list[socket.socket]:
    """Return listening sockets, which ``opened`` closes; the first is the best for an URL.

    For port 0 all have the same free port. ``EVERYWHERE`` listens on both families, or on the one
    that the machine has. Raises ``OSError`` with the address.
    """
    families = ("0.0.0.0", "::") if host == EVERYWHERE else (host,)
    sockets: list[socket.socket] = []
    for address in families:
        try:
            found = await trio.open_tcp_listeners(port, host=address)
        except OSError as error:
            if error.errno in _NO_FAMILY and (sockets or address != families[-1]):
                continue
            why = f"cannot listen on port {port} of {host}: {error.strerror or error}"
            raise OSError(error.errno, why) from None
        opening = [socket.socket(fileno=each.socket.detach()) for each in found]
        for each in opening:
            opened.enter_context(each)
        # A name with several addresses would get a port for each.
        for spare in opening[1:] if port == 0 else ():
            spare.close()
        sockets += opening[:1] if port == 0 else opening
        port = sockets[0].getsockname()[1]
    return sorted(sockets, key=lambda each: _is_loopback(reachable(each)[0]))


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


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
