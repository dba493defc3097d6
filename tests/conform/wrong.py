"""Runs clients that are wrong on purpose, all at once: most of their time is spent waiting."""

import trio

from proxim.conform.run import CASES, run

PATIENCE = 60


async def failures_of(client, role, ids):
    """Return what a right client fails of these cases, and why."""
    cases = [case for case in CASES[role] if case.id in ids]
    opener = lambda patience: client().opened(patience)  # noqa: E731
    results = await run(role, cases, opener, patience=PATIENCE, jobs=len(cases))
    return [f"{each.case.id}: {each.why}" for each in results if each.outcome != "passed"]


async def mistaken(client, role, table):
    """Return the faults of a table that do not fail the case for the reason that stands there.

    The table has faults, the id of the case that finds each, and a part of what that says.
    """
    cases = {case.id: case for case in CASES[role]}
    wrong = []

    async def fail(fault, id, why):
        opener = lambda patience: client([fault]).opened(patience)  # noqa: E731
        (result,) = await run(role, [cases[id]], opener, patience=5)
        if result.outcome != "failed" or why not in result.why:
            wrong.append(f"{fault}, {id}: {result.outcome}, {result.why!r}")

    async with trio.open_nursery() as nursery:
        for row in table:
            nursery.start_soon(fail, *row)
    return wrong
