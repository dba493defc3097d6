"""Checks of the environment: ports, TLS, file descriptors, clock, STUN and TURN, Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxim.doctor import access, ice, machine, ports, redis, tls
from proxim.doctor.result import CheckResult, Level
from proxim.settings import Settings

__all__ = ["CheckResult", "Level", "run_checks"]


async def run_checks(settings: Settings) -> AsyncIterator[CheckResult]:
    """Run all checks for a node with these settings; yield each result as soon as it is known.

    They are in the order in which an operator would fix problems.
    """
    at_once = (*ports.check(settings), *tls.check(settings), *machine.check_descriptors(settings))
    for result in (*at_once, machine.check_clock(), *access.check(settings)):
        yield result
    for check in (ice.check, redis.check):
        async for result in check(settings):
            yield result
