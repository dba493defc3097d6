"""Checks where a request comes from: Origin, Host, and the addresses that proxies report.

A browser lets any page open a WebSocket to any host, also to a node on this machine or in the
local network. The ``Origin`` header shows the page's site. With DNS rebinding, ``Host`` is a name
that the node does not have.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

from msgspec import Struct

from proxim.actors.limits import LOOPBACK, NOWHERE, Source
from proxim.net.http import Request, Response
from proxim.net.names import canonical

log = logging.getLogger(__name__)

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::(\d{1,5}))?")
_PAIR = r'\s*([\w!#$%&\'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]+))\s*'
_PAIRS = re.compile(_PAIR, re.ASCII)
_ELEMENT = re.compile(rf"{_PAIR}(?:;{_PAIR})*", re.ASCII)
"""One proxy's element of Forwarded (RFC 7239, 4); an IPv6 address without quotes is accepted."""
_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9A-Fa-f:.]+)")
"""An address as proxies write it: with or without port, IPv6 in brackets (RFC 7239, 6)."""

_PROXY_HEADERS = {
    *(b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip"),
    *(b"true-client-ip", b"cf-connecting-ip", b"fly-client-ip", b"cdn-loop"),
}
"""Headers that only proxies and tunnels add, besides those that begin with X-Forwarded-."""

_UNLISTED_PROXY = (
    "a proxy on this machine is not in trusted_proxy: the limits per address cannot tell its "
    "clients apart, and do not apply to loopback unless limit_loopback is set"
)
_SILENT_PROXY = (
    "a trusted proxy does not report the address of its client in X-Forwarded-For, Forwarded or "
    "X-Real-IP: all its clients count as one address"
)

_CONTRADICTION = (
    "a trusted proxy passes several headers with different addresses of its client, of which the "
    "client may have sent some: such a client counts as the proxy; let the proxy remove the others "
    "of X-Forwarded-For, Forwarded and X-Real-IP"
)

_SAFE_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[A-Za-z0-9._:\[\]-]{1,253}")
"""An origin that can be written to a log as it was sent."""

MAX_ORIGINS = 16
"""Refused origins that a node logs; the pages of strangers would otherwise fill the log."""

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_Origin = tuple[str, str, int | None]


class Rules(Struct, frozen=True):
    """The operator's settings: who may connect, by Origin and Host, and which address counts."""

    allow_origin: Sequence[str] = ()
    allow_host: Sequence[str] = ()
    trusted_proxy: Sequence[str] = ()
    limit_loopback: bool = False


class Access:
    """Decides which requests a node at ``url`` accepts, and which address each is counted for.

    ``scheme`` is that of the node's own port, which differs behind a TLS proxy. ``name_of`` turns
    an address into the name under which it is counted.
    """

    def __init__(
        self, url: str, scheme: str, rules: Rules, name_of: Callable[[str], str] = str
    ) -> None:
        self._name_of = name_of
        self._scheme = scheme
        self._origins = {_origin(each) for each in (url, *rules.allow_origin)}
        names = (urlsplit(url).hostname or "", "localhost", *rules.allow_host)
        self._hosts = {canonical(name) for name in names}
        self._proxies = [ipaddress.ip_network(each, strict=False) for each in rules.trusted_proxy]
        self._limit_loopback = rules.limit_loopback
        self._warnings: set[str] = set()
        self._refused_origins: set[str] = set()

    def refuse(self, request: Request) -> Response | None:
        """Return the response that refuses a WebSocket; None if the request is allowed."""
        host = _host_of(request)
        if host is None or not self._is_ours(host):
            return _forbidden("this node does not have that name; add it with allow_host")
        origin = request.header(b"origin").decode("latin-1")
        if origin and _origin(origin) not in self._origins | {self._same(host)}:
            self._notice_refused(origin)
            return _forbidden("pages of this origin may not connect; allow it with allow_origin")
        return None

    def is_for_node(self, request: Request) -> bool:
        """Return whether ``Host`` is an IP address or a name of the node."""
        host = _host_of(request)
        return host is not None and self._is_ours(host)

    def is_proxy(self, peer: str | None) -> bool:
        """Whether the peer is a trusted proxy, which reports its client's address."""
        return bool(self._proxies) and self._is_trusted(_parse(peer or ""))

    def is_local(self, peer: str | None, request: Request) -> bool:
        """Whether a request comes from this machine, and not through a proxy on it.

        ``Host`` is checked as well, since a page of another site may use DNS rebinding.
        """
        ip = _parse(peer or "")
        return (
            ip is not None
            and ip.is_loopback
            and not self._is_trusted(ip)
            and is_for_loopback(request)
            and not _is_forwarded(request)
        )

    def notice_unlisted_proxy(self, peer: str | None, request: Request) -> None:
        """Warn once if a request came through a proxy on this machine that is not listed."""
        ip = _parse(peer or "")
        if ip is not None and ip.is_loopback and _is_forwarded(request):
            self._warn_once(_UNLISTED_PROXY)

    def source(self, peer: str | None) -> Source:
        """Return the names under which the limits by address count a peer.

        Each IPv4 address and each IPv6 /64 network has a name. Loopback addresses are counted only
        if the settings say so.
        """
        ip = _parse(peer or "")
        if ip is not None and ip.is_loopback and not self._limit_loopback:
            return Source(None, (LOOPBACK,))
        return self._source(ip)

    def source_behind(self, peer: str | None, request: Request) -> Source:
        """Return the ``source`` of a proxy's client: the right-most hop that is not a proxy.

        A proxy that reports no usable address is counted itself, also one on this machine. So is
        one whose headers contradict each other: the client may have sent one of them.
        """
        first, *others = _reports(request)
        walked = self._walk(first)
        for other in others:
            address = self._walk(other)[-1]
            if address is not None and address not in walked:
                self._warn_once(_CONTRADICTION)
                return self._source(_parse(peer or ""))
        last = walked.pop()
        if last is None:
            self._warn_once(_SILENT_PROXY)
            last = walked.pop() if walked else _parse(peer or "")
        elif not self._is_trusted(last):
            return self.source(str(last))
        return self._source(last)

    def _walk(self, hops: Iterable[str]) -> list[_Ip | None]:
        """Return the hops up to the first that is not a proxy, or is not an address: None."""
        walked: list[_Ip | None] = []
        for hop in hops:
            walked.append(_parse(hop))
            if not self._is_trusted(walked[-1]):
                break
        return walked

    def _source(self, ip: _Ip | None) -> Source:
        if ip is None:
            return NOWHERE
        networks = (LOOPBACK,) if ip.is_loopback else _networks_around(ip)
        return Source(self._name_of(_network_name(ip)), networks)

    def _notice_refused(self, origin: str) -> None:
        """Warn once that pages of an origin are refused, and say which setting lets them in."""
        refused = self._refused_origins
        if origin in refused or not (origin == "null" or _SAFE_ORIGIN.fullmatch(origin)):
            return
        if len(refused) >= MAX_ORIGINS:
            self._warn_once(
                f"pages of {MAX_ORIGINS} origins were refused; further ones are not logged"
            )
            return
        refused.add(origin)
        if origin == "null":
            log.warning(
                "a page without an origin was refused: serve the page by HTTP, since a browser "
                "gives none to files and sandboxed frames"
            )
        else:
            log.warning(
                "a page of %s was refused; if the page is yours, allow it with allow_origin: "
                "--allow-origin %s",
                origin,
                origin,
            )

    def _warn_once(self, warning: str) -> None:
        if warning not in self._warnings:
            self._warnings.add(warning)
            log.warning("%s", warning)

    def _is_ours(self, host: re.Match[str]) -> bool:
        name = canonical(host[1])
        return name in self._hosts or _parse(name.strip("[]")) is not None

    def _same(self, host: re.Match[str]) -> _Origin:
        port = int(host[2]) if host[2] else _PORTS[self._scheme]
        return self._scheme, canonical(host[1]).strip("[]"), port

    def _is_trusted(self, ip: _Ip | None) -> bool:
        return ip is not None and any(ip in network for network in self._proxies)


def is_for_loopback(request: Request) -> bool:
    """Return whether ``Host`` is localhost or a loopback address."""
    host = _host_of(request)
    return host is not None and _is_loopback(host[1])


def _host_of(request: Request) -> re.Match[str] | None:
    return _HOST.fullmatch(request.header(b"host").decode("latin-1"))


def _is_forwarded(request: Request) -> bool:
    """Whether a request came through a proxy or a tunnel that says so."""
    names = request.headers.keys()
    return not _PROXY_HEADERS.isdisjoint(names) or b"\nx-forwarded-" in b"\n".join((b"", *names))


def _origin(text: str) -> _Origin | None:
    """Return scheme, host and port of an origin or URL; None if it is neither (RFC 6454, 4)."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, canonical(parts.hostname), port) if parts.hostname else None


def _reports(request: Request) -> list[Iterable[str]]:
    """Return what each header of proxies says: addresses, the nearest proxy's first.

    X-Forwarded-For comes first, since nearly all proxies write that. Some may be invalid.
    """
    found: list[Iterable[str]] = []
    if forwarded_for := request.header(b"x-forwarded-for").decode("latin-1"):
        found.append(text.strip() for text in reversed(forwarded_for.split(",")))
    if forwarded := request.header(b"forwarded").decode("latin-1"):
        found.append(_address_in(element) for element in _elements(forwarded))
    real_ip = request.header(b"x-real-ip").decode("latin-1")
    if real_ip or not found:
        found.append([real_ip])
    return found


def _elements(text: str) -> Iterator[str]:
    """Yield each proxy's element of Forwarded, the nearest proxy's first.

    Ends with an empty element if the rest is malformed. It searches from the end for the shortest
    valid element: a comma may be inside quotes, and a client may have sent an unclosed quote.
    """
    end = start = len(text)
    while end > 0:
        start = text.rfind(",", 0, start)
        if _ELEMENT.fullmatch(text, start + 1, end):
            yield text[start + 1 : end]
            end = start
        elif start < 0:
            yield ""
            return


def _address_in(element: str) -> str:
    """Return the address in an element of Forwarded; empty if there is none."""
    for name, quoted, plain in _PAIRS.findall(element):
        if name.lower() == "for":
            return str(quoted or plain)
    return ""


@lru_cache(256)  # Each handshake asks for the same few.
def _parse(text: str) -> _Ip | None:
    node = _NODE.fullmatch(text)
    try:
        ip = ipaddress.ip_address(node[1] or node[2] or node[3]) if node else None
    except ValueError:
        return None
    mapped = getattr(ip, "ipv4_mapped", None)
    return mapped or ip


def _is_loopback(host: str) -> bool:
    ip = _parse(host.strip("[]"))
    return ip.is_loopback if ip else host.lower().rstrip(".") == "localhost"


def _network_name(ip: _Ip) -> str:
    return str(ip) if ip.version == 4 else _network_of(ip, 64)


def _networks_around(ip: _Ip) -> tuple[str, ...]:
    """Return the networks that a site and its provider usually have (RFC 6177)."""
    return () if ip.version == 4 else (_network_of(ip, 56), _network_of(ip, 48))


def _network_of(ip: _Ip, length: int) -> str:
    return str(ipaddress.ip_network((ip, length), strict=False))


def _forbidden(message: str) -> Response:
    return Response(HTTPStatus.FORBIDDEN, f"Refused: {message}.\n")
