"""Nodes of the same network, by DNS-SD (RFC 6763) over multicast DNS (RFC 6762).

What is announced is a name, an address, a port and a version, and nothing of people or sessions.
It needs the extra ``proxim[lan]``; the library's own threads and event loop stay its own.
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
"""Seconds in which a node that stops takes its announcement back."""
ANSWER_TIME = 1_000
"""Milliseconds that a node which was found has to say where it is."""
PROBE_TIME = 1_500
"""Milliseconds that a node which has the wanted name already has to say so."""
MAX_FOUND = 100


class Neighbour(NamedTuple):
    """A node that was found; all of it is what that node says of itself."""

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
    """Announce a node until cancelled, then take it back. Who cannot says so in the log."""
    announcement = _Announcement(name, address, port, version)
    try:
        await trio.to_thread.run_sync(announcement.make)
        await trio.sleep_forever()
    except Exception as error:
        # Of many kinds; and none is a reason not to serve who finds the node otherwise.
        log.warning("the node cannot be announced in the network, and goes on: %s", error)
    finally:
        with trio.move_on_after(GOODBYE_TIME, shield=True):
            await trio.to_thread.run_sync(announcement.take_back, abandon_on_cancel=True)


async def find(seconds: float) -> list[Neighbour]:
    """The nodes that answer within some seconds, by name.

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

    def make(self) -> None:
        """Register the node; another name is found where the wanted one is taken."""
        from zeroconf import ServiceInfo, Zeroconf

        # The library would leave a socket open when it finds out that this is none of ours.
        with socket.socket(_family(self._address), socket.SOCK_DGRAM) as probe:
            probe.bind((self._address, 0))
        self._zeroconf = Zeroconf(interfaces=[self._address])
        info = ServiceInfo(
            SERVICE,
            self._free_name(self._zeroconf),
            port=self._port,
            addresses=[ipaddress.ip_address(self._address).packed],
            properties={"version": self._version},
            # A host name of its own, since the machine's is nobody's business.
            server=f"proxim-{secrets.token_hex(4)}.local.",
        )
        self._zeroconf.register_service(info, allow_name_change=True)

    def _free_name(self, zeroconf: Zeroconf) -> str:
        # The library's own probe misses a node that has answered others within the last second.
        for count in range(1, MAX_FOUND):
            label = self._name if count == 1 else f"{self._name} ({count})"
            name = f"{label}.{SERVICE}"
            if zeroconf.get_service_info(SERVICE, name, PROBE_TIME) is None:
                return name
        raise OSError(f"{MAX_FOUND} nodes have the name {self._name!r}")

    def take_back(self) -> None:
        """Say good-bye, which closing does for all that is registered."""
        if self._zeroconf is not None:
            self._zeroconf.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class _Names:
    """Keeps what names are announced."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    def add_service(self, zeroconf: Zeroconf, kind: str, name: str) -> None:
        if len(self.known) < MAX_FOUND:
            self.known.add(name)

    def update_service(self, zeroconf: Zeroconf, kind: str, name: str) -> None:
        """What it says now is asked for at the end."""

    def remove_service(self, zeroconf: Zeroconf, kind: str, name: str) -> None:
        self.known.discard(name)


def _find(seconds: float) -> list[Neighbour]:
    from zeroconf import InterfaceChoice, ServiceBrowser, Zeroconf

    names = _Names()
    with Zeroconf(interfaces=InterfaceChoice.All) as zeroconf:
        ServiceBrowser(zeroconf, SERVICE, names)  # type: ignore[arg-type]  # it has its methods
        time.sleep(seconds)
        with ThreadPoolExecutor(MAX_FOUND) as pool:
            found = list(pool.map(lambda name: _ask(zeroconf, name), list(names.known)))
    return [_neighbour(info) for info in found if info is not None]


def _ask(zeroconf: Zeroconf, name: str) -> ServiceInfo | None:
    from zeroconf import Error

    try:
        return zeroconf.get_service_info(SERVICE, name, ANSWER_TIME)
    except Error:
        # Anybody can announce what is no name.
        return None


def _neighbour(info: ServiceInfo) -> Neighbour:
    version = info.properties.get(b"version") or b""
    return Neighbour(
        info.name.removesuffix(f".{SERVICE}"),
        sorted(info.parsed_addresses()),
        info.port or 0,
        version.decode("utf-8", "replace"),
    )
