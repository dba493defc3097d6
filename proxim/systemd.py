"""The systemd interface of a service: passed sockets, readiness, the watchdog.

It consists of environment variables and a datagram socket. Without them, as in a terminal or on
another system than Linux, nothing here has an effect.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Mapping, MutableMapping

import trio

from proxim.protocol.errors import InvalidSetting

log = logging.getLogger(__name__)

_FIRST_DESCRIPTOR = 3
"""The first passed socket (sd_listen_fds(3): SD_LISTEN_FDS_START)."""


def take_sockets(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the listening sockets that were passed to this process (sd_listen_fds(3)).

    Removes their variables from ``environ``, so that no child process uses them. Raises
    ``InvalidSetting`` if one of them is not a listening TCP socket.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    descriptors = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count))
    return [_open_socket(descriptor) for descriptor in descriptors]


def _open_socket(descriptor: int) -> socket.socket:
    try:
        passed = socket.socket(fileno=descriptor)
        listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise InvalidSetting(f"LISTEN_FDS: descriptor {descriptor}: {error.strerror}") from None
    if not listens or passed.family not in (socket.AF_INET, socket.AF_INET6):
        raise InvalidSetting(
            f"LISTEN_FDS: descriptor {descriptor} is not a listening TCP socket; "
            "in the .socket unit, ListenStream= takes a port or an address with one"
        )
    passed.set_inheritable(False)
    passed.setblocking(False)
    return passed


class Notifier:
    """Sends the state of the service to systemd (sd_notify(3), sd_watchdog_enabled(3)).

    ``watchdog`` is the maximum number of seconds between two keep-alive messages, or None.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "") if sys.platform == "linux" else ""
        # A leading @ means the abstract namespace (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = _watchdog(environ) if address else None

    def notify(self, *lines: str) -> None:
        """Send ``lines`` such as ``READY=1``. Never blocks, never raises."""
        if sys.platform != "linux" or not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("cannot send %s to the service manager: %s", lines[0], error.strerror)

    def notify_reloading(self) -> None:
        """Send that the service reloads; ``READY=1`` has to follow."""
        now = time.monotonic_ns() // 1000
        self.notify("RELOADING=1", f"MONOTONIC_USEC={now}")

    async def run_watchdog(self) -> None:
        """Send keep-alive messages until cancelled.

        They stop if this event loop is stuck, and then systemd restarts the service.
        """
        while self.watchdog is not None:
            self.notify("WATCHDOG=1")
            await trio.sleep(self.watchdog / 2)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    microseconds = environ.get("WATCHDOG_USEC", "")
    is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not is_ours or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000
