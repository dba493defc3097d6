"""Ports for programs that have to be told theirs: the kernel keeps them until the test ends."""

import errno
import socket
import sys
from contextlib import ExitStack, contextmanager

from tests import systems

TRIES = 20


@contextmanager
def reserved_port(*addresses, udp=False):
    """Yield a port of these addresses that only a program that is told it can listen on.

    A socket that is bound with ``SO_REUSEADDR``, and does not listen, keeps the kernel from giving
    the port to another program, and lets a server that sets the same option have it, as often as
    it starts. That is so on Linux; elsewhere the port is one that was free a moment ago.
    """
    with _reserve(addresses or ("127.0.0.1",), udp) as (port, held):
        if systems.current() != "linux":
            held.close()
        yield port


@contextmanager
def _reserve(addresses, udp):
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if udp else (socket.SOCK_STREAM,)
    with ExitStack() as held:
        for _ in range(TRIES):
            port = 0
            try:
                for address in addresses:
                    for kind in kinds:
                        port = _hold(held, kind, address, port)
            except OSError as problem:
                # Another program may have the port that the first socket got on the next address.
                if not port or problem.errno != errno.EADDRINUSE:
                    raise
                held.close()
            else:
                break
        else:
            raise AssertionError(f"no port is free on all of {addresses}")
        yield port, held


def _hold(held, kind, address, port):
    """Bind a socket, and keep it until the end; its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    holder = held.enter_context(socket.socket(family, kind))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((address, port))
    port = holder.getsockname()[1]
    if kind == socket.SOCK_DGRAM:
        # Connected to itself, it gets no datagram that is meant for the server.
        holder.connect((address, port))
    return port


if __name__ == "__main__":
    # For the tests in JavaScript, which keep the port as long as they keep the input open.
    with reserved_port() as reserved:
        print(reserved, flush=True)
        sys.stdin.read()
