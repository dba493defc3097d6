"""A provider of ICE servers: asked by HTTP beforehand, so that no session ever waits for it."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import msgspec
import trio
from msgspec import Struct

from proxim.ice.http_client import HttpError, post_json
from proxim.ice.options import IceOptions
from proxim.ice.urls import parse
from proxim.protocol.messages import IceServer
from proxim.session.ice import IceGrant
from proxim.version import __version__

log = logging.getLogger(__name__)

MAX_SERVERS = 32
"""More are taken for a mistake: they would all be tried by a browser."""

MIN_PAUSE = 1.0
FIRST_RETRY, MAX_RETRY = 2.0, 60.0
"""Seconds after which a provider is asked again: at the earliest, and when it has failed."""


class UnusableResponse(Exception):
    """What a provider has answered cannot be used; the text says why."""


class ProvidedServers(Struct, frozen=True):
    """What a provider has given; ``ttl`` in seconds, None if it has not said."""

    servers: list[IceServer]
    ttl: float | None


class Provider:
    """Asks a provider by and by, and keeps what it gives until that lapses.

    All peers are given the same until the provider is asked again.
    """

    def __init__(self, options: IceOptions) -> None:
        assert options.ice_provider is not None
        self._url = options.ice_provider
        self._token = options.ice_provider_token
        self._timeout = options.ice_provider_timeout
        self._cache = options.ice_provider_cache
        # What is handed out last, just before it is renewed, is to serve as long as any other.
        self._wanted_ttl = options.turn_ttl + options.ice_provider_cache
        self._turn_ttl = options.turn_ttl
        self._servers: list[IceServer] = []
        self._expires_at = 0.0
        self._failing = False

    def grant(self, lifetime: float) -> IceGrant:
        """What was given last and has not lapsed, for at most ``lifetime`` seconds; maybe none."""
        left = self._expires_at - trio.current_time()
        if not self._servers or left <= 0:
            return IceGrant([], lifetime)
        return IceGrant(list(self._servers), min(lifetime, left, self._turn_ttl))

    async def run(self) -> None:
        """Ask again and again, until cancelled. A provider that fails is told of in the log."""
        retry = FIRST_RETRY
        while True:
            try:
                pause = await self._renew()
                retry = FIRST_RETRY
            except (HttpError, UnusableResponse, trio.TooSlowError) as error:
                self._note_failure(error)
                pause, retry = retry, min(retry * 2, MAX_RETRY)
            await trio.sleep(pause)

    async def _renew(self) -> float:
        """Ask once; for how many seconds what came can be kept."""
        asked_at = trio.current_time()
        body = msgspec.json.encode({"ttl": int(self._wanted_ttl)})
        with trio.fail_after(self._timeout):
            answer = await post_json(
                self._url, body, agent=f"proxim/{__version__}", token=self._token
            )
        given = parse_response(answer)
        ttl = self._wanted_ttl if given.ttl is None else given.ttl
        self._servers, self._expires_at = given.servers, asked_at + ttl
        if self._failing:
            log.info("the ICE provider %s answers again", self._host)
            self._failing = False
        return max(min(self._cache, ttl / 2), MIN_PAUSE)

    def _note_failure(self, error: Exception) -> None:
        # Once for each time that it is down, not for each try.
        if not self._failing:
            why = f"no answer in {self._timeout:g} s" if _is_slow(error) else str(error)
            log.warning(
                "the ICE provider %s gives nothing: %s; sessions go on without it", self._host, why
            )
        self._failing = True

    @property
    def _host(self) -> str | None:
        """All of its address that a log may tell: the rest can hold keys."""
        return urlsplit(self._url).hostname


def _is_slow(error: Exception) -> bool:
    return isinstance(error, trio.TooSlowError)


class _Server(Struct):
    urls: str | list[str]
    username: str | None = None
    credential: str | None = None


class _Response(Struct):
    ice_servers: list[_Server] | _Server
    ttl: float | None = None


def parse_response(answer: bytes) -> ProvidedServers:
    """The ICE servers of an answer: ``{"iceServers": …, "ttl"?: …}``; ``ice_servers`` will do.

    One server may stand there without a list around it. Raises ``UnusableResponse``.
    """
    try:
        found = msgspec.json.decode(answer)
        if isinstance(found, dict) and "iceServers" in found:
            found["ice_servers"] = found.pop("iceServers")
        # Not strict: some providers write their numbers as texts.
        read = msgspec.convert(found, _Response, strict=False)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise UnusableResponse('it answers something else than {"iceServers": [...]}') from None
    given = read.ice_servers if isinstance(read.ice_servers, list) else [read.ice_servers]
    if not given or len(given) > MAX_SERVERS:
        raise UnusableResponse(f"it gives {len(given)} servers, and 1 to {MAX_SERVERS} can be used")
    if read.ttl is not None and not 0 < read.ttl < float("inf"):
        raise UnusableResponse("its ttl is no number of seconds above 0")
    return ProvidedServers([_checked(server) for server in given], read.ttl)


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
