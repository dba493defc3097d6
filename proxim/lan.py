"""Announce and find nodes in the local network: DNS-SD (RFC 6763) over mDNS (RFC 6762).

An announcement has a name, an address, a port and a version, and nothing about people or
sessions. It needs the extra ``proxim[lan]``, which runs its own threads and event loop.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import trio

from proxim.protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

log = logging.getLogger(__name__)

SERVICE = "_proxim._tcp.local."
GOODBYE_TIME = 3.0
"""Seconds for a stopping node to withdraw its announcement."""
ANSWER_TIME = 1_000
"""Milliseconds for a found node to send its address."""
PROBE_TIME = 1_500
"""Milliseconds for another node with the same name to answer."""
MAX_FOUND = 100


class Neighbour(NamedTuple):
    """A node that was found, with the unverified values of its announcement."""

    name: str
    addresses: list[str]
    port: int
    version: str


def require_library() -> None:
    """Raise ``InvalidSetting`` unless the extra is installed."""
    try:
        import zeroconf  # noqa: F401
    except ImportError:
        raise InvalidSetting(
            "finding nodes in the network needs a library: pip install 'proxim[lan]'"
        ) from None


async def announce(name: str, address: str, port: int, version: str) -> None:
    """Announce a node until cancelled, then withdraw it. A failure is logged."""
    announcement = _Announcement(name, address, port, version)
    try:
        await trio.to_thread.run_sync(announcement.register)
        await trio.sleep_forever()
    except Exception as error:
        # Of many types. Clients that have the URL do not need the announcement.
        log.warning("cannot announce the node in the network: %s", error)
    finally:
        with trio.move_on_after(GOODBYE_TIME, shield=True):
            await trio.to_thread.run_sync(announcement.withdraw, abandon_on_cancel=True)


async def find(seconds: float) -> list[Neighbour]:
    """Return the nodes that answer within some seconds, sorted by name.

    Raises ``InvalidSetting`` without the library, ``OSError`` without a network.
    """
    require_library()
    found = await trio.to_thread.run_sync(_find, seconds)
    return sorted(found)


class _Announcement:
    def __init__(self, name: str, address: str, port: int, version: str) -> None:
        self._name = name
        self._address = address
        self._port = port
        self._version = version
        self._zeroconf: Zeroconf | None = None

    def register(self) -> None:
        """Register the node; if its name is in use, with a number added."""
        from zeroconf import ServiceInfo, Zeroconf

        # The library leaves a socket open if the address is not of this machine.
        with socket.socket(_family(self._address), socket.SOCK_DGRAM) as probe:
            probe.bind((self._address, 0))
        self._zeroconf = Zeroconf(interfaces=[self._address])
        info = ServiceInfo(
            SERVICE,
            self._free_name(self._zeroconf),
            port=self._port,
            addresses=[ipaddress.ip_address(self._address).packed],
            properties={"version": self._version},
            # A random host name, since the machine's may identify a person.
            server=f"proxim-{secrets.token_hex(4)}.local.",
        )
        self._zeroconf.register_service(info, allow_name_change=True)

    def _free_name(self, zeroconf: Zeroconf) -> str:
        # The library's own probe misses a node that answered within the last second.
        for count in range(1, MAX_FOUND):
            label = self._name if count == 1 else f"{self._name} ({count})"
            name = f"{label}.{SERVICE}"
            if zeroconf.get_service_info(SERVICE, name, PROBE_TIME) is None:
                return name
        raise OSError(f"{MAX_FOUND} nodes have the name {self._name!r}")

    def withdraw(self) -> None:
        """Withdraw the announcement, which closing does."""
        if self._zeroconf is not None:
            self._zeroconf.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _find(seconds: float) -> list[Neighbour]:
    from zeroconf import InterfaceChoice, ServiceBrowser, ServiceStateChange, Zeroconf

    names: set[str] = set()

    def on_change(name: str, state_change: ServiceStateChange, **_: object) -> None:
        if state_change is ServiceStateChange.Removed:
            names.discard(name)
        elif len(names) < MAX_FOUND:
            names.add(name)

    with Zeroconf(interfaces=InterfaceChoice.All) as zeroconf:
        ServiceBrowser(zeroconf, SERVICE, handlers=[on_change])
        time.sleep(seconds)
        with ThreadPoolExecutor(MAX_FOUND) as pool:
            found = list(pool.map(lambda name: _request(zeroconf, name), list(names)))
    return [_neighbour(info) for info in found if info is not None]


def _request(zeroconf: Zeroconf, name: str) -> ServiceInfo | None:
    from zeroconf import Error

    try:
        return zeroconf.get_service_info(SERVICE, name, ANSWER_TIME)
    except Error:
        # Any device can announce an invalid name.
        return None


def _neighbour(info: ServiceInfo) -> Neighbour:
    version = info.properties.get(b"version") or b""
    return Neighbour(
        info.name.removesuffix(f".{SERVICE}"),
        sorted(info.parsed_addresses()),
        info.port or 0,
        version.decode("utf-8", "replace"),
    )
