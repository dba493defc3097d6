"""Whether the Redis of a cluster answers."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import trio

from proxim.backends.redis.url import Place, parse_url, trust
from proxim.doctor.result import CheckResult, error, ok
from proxim.exception_groups import leaves
from proxim.protocol.errors import InvalidSetting
from proxim.settings import Settings

if TYPE_CHECKING:
    from coredis import Redis

TIMEOUT = 3.0
"""Seconds for connecting and for the answer."""


async def check(settings: Settings) -> AsyncIterator[CheckResult]:
    """Yield one result if a cluster is configured."""
    if settings.cluster is None:
        return
    try:
        place, tls = parse_url(settings.cluster), trust(settings.cluster_ca)
    except InvalidSetting as problem:
        yield error("redis", str(problem), "correct cluster, or cluster_ca")
        return
    try:
        client = _client(place, tls)
    except ImportError:
        yield error("redis", "the library for it is not installed", "pip install 'proxim[cluster]'")
        return
    # The URL may hold a password: a result shows only host and port.
    yield await _ping(client, f"{place.host}:{place.port}")


def _client(place: Place, tls: ssl.SSLContext) -> Redis[bytes]:
    from coredis import Redis
    from coredis.retry import NoRetryPolicy

    # coredis logs each failure with a traceback, and raises it as well.
    logging.getLogger("coredis").setLevel(logging.CRITICAL)
    return Redis(
        place.host,
        place.port,
        place.db,
        username=place.username,
        password=place.password,
        ssl_context=tls if place.secure else None,
        max_connections=1,
        retry_policy=NoRetryPolicy(),
    )


async def _ping(client: Redis[bytes], address: str) -> CheckResult:
    from coredis.exceptions import RedisError, ResponseError

    began = trio.current_time()
    failure: BaseException | None = None
    with trio.move_on_after(TIMEOUT) as scope:
        try:
            async with client:
                await client.ping()
        except* RedisError as errors:
            failure = next(leaves(errors))
    if isinstance(failure, ResponseError):
        # Only the type: an error message of Redis may quote the password.
        found = f"{address} answers {type(failure).__name__}"
        remedy = (
            "correct the user and the password in its URL, the database behind them, "
            "and that user's rights in Redis"
        )
    elif scope.cancel_called or failure is not None:
        # When it is cancelled, coredis raises an error of its own.
        why = "no answer" if scope.cancel_called else _cause(failure)
        found = f"{address}: {why}"
        remedy = "is it running, and does a firewall let this machine reach it?"
    else:
        return ok("redis", f"{address} answers, in {1000 * (trio.current_time() - began):.0f} ms")
    return error("redis", found, remedy)


def _cause(failure: BaseException | None) -> str:
    """Return the text of the first cause, such as "Connection refused"."""
    while failure is not None and failure.__cause__ is not None:
        failure = failure.__cause__
    return str(failure) or type(failure).__name__
