"""``proxim doctor``: check the environment of a node."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import click
import msgspec

from proxim.cli import options, program
from proxim.cli.group import as_typed
from proxim.cli.terminal import Reporter, printable
from proxim.cli.words import wrap
from proxim.doctor import CheckResult, Level, run_checks
from proxim.protocol.errors import InvalidSetting
from proxim.settings import advice_on_secrets, load_with_sources

_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.ERROR: ("✗", "red")}
_ARROW = "  → "


@click.command("doctor", cls=options.Grouped)
@options.with_settings
@program.json_option
def command(config: Path | None, as_json: bool, **flags: object) -> None:
    """Check the environment of a node with these settings, and say how to fix each problem.

    The checks are of settings, ports, certificate, file descriptors, clock, STUN and TURN servers,
    and Redis. The command takes the options, the environment and the config file of `proxim serve`.

    Exit codes: 0 no errors, 1 errors, 2 usage.
    """

    async def action(reporter: Reporter) -> None:
        seen: Counter[Level] = Counter()
        async for result in _run_checks(flags, config):
            seen[result.level] += 1
            _report(reporter, result)
        errors, warnings = seen[Level.ERROR], seen[Level.WARNING]
        reporter.exit_code = 1 if errors else 0
        text = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}."
        reporter.report("done", f"\n{text}", errors=errors, warnings=warnings)

    program.run(action, as_json=as_json)


async def _run_checks(flags: dict[str, object], config: Path | None) -> AsyncIterator[CheckResult]:
    try:
        settings, sources = load_with_sources(flags, os.environ, config)
    except InvalidSetting as problem:
        yield CheckResult("settings", Level.ERROR, str(problem), "correct it there")
        return
    yield CheckResult("settings", Level.OK, "valid" if config is None else f"{config} is valid")
    for each in advice_on_secrets(settings, sources, config):
        yield CheckResult(each.setting, Level.WARNING, each.found, each.remedy)
    async for result in run_checks(settings):
        yield result


def _report(reporter: Reporter, result: CheckResult) -> None:
    mark, colour = _MARKS[result.level]
    lines = [f"{click.style(mark, colour)} {result.check}: {printable(result.found)}"]
    if result.remedy:
        lines += _remedy(as_typed(printable(result.remedy)), reporter)
    reporter.report("finding", "\n".join(lines), **msgspec.to_builtins(result))


def _remedy(text: str, reporter: Reporter) -> list[str]:
    """Return the lines of a remedy, below a finding."""
    columns = shutil.get_terminal_size().columns - len(_ARROW)
    first, *rest = wrap(text, columns) if reporter.screen.is_terminal else [text]
    return [f"{_ARROW}{first}", *(f"{' ' * len(_ARROW)}{line}" for line in rest)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
