"""All checks, in the order in which somebody would mend things."""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxim.doctor import clock, descriptors, ice, ports, redis, tls
from proxim.doctor.result import CheckResult
from proxim.settings import Settings


async def run_checks(settings: Settings) -> AsyncIterator[CheckResult]:
    """Check what a node with these settings needs; each result as soon as it is made."""
    for result in (*ports.check(settings), *tls.check(settings), *descriptors.check(settings)):
        yield result
    yield clock.check()
    async for result in ice.check(settings):
        yield result
    async for result in redis.check(settings):
        yield result
