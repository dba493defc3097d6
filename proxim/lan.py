"""Announce and find nodes in the local network: DNS-SD (RFC 6763) over mDNS (RFC 6762).

An announcement has a name, an address, a port and a version, and nothing about people or
sessions. It needs the extra ``lan``, which runs its own threads and event loop.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from proxim.extras import missing

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
        raise missing("finding nodes in the network", "lan") from None


async def announce(name: str, address: str, port: int, version: str) -> None:
    """Announce a node until cancelled, then withdraw it. A failure is logged."""
    try:
        zeroconf = await trio.to_thread.run_sync(_open, address)
        try:
            await _in_its_loop(zeroconf, _register(zeroconf, name, address, port, version))
            await trio.sleep_forever()
        finally:
            # Closing withdraws the announcement.
            with trio.move_on_after(GOODBYE_TIME, shield=True):
                await trio.to_thread.run_sync(zeroconf.close, abandon_on_cancel=True)
    except Exception as error:
        # Of many types. Clients that have the URL do not need the announcement.
        log.warning("cannot announce the node in the network: %s", error)


async def find(seconds: float) -> list[Neighbour]:
    """Return the nodes that answer within some seconds, sorted by name.

    Raises ``InvalidSetting`` without the library, ``OSError`` without a network.
    """
    require_library()
    return await trio.to_thread.run_sync(_find, seconds)


def _open(address: str) -> Zeroconf:
    from zeroconf import Zeroconf

    # The library leaves a socket open if the address is not of this machine.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
    return Zeroconf(interfaces=[address])


async def _in_its_loop(zeroconf: Zeroconf, work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in the event loop of the library, and cancel it if this is cancelled."""
    from asyncio import run_coroutine_threadsafe

    assert zeroconf.loop is not None
    future = run_coroutine_threadsafe(work, zeroconf.loop)
    try:
        await trio.to_thread.run_sync(future.result, abandon_on_cancel=True)
    finally:
        future.cancel()


async def _register(zeroconf: Zeroconf, name: str, address: str, port: int, version: str) -> None:
    """Register the node; if its name is in use, with a number added."""
    from zeroconf import ServiceInfo

    info = ServiceInfo(
        SERVICE,
        await _free_name(zeroconf, name),
        port=port,
        addresses=[ipaddress.ip_address(address).packed],
        properties={"version": version},
        # A random host name, since the machine's may identify a person.
        server=f"proxim-{secrets.token_hex(4)}.local.",
    )
    await (await zeroconf.async_register_service(info, allow_name_change=True))


async def _free_name(zeroconf: Zeroconf, name: str) -> str:
    from zeroconf import ServiceInfo

    # The library's own probe misses a node that answered within the last second.
    for count in range(1, MAX_FOUND):
        label = name if count == 1 else f"{name} ({count})"
        full_name = f"{label}.{SERVICE}"
        if not await ServiceInfo(SERVICE, full_name).async_request(zeroconf, PROBE_TIME):
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
