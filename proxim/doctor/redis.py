"""Whether Redis answers, where a cluster keeps its sessions."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from urllib.parse import SplitResult, unquote, urlsplit

import trio

from proxim.doctor.finding import Finding, error, ok
from proxim.settings import Settings

PATIENCE = 3.0
"""Seconds for the answer."""
_MOST = 4096


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """One finding, where there is a cluster."""
    url = getattr(settings, "cluster", None) or getattr(settings, "redis", None)
    if isinstance(url, str) and url.startswith(("redis://", "rediss://")):
        yield await _check(urlsplit(url))


async def _check(parts: SplitResult) -> Finding:
    # The URL may hold a password: no more of it is told than where it leads.
    where = f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}"
    began = trio.current_time()
    try:
        with trio.fail_after(PATIENCE):
            said = await _ping(parts)
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


async def _ping(parts: SplitResult) -> str:
    host, port = parts.hostname or "localhost", parts.port or 6379
    stream: trio.abc.Stream = await trio.open_tcp_stream(host, port)
    if parts.scheme == "rediss":
        context = ssl.create_default_context()
        stream = trio.SSLStream(stream, context, server_hostname=host)
    async with stream:
        said = ""
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            said = await _ask(stream, "AUTH", *user, unquote(parts.password))
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
