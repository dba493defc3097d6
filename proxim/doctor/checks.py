"""All checks, in the order in which an operator would fix problems."""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxim.doctor import access, clock, descriptors, ice, ports, redis, tls
from proxim.doctor.result import CheckResult
from proxim.settings import Settings


async def run_checks(settings: Settings) -> AsyncIterator[CheckResult]:
    """Run all checks for a node with these settings; yield each result as soon as it is known."""
    for result in (*ports.check(settings), *tls.check(settings), *descriptors.check(settings)):
        yield result
    yield clock.check()
    for result in access.check(settings):
        yield result
    async for result in ice.check(settings):
        yield result
    async for result in redis.check(settings):
        yield result
