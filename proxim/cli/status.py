"""``proxim status``: show a node's metrics."""

from __future__ import annotations

import functools
import json
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext

import click
import trio
from rich.console import Console
from rich.live import Live

from proxim.cli import options, program
from proxim.cli.dashboard import draw, summary
from proxim.cli.fetch import fetch, metrics_url
from proxim.cli.scrape import Scrape
from proxim.cli.terminal import Reporter
from proxim.protocol.errors import ConnectionLost
from proxim.settings import DEFAULT_URL

MAX_SCRAPES = 240
"""Scrapes kept for the sparklines."""


@click.command("status")
@click.argument("url", default=DEFAULT_URL)
@click.option("--once", is_flag=True, help="Print one scrape, and exit.")
@click.option(
    "--every",
    type=options.Seconds(0.1, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two scrapes.",
)
@program.json_option
def command(url: str, once: bool, every: float, as_json: bool) -> None:
    """Show sessions, rates and latency of the node at URL. Ctrl-C ends it.

    A node serves its metrics only to its own machine, or at --metrics-listen.

    Exit codes: 0 shown, 2 usage, 3 node unreachable.
    """

    async def action(reporter: Reporter) -> None:
        where = metrics_url(url)
        scrapes = deque([await _scrape(where)], maxlen=MAX_SCRAPES)
        reporter.exit_code = program.APPROVED
        console = Console(highlight=False)
        live = Live(console=console, auto_refresh=False, screen=console.is_terminal)
        view: AbstractContextManager[object] = nullcontext() if once or as_json else live
        trouble = ""
        with view:
            while True:
                if as_json:
                    click.echo(json.dumps(summary(list(scrapes))))
                elif once:
                    console.print(draw(url, list(scrapes)))
                else:
                    live.update(draw(url, list(scrapes), trouble=trouble), refresh=True)
                if once:
                    return
                await trio.sleep(every)
                try:
                    scrapes.append(await _scrape(where))
                    trouble = ""
                except ConnectionLost as error:
                    if as_json:
                        raise
                    # The node may be restarting.
                    trouble = str(error)

    program.run(action, as_json=as_json)


async def _scrape(where: str) -> Scrape:
    began = time.monotonic()
    text = await trio.to_thread.run_sync(functools.partial(fetch, where), abandon_on_cancel=True)
    now = time.monotonic()
    try:
        return Scrape(text, at=now, duration=now - began)
    except ValueError as error:
        raise ConnectionLost(f"{where}: {error}") from None
