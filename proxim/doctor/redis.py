"""Whether Redis answers, where a cluster keeps its sessions."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import trio

from proxim.backends.redis.url import Place, parse_url, trust
from proxim.doctor.result import CheckResult, error, ok
from proxim.protocol.errors import InvalidSetting
from proxim.settings import Settings

TIMEOUT = 3.0
"""Seconds for the answer."""
_MOST = 4096


async def check(settings: Settings) -> AsyncIterator[CheckResult]:
    """One result, where there is a cluster."""
    if settings.cluster is None:
        return
    try:
        place, tls = parse_url(settings.cluster), trust(settings.cluster_ca)
    except InvalidSetting as problem:
        yield error("redis", str(problem), "correct cluster, or cluster_ca")
        return
    yield await _check(place, tls)


async def _check(place: Place, tls: ssl.SSLContext) -> CheckResult:
    # The URL may hold a password: no more of it is told than where it leads.
    where = f"{place.host}:{place.port}"
    began = trio.current_time()
    try:
        with trio.fail_after(TIMEOUT):
            said = await _ping(place, tls)
    except (trio.TooSlowError, OSError, trio.BrokenResourceError) as problem:
        why = "no answer" if isinstance(problem, trio.TooSlowError) else str(problem)
        remedy = "is it running, and does a firewall let this machine reach it?"
        return error("redis", f"{where}: {why}", remedy)
    if "+PONG" in said:
        return ok("redis", f"{where} answers, in {1000 * (trio.current_time() - began):.0f} ms")
    # What an error says behind its code may quote what was sent.
    code = said.lstrip("+-").split(" ")[0].strip() or "nothing"
    remedy = "correct the user and the password in its URL, and that user's rights in Redis"
    return error("redis", f"{where} says {code}", remedy)


async def _ping(place: Place, tls: ssl.SSLContext) -> str:
    stream: trio.abc.Stream = await trio.open_tcp_stream(place.host, place.port)
    if place.secure:
        stream = trio.SSLStream(stream, tls, server_hostname=place.host)
    async with stream:
        said = ""
        if place.password:
            user = [place.username] if place.username else []
            said = await _ask(stream, "AUTH", *user, place.password)
        return said if said.startswith("-") else await _ask(stream, "PING")


async def _ask(stream: trio.abc.Stream, *words: str) -> str:
    """Send a command (RESP arrays of bulk strings), and read the line that answers."""
    encoded = [word.encode() for word in words]
    await stream.send_all(
        b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)
    )
    data = b""
    while b"\n" not in data and len(data) < _MOST:
        more = bytes(await stream.receive_some(_MOST))
        if not more:
            break
        data += more
    return data.decode("utf-8", "replace")
