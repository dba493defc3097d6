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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import trio

from proxim.protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from zeroconf import Zeroconf

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
    zeroconf: Zeroconf | None = None
    try:
        zeroconf = await trio.to_thread.run_sync(_register, name, address, port, version)
        await trio.sleep_forever()
    except Exception as error:
        # Of many types. Clients that have the URL do not need the announcement.
        log.warning("cannot announce the node in the network: %s", error)
    finally:
        if zeroconf is not None:
            # Closing withdraws the announcement.
            with trio.move_on_after(GOODBYE_TIME, shield=True):
                await trio.to_thread.run_sync(zeroconf.close, abandon_on_cancel=True)


async def find(seconds: float) -> list[Neighbour]:
    """Return the nodes that answer within some seconds, sorted by name.

    Raises ``InvalidSetting`` without the library, ``OSError`` without a network.
    """
    require_library()
    return await trio.to_thread.run_sync(_find, seconds)


def _register(name: str, address: str, port: int, version: str) -> Zeroconf:
    """Register the node; if its name is in use, with a number added."""
    from zeroconf import ServiceInfo, Zeroconf

    # The library leaves a socket open if the address is not of this machine.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
    zeroconf = Zeroconf(interfaces=[address])
    try:
        info = ServiceInfo(
            SERVICE,
            _free_name(zeroconf, name),
            port=port,
            addresses=[ipaddress.ip_address(address).packed],
            properties={"version": version},
            # A random host name, since the machine's may identify a person.
            server=f"proxim-{secrets.token_hex(4)}.local.",
        )
        zeroconf.register_service(info, allow_name_change=True)
    except BaseException:
        zeroconf.close()
        raise
    return zeroconf


def _free_name(zeroconf: Zeroconf, name: str) -> str:
    # The library's own probe misses a node that answered within the last second.
    for count in range(1, MAX_FOUND):
        label = name if count == 1 else f"{name} ({count})"
        full_name = f"{label}.{SERVICE}"
        if zeroconf.get_service_info(SERVICE, full_name, PROBE_TIME) is None:
            return full_name
    raise OSError(f"{MAX_FOUND} nodes have the name {name!r}")


def _collect_in(names: set[str]) -> Callable[..., None]:
    """Return a handler that keeps the announced names in ``names``."""
    from zeroconf import ServiceStateChange

    def on_change(name: str, state_change: ServiceStateChange, **_: object) -> None:
        if state_change is ServiceStateChange.Removed:
            names.discard(name)
        elif len(names) < MAX_FOUND:
            names.add(name)

    return on_change


def _find(seconds: float) -> list[Neighbour]:
    from zeroconf import InterfaceChoice, ServiceBrowser, Zeroconf

    names: set[str] = set()
    with Zeroconf(interfaces=InterfaceChoice.All) as zeroconf:
        ServiceBrowser(zeroconf, SERVICE, handlers=[_collect_in(names)])
        time.sleep(seconds)
        with ThreadPoolExecutor(MAX_FOUND) as pool:
            found = list(pool.map(partial(_ask, zeroconf), list(names)))
    return sorted(each for each in found if each is not None)


def _ask(zeroconf: Zeroconf, name: str) -> Neighbour | None:
    from zeroconf import Error

    try:
        info = zeroconf.get_service_info(SERVICE, name, ANSWER_TIME)
    except Error:
        # Any device can announce an invalid name.
        return None
    if info is None:
        return None
    version = info.properties.get(b"version") or b""
    return Neighbour(
        info.name.removesuffix(f".{SERVICE}"),
        sorted(info.parsed_addresses()),
        info.port or 0,
        version.decode("utf-8", "replace"),
    )
