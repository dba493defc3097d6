"""``proxim doctor``: what a node needs, checked."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import click
import msgspec

from proxim.cli import options, program
from proxim.cli.terminal import Reporter, printable
from proxim.doctor import CheckResult, Level, run_checks
from proxim.protocol.errors import InvalidSetting
from proxim.settings import load

_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.ERROR: ("✗", "red")}


@click.command("doctor", cls=options.Grouped)
@options.with_settings
@program.json_option
def command(config: Path | None, as_json: bool, **flags: object) -> None:
    """Check what a node with these settings needs, and say what to do about each trouble.

    It takes the options, the environment and the config file that `proxim serve` takes: settings,
    ports, certificate, descriptors, clock, STUN and TURN servers, Redis.

    Exit codes: 0 nothing is wrong, 1 something is, 2 usage.
    """

    async def action(reporter: Reporter) -> None:
        seen: Counter[Level] = Counter()
        for result in _check_settings(flags, config):
            seen[result.level] += 1
            _report(reporter, result)
        if not seen[Level.ERROR]:
            async for result in run_checks(load(flags, os.environ, config)):
                seen[result.level] += 1
                _report(reporter, result)
        _conclude(reporter, seen)

    program.run(action, as_json=as_json)


def _check_settings(flags: dict[str, object], config: Path | None) -> list[CheckResult]:
    try:
        load(flags, os.environ, config)
    except InvalidSetting as problem:
        return [CheckResult("settings", Level.ERROR, str(problem), "correct it there")]
    return [
        CheckResult("settings", Level.OK, "can be used" if config is None else f"{config} is good")
    ]


def _report(reporter: Reporter, result: CheckResult) -> None:
    mark, colour = _MARKS[result.level]
    lines = [f"{click.style(mark, colour)} {result.check}: {printable(result.found)}"]
    if result.remedy:
        lines.append(f"  → {printable(result.remedy)}")
    reporter.report("finding", "\n".join(lines), **msgspec.to_builtins(result))


def _conclude(reporter: Reporter, seen: Counter[Level]) -> None:
    errors, warnings = seen[Level.ERROR], seen[Level.WARNING]
    reporter.exit_code = 1 if errors else 0
    text = f"{errors} wrong, {warnings} to look at." if errors or warnings else "All is well."
    reporter.report("done", f"\n{text}", errors=errors, warnings=warnings)
