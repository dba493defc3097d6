"""Whether the Redis of a cluster answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from proxim.backends.redis.url import parse_url, trust
from proxim.doctor.result import CheckResult, ask, error
from proxim.exception_groups import leaves
from proxim.extras import how_to_install
from proxim.protocol.errors import InvalidSetting
from proxim.settings import Settings

if TYPE_CHECKING:
    from coredis import Redis

_REMEDY = "is Redis running, and does a firewall let this machine reach it?"


class _Refused(Exception):
    """Redis answers with an error; the text is its type."""


async def check(settings: Settings) -> AsyncIterator[CheckResult]:
    """Yield one result if a cluster is configured."""
    if settings.cluster is None:
        return
    try:
        address, tls = parse_url(settings.cluster), trust(settings.cluster_ca)
    except InvalidSetting as problem:
        yield error("redis", str(problem), "correct cluster, or cluster_ca")
        return
    try:
        from proxim.backends.redis.coordinator import make_client
    except ImportError:
        yield error("redis", "the library for Redis is not installed", how_to_install("cluster"))
        return
    client = make_client(address, tls if address.secure else None)
    # The URL may hold a password: a result shows only host and port.
    endpoint = f"{address.host}:{address.port}"
    try:
        yield await ask("redis", endpoint, _REMEDY, partial(_ping, client))
    except _Refused as refused:
        yield error(
            "redis",
            f"{endpoint} answers {refused}",
            "correct the user and the password in its URL, the database behind them, "
            "and that user's rights in Redis",
        )


async def _ping(client: Redis[bytes]) -> None:
    from coredis.exceptions import RedisError, ResponseError

    failure: BaseException | None = None
    try:
        async with client:
            await client.ping()
    except* RedisError as errors:
        failure = next(leaves(errors))
    if isinstance(failure, ResponseError):
        # Only the type: an error message of Redis may quote the password.
        raise _Refused(type(failure).__name__)
    # The first cause says more, such as "Connection refused".
    while failure is not None and failure.__cause__ is not None:
        failure = failure.__cause__
    if failure is not None:
        raise OSError(str(failure) or type(failure).__name__)
