"""A provider of ICE servers, asked by HTTP in advance, so that no session waits for it."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import msgspec
import trio
from msgspec import Struct

from proxim.clock import now, sleep_until
from proxim.ice.http_client import HttpError, post_json
from proxim.ice.options import IceOptions
from proxim.ice.urls import parse
from proxim.protocol.messages import IceServer
from proxim.session.ice import IceGrant
from proxim.version import __version__

log = logging.getLogger(__name__)

MAX_SERVERS = 32
"""A response with more is refused: a browser would try them all."""

MIN_PAUSE = 1.0
FIRST_RETRY, MAX_RETRY = 2.0, 60.0
"""Seconds between two requests: the minimum, and after failures."""


class UnusableResponse(Exception):
    """The response of a provider cannot be used; the text says why."""


class Provider:
    """Asks a provider periodically, and keeps its servers until they expire.

    All peers get the same servers until the next request.
    """

    def __init__(self, options: IceOptions) -> None:
        assert options.ice_provider is not None
        self._url = options.ice_provider
        self._options = options
        # Servers handed out just before the next request should last for the full TTL, too.
        self._wanted_ttl = options.turn_ttl + options.ice_provider_cache
        self._servers: list[IceServer] = []
        self._expires_at = 0.0
        self._failing = False

    def grant(self, lifetime: float) -> IceGrant:
        """Return the latest servers unless they expired, for at most ``lifetime`` seconds."""
        left = self._expires_at - now()
        if not self._servers or left <= 0:
            return IceGrant([], lifetime)
        return IceGrant(list(self._servers), min(lifetime, left, self._options.turn_ttl))

    async def run(self) -> None:
        """Ask periodically until cancelled. A failure is logged once."""
        retry = FIRST_RETRY
        while True:
            try:
                pause = await self._renew()
                retry = FIRST_RETRY
            except (HttpError, UnusableResponse, trio.TooSlowError) as error:
                self._log_failure(error)
                pause, retry = retry, min(retry * 2, MAX_RETRY)
            await sleep_until(now() + pause)

    async def _renew(self) -> float:
        """Send a request, and return the seconds until the next one."""
        asked_at = now()
        body = msgspec.json.encode({"ttl": int(self._wanted_ttl)})
        with trio.fail_after(self._options.ice_provider_timeout):
            response = await post_json(
                self._url,
                body,
                agent=f"proxim/{__version__}",
                token=self._options.ice_provider_token,
            )
        self._servers, ttl = parse_response(response, self._wanted_ttl)
        self._expires_at = asked_at + ttl
        if self._failing:
            log.info("the ICE provider %s answers again", self._host)
            self._failing = False
        return max(min(self._options.ice_provider_cache, ttl / 2), MIN_PAUSE)

    def _log_failure(self, error: Exception) -> None:
        # Once per outage, not for each attempt.
        if not self._failing:
            why = str(error) or f"no answer in {self._options.ice_provider_timeout:g} s"
            log.warning(
                "the ICE provider %s failed: %s; sessions continue without it", self._host, why
            )
        self._failing = True

    @property
    def _host(self) -> str | None:
        """The host name; the rest of the URL may contain keys and is not logged."""
        return urlsplit(self._url).hostname


class _Server(Struct):
    """An ICE server, as providers describe it."""

    urls: str | list[str]
    username: str | None = None
    credential: str | None = None


class _Response(Struct):
    """The response of a provider."""

    ice_servers: list[_Server] | _Server
    ttl: float | None = None


def parse_response(response: bytes, ttl: float) -> IceGrant:
    """Return the ICE servers of a response ``{"iceServers": …, "ttl"?: …}``, valid for ``ttl``.

    A ttl in the response is used instead. Providers also use ``ice_servers``, and one
    server without a list. Raises ``UnusableResponse``.
    """
    try:
        decoded = msgspec.json.decode(response)
        if isinstance(decoded, dict) and "iceServers" in decoded:
            decoded["ice_servers"] = decoded.pop("iceServers")
        # Not strict: some providers write numbers as strings.
        parsed = msgspec.convert(decoded, _Response, strict=False)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise UnusableResponse('its response is not {"iceServers": [...]}') from None
    found = parsed.ice_servers
    servers = found if isinstance(found, list) else [found]
    if not servers or len(servers) > MAX_SERVERS:
        raise UnusableResponse(f"it lists {len(servers)} servers, not 1 to {MAX_SERVERS}")
    if parsed.ttl is not None:
        ttl = parsed.ttl
    if not 0 < ttl < float("inf"):
        raise UnusableResponse("its ttl is not a number of seconds above 0")
    return IceGrant([_checked(server) for server in servers], ttl)


def _checked(server: _Server) -> IceServer:
    urls = [server.urls] if isinstance(server.urls, str) else server.urls
    for url in urls:
        address = parse(url)
        if address is None:
            raise UnusableResponse("it lists a URL that is neither STUN nor TURN")
        if address.kind == "turn" and not (server.username and server.credential):
            raise UnusableResponse("it lists a TURN server without username and credential")
    if not urls:
        raise UnusableResponse("it lists a server without a URL")
    return IceServer(urls, server.username, server.credential)
