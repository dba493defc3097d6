"""Who may come in, and where they come from: Origin, Host, and what a proxy tells.

A browser lets any page open a WebSocket to anywhere, also to a node on this machine or in this
network. What tells such pages apart is the origin that the browser sends; and a name that leads
here by a trick (DNS rebinding) is none by which this node is called.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from proxim.net.http import Request, Response

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::(\d{1,5}))?")
_PAIR = r'\s*([\w!#$%&\'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]+))\s*'
_PAIRS = re.compile(_PAIR, re.ASCII)
_NOTE = re.compile(rf"{_PAIR}(?:;{_PAIR})*", re.ASCII)
"""What one proxy notes in Forwarded (RFC 7239, 4); a bare IPv6 address is let pass, too."""
_NODE = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9A-Fa-f:.]+)")
"""An address as proxies write it: with a port, perhaps, and IPv6 in brackets (RFC 7239, 6)."""

_OF_PROXIES = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")
"""Headers by which a proxy says that it is one."""

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_Origin = tuple[str, str, int | None]


class Rules(NamedTuple):
    """What an operator allows beyond the node's own."""

    origins: Iterable[str] = ()
    hosts: Iterable[str] = ()
    proxies: Iterable[str] = ()
    limit_loopback: bool = False


class Access:
    """The rules of one node, which is reached at ``url``; ``scheme`` is what it speaks itself.

    ``name_of`` gives an address the name under which it is counted.
    """

    def __init__(
        self, url: str, scheme: str, rules: Rules, name_of: Callable[[str], str] = str
    ) -> None:
        self._name_of = name_of
        self._scheme = scheme
        self._origins = {_origin(each) for each in (url, *rules.origins)}
        names = (urlsplit(url).hostname or "", "localhost", *rules.hosts)
        self._hosts = {name.lower().rstrip(".") for name in names}
        self._proxies = [ipaddress.ip_network(each, strict=False) for each in rules.proxies]
        self._limit_loopback = rules.limit_loopback

    def refuse(self, request: Request) -> Response | None:
        """Why this request may not become a WebSocket, or None if it may."""
        host = _HOST.fullmatch(request.header(b"host").decode("latin-1"))
        if host is None or not self._is_ours(host[1].lower().rstrip(".")):
            return _forbidden("this node is not called that; allow_host tells it other names")
        origin = request.header(b"origin").decode("latin-1")
        if origin and _origin(origin) not in self._origins | {self._same(host)}:
            return _forbidden("pages of this origin may not connect; allow_origin lets them")
        return None

    def is_proxy(self, peer: str | None) -> bool:
        """Whether another address stands behind this one."""
        return bool(self._proxies) and self._is_trusted(_parse(peer or ""))

    def is_local(self, peer: str | None, request: Request) -> bool:
        """Whether this comes from this machine itself, and not by way of a proxy on it.

        A page of another site that makes its name lead here is told by that name, in ``Host``.
        """
        ip = _parse(peer or "")
        host = _HOST.fullmatch(request.header(b"host").decode("latin-1"))
        return (
            ip is not None
            and ip.is_loopback
            and not self._is_trusted(ip)
            and host is not None
            and _is_loopback(host[1])
            and not any(request.header(name) for name in _OF_PROXIES)
        )

    def address(self, peer: str | None) -> str | None:
        """The name under which the limits by address count a peer; None where they do not.

        One for each IPv4 address and each /64 of IPv6. Loopback is counted only where told.
        """
        ip = _parse(peer or "")
        if ip is None or (ip.is_loopback and not self._limit_loopback):
            return None
        return self._name_of(_bucket(ip))

    def address_behind(self, peer: str | None, request: Request) -> str | None:
        """As ``address``, of who stands behind the proxies: the right-most that is none itself.

        Where a proxy tells nothing of use, it is counted itself.
        """
        if not (request.header(b"x-forwarded-for") or request.header(b"forwarded")):
            return self.address(peer)
        last = _parse(peer or "")
        for hop in _hops(request):
            ip = _parse(hop)
            if ip is None:
                break
            last = ip
            if not self._is_trusted(ip):
                return self.address(str(ip))
        return None if last is None else self._name_of(_bucket(last))

    def _is_ours(self, host: str) -> bool:
        return host in self._hosts or _parse(host.strip("[]")) is not None

    def _same(self, host: re.Match[str]) -> _Origin:
        port = int(host[2]) if host[2] else _PORTS[self._scheme]
        return self._scheme, host[1].lower().strip("[]"), port

    def _is_trusted(self, ip: _Ip | None) -> bool:
        return ip is not None and any(ip in network for network in self._proxies)


def _origin(text: str) -> _Origin | None:
    """Scheme, host and port of an origin or a URL; None of what is neither (RFC 6454, 4)."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _hops(request: Request) -> Iterator[str]:
    """The addresses that proxies have noted, the nearest first; what is none is handed on, too.

    Where both headers are there one of them may be the client's own, and X-Forwarded-For is what
    nearly all proxies write: it counts.
    """
    told = request.header(b"x-forwarded-for").decode("latin-1")
    if told:
        return (text.strip() for text in reversed(told.split(",")))
    return (_noted(note) for note in _notes(request.header(b"forwarded").decode("latin-1")))


def _notes(text: str) -> Iterator[str]:
    """What each proxy has noted in Forwarded, the nearest first; at last what makes no sense.

    A comma may stand within quotes, and what is on the left may be a client's forgery with a quote
    that never ends; so this goes by the shortest ending that is whole.
    """
    end = start = len(text)
    while end > 0:
        start = text.rfind(",", 0, start)
        if _NOTE.fullmatch(text, start + 1, end):
            yield text[start + 1 : end]
            end = start
        elif start < 0:
            yield ""
            return


def _noted(note: str) -> str:
    """The address in one note; empty where there is none."""
    for name, quoted, plain in _PAIRS.findall(note):
        if name.lower() == "for":
            return str(quoted or plain)
    return ""


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


def _bucket(ip: _Ip) -> str:
    if ip.version == 4:
        return str(ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def _forbidden(message: str) -> Response:
    return Response(HTTPStatus.FORBIDDEN, f"Refused: {message}.\n")
