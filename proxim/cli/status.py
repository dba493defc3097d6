"""``proxim status``: how a node is doing, from what it tells on ``/metrics``."""

from __future__ import annotations

import functools
import json
import time
from collections import deque

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

KEPT = 240
"""Scrapes that are kept for the curves."""


@click.command("status")
@click.argument("url", default=DEFAULT_URL)
@click.option("--once", is_flag=True, help="Print it once, and do not wait for more.")
@click.option(
    "--every",
    type=options.Seconds(0.1, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@program.json_option
def command(url: str, once: bool, every: float, as_json: bool) -> None:
    """Show how the node at URL is doing: sessions, rates, latency. Ctrl-C ends it.

    A node shows this to its own machine alone; one with --metrics-listen shows it there.

    Exit codes: 0 seen, 2 usage, 3 node unreachable.
    """

    async def action(reporter: Reporter) -> None:
        where = metrics_url(url)
        scrapes: deque[Scrape] = deque(maxlen=KEPT)
        scrapes.append(await _look(where))
        reporter.exit_code = program.APPROVED
        if as_json:
            await _print_lines(where, scrapes, once=once, every=every)
        elif once:
            Console(highlight=False).print(draw(url, list(scrapes)))
        else:
            await _show(url, where, scrapes, every)

    program.run(action, as_json=as_json)


async def _look(where: str) -> Scrape:
    began = time.monotonic()
    text = await trio.to_thread.run_sync(functools.partial(fetch, where), abandon_on_cancel=True)
    now = time.monotonic()
    try:
        return Scrape(text, at=now, duration=now - began)
    except ValueError as error:
        raise ConnectionLost(f"{where}: {error}") from None


async def _print_lines(where: str, scrapes: deque[Scrape], *, once: bool, every: float) -> None:
    while True:
        click.echo(json.dumps(summary(list(scrapes))))
        if once:
            return
        await trio.sleep(every)
        scrapes.append(await _look(where))


async def _show(url: str, where: str, scrapes: deque[Scrape], every: float) -> None:
    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        trouble = ""
        while True:
            live.update(draw(url, list(scrapes), trouble=trouble), refresh=True)
            await trio.sleep(every)
            try:
                scrapes.append(await _look(where))
                trouble = ""
            except ConnectionLost as error:
                # A node that is started anew comes back.
                trouble = str(error)
