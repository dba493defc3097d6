"""What systemd and a service that it starts tell each other: sockets, readiness, signs of life.

It is told by a few variables in the environment and one datagram socket; where they are missing,
as in any terminal and on any system but Linux, nothing here does anything.
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
"""Where the sockets that are passed begin (sd_listen_fds(3): SD_LISTEN_FDS_START)."""


def take_sockets(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The listening sockets that were passed to this process; none, usually (sd_listen_fds(3)).

    What told of them is removed from ``environ``, so that no child takes them for its own. Raises
    ``InvalidSetting`` where one of them is not what a node can accept on.
    """
    told_pid, told_count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if told_pid != str(os.getpid()) or not told_count.isdecimal():
        return []
    descriptors = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(told_count))
    return [_take(descriptor) for descriptor in descriptors]


def _take(descriptor: int) -> socket.socket:
    try:
        taken = socket.socket(fileno=descriptor)
        listens = taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise InvalidSetting(f"LISTEN_FDS: descriptor {descriptor}: {error.strerror}") from None
    if not listens or taken.family not in (socket.AF_INET, socket.AF_INET6):
        raise InvalidSetting(
            f"LISTEN_FDS: descriptor {descriptor} is no TCP socket that listens; "
            "in the .socket unit, ListenStream= takes a port or an address with one"
        )
    taken.set_inheritable(False)
    taken.setblocking(False)
    return taken


class Notifier:
    """Tells systemd how the service is (sd_notify(3)), and that it lives (sd_watchdog_enabled(3)).

    ``watchdog`` is within how many seconds a sign of life is wanted; None when none is.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "") if sys.platform == "linux" else ""
        # A leading @ is how an address in the abstract namespace is written (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = _watchdog(environ) if address else None

    def tell(self, *lines: str) -> None:
        """Send one notice of ``lines`` such as ``READY=1``. Never waits, never raises."""
        if sys.platform != "linux" or not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
                notice.setblocking(False)
                notice.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("the service manager cannot be told %s: %s", lines[0], error.strerror)

    def tell_reloading(self) -> None:
        """The settings are read again; ``READY=1`` has to follow."""
        now = time.monotonic_ns() // 1000
        self.tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    async def give_signs_of_life(self) -> None:
        """As often as is wanted, until cancelled.

        Run it in the event loop that does the work: a loop that is stuck gives none, and the
        service is started anew.
        """
        while self.watchdog is not None:
            self.tell("WATCHDOG=1")
            await trio.sleep(self.watchdog / 2)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    microseconds = environ.get("WATCHDOG_USEC", "")
    is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not is_ours or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000
