"""Runs cases, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import trio

from proxim.conform import guest, host, sealed_guest, sealed_host
from proxim.conform.case import Case, CaseEnded, Nonconforming, NotSupported, Result, Role
from proxim.conform.client import Client, Opener
from proxim.conform.node import open_node
from proxim.conform.sealed_stage import SealedStage
from proxim.conform.stage import Stage
from proxim.exception_groups import ungrouped

PATIENCE = 15.0
"""Seconds that a client has for each step, its start included."""

CASES = {
    Role.GUEST: guest.cases.all + sealed_guest.cases.all,
    Role.HOST: host.cases.all + sealed_host.cases.all,
}


async def run(
    role: Role,
    cases: Sequence[Case],
    opener: Opener,
    *,
    patience: float = PATIENCE,
    jobs: int = 1,
    report: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Return the results in the order of the cases; ``report`` gets each as soon as it is there.

    The client has ``patience`` seconds for each step; ``jobs`` cases run at a time. Raises
    ``OSError`` if the client cannot be started.
    """
    results: dict[str, Result] = {}
    limiter = trio.CapacityLimiter(jobs)

    async def run_one(case: Case) -> None:
        async with limiter:
            started = time.monotonic()
            outcome, why = await _outcome(role, case, opener, patience)
        results[case.id] = Result(case, outcome, why, time.monotonic() - started)
        report(results[case.id])

    with ungrouped(OSError):
        async with trio.open_nursery() as nursery:
            for case in cases:
                nursery.start_soon(run_one, case)
    return [results[case.id] for case in cases]


async def _outcome(role: Role, case: Case, opener: Opener, patience: float) -> tuple[str, str]:
    try:
        with ungrouped(CaseEnded):
            async with open_node(patience) as node, opener(patience) as client:
                stage = SealedStage if "seal" in case.features else Stage
                await _play(case, stage(role, node, client), client)
    except NotSupported as error:
        if not case.may_be_skipped:
            return "failed", "the client does not support this, but it is required"
        return "skipped", str(error) or "the client does not support this"
    except Nonconforming as error:
        return "failed", str(error)
    return "passed", ""


async def _play(case: Case, stage: Stage, client: Client) -> None:
    """Run the script, until its end or until the client says that it cannot do what it should."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.lacks)
        await case.script(stage)
        nursery.cancel_scope.cancel()
