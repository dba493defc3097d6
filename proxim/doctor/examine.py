"""All checks, in the order in which somebody would mend things."""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxim.doctor import clock, descriptors, ice, ports, redis, tls
from proxim.doctor.finding import Finding
from proxim.settings import Settings


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Check what a node with these settings needs; each finding as soon as it is made."""
    for finding in (*ports.check(settings), *tls.check(settings), *descriptors.check(settings)):
        yield finding
    yield clock.check()
    async for finding in ice.check(settings):
        yield finding
    async for finding in redis.check(settings):
        yield finding
