"""``proxim conform``: check a client that was written from the protocol page."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import click
import trio

from proxim.cli import program
from proxim.cli.terminal import printable
from proxim.conform import report
from proxim.conform.case import Case, Result, Role
from proxim.conform.client import Opener, by_command, by_url
from proxim.conform.run import CASES, PATIENCE, run
from proxim.settings.checks import http_parts


@click.command("conform")
@click.argument("role", type=click.Choice([each.value for each in Role]))
@click.argument("client", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
@click.option("--hook", metavar="URL", help="POST the instructions there instead of to a command.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Run the cases whose ids match.")
@click.option(
    "--jobs",
    default=4,
    show_default=True,
    type=click.IntRange(1, 64),
    metavar="N",
    help="Run so many cases at a time.",
)
@click.option(
    "--patience",
    default=PATIENCE,
    show_default=True,
    type=click.FloatRange(1, 600),
    metavar="SECONDS",
    help="Time for each step of the client, its start included.",
)
@click.option("--list", "as_list", is_flag=True, help="List the cases, and run none.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the results as JUnit XML, too.",
)
def command(
    role: str,
    client: tuple[str, ...],
    hook: str | None,
    only: tuple[str, ...],
    jobs: int,
    patience: float,
    as_list: bool,
    as_json: bool,
    junit: Path | None,
) -> None:
    """Check a client, a ROLE of guest or host, against the protocol.

    COMMAND is a small program around the client under test. It reads one JSON object per line, such
    as {"do": "pair", "link": …}, and prints what happens, such as {"told": "approved"}; the page
    “Write a client” lists all of them. It is started for each case, with a node that plays the case
    and sometimes misbehaves on purpose.

    Exit codes: 0 all required cases passed, 1 at least one failed, 2 usage.
    """
    chosen = _choose(CASES[Role(role)], only)
    if as_list:
        for case in chosen:
            click.echo(f"{case.id} ({case.needed}, {report.where(case)}): {case.summary}")
        return
    opener = _opener(client, hook)

    def show(result: Result) -> None:
        if not as_json:
            click.echo("\n".join(map(printable, report.line(result).split("\n"))))

    try:
        results = trio.run(
            # A hook is one client; a command is started for each case.
            partial(
                run,
                Role(role),
                chosen,
                opener,
                patience=patience,
                jobs=1 if hook else jobs,
                report=show,
            )
        )
    except OSError as error:
        raise click.UsageError(f"the command cannot be started: {printable(str(error))}") from None
    click.echo(report.as_json(Role(role), results) if as_json else report.summary(results))
    if junit is not None:
        junit.write_text(report.as_junit(Role(role), results), encoding="utf-8")
    conforms = report.is_conforming(results)
    raise click.exceptions.Exit(program.APPROVED if conforms else program.REFUSED)


def _choose(cases: Sequence[Case], patterns: Sequence[str]) -> list[Case]:
    chosen = [
        case
        for case in cases
        if not patterns or any(fnmatchcase(case.id, pattern) for pattern in patterns)
    ]
    if not chosen:
        raise click.UsageError(f"no case matches {', '.join(patterns)}; --list shows all of them")
    return chosen


def _opener(client: Sequence[str], hook: str | None) -> Opener:
    if bool(client) == (hook is not None):
        raise click.UsageError("give either a command after --, or --hook URL")
    if hook is None:
        return by_command(client)
    if http_parts(hook) is None:
        raise click.UsageError("--hook must be an http or https URL")
    return by_url(hook)
