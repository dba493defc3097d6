"""``proxim serve``: run a node until told to stop."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from pathlib import Path

import click
import trio

from proxim import __version__
from proxim.cli import options
from proxim.cli.terminal import program_name
from proxim.core.errors import InvalidSetting
from proxim.groups import leaves
from proxim.node import Node
from proxim.settings import DEFAULT_URL, Settings, load


@click.command("serve", cls=options.Grouped)
@options.with_settings
def command(config: Path | None, **flags: object) -> None:
    """Run a node until Ctrl-C or SIGTERM.

    Each option can also be set in the environment (--qr-ttl as PROXIM_QR_TTL) and in a TOML file
    (as qr_ttl). An option wins over the environment, the environment over the file.
    """
    try:
        settings = load(flags, os.environ, config)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    try:
        logging.basicConfig(format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
        logging.getLogger("proxim").setLevel(settings.log_level.upper())
        trio.run(_serve, settings)
    except* InvalidSetting as errors:
        raise click.UsageError(str(next(leaves(errors)))) from None
    except* OSError as errors:
        raise click.ClickException(
            f"cannot listen on port {settings.port}: {next(leaves(errors))}; "
            "another --port may be free, and --port 0 finds one"
        ) from None


async def _serve(settings: Settings) -> None:
    node = Node(settings)
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            await nursery.start(_run_and_cancel, node, nursery.cancel_scope)
            _tune_garbage_collector()
            _greet(node)
            async for _ in signals:
                if node.draining:
                    # Whoever asks twice does not want to wait for good-byes.
                    os._exit(1)
                node.stop()


async def _run_and_cancel(
    node: Node, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    await node.run(task_status=task_status)
    scope.cancel()


def _tune_garbage_collector() -> None:
    """Look for cycles rarely: what a node keeps lives long, and most of it dies by reference.

    Only here, where the process is the node's own; `bench/sessions.py` shows what it is worth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)


def _greet(node: Node) -> None:
    where = "" if node.url == DEFAULT_URL else f" --node {node.url}"
    click.echo(f"Proxim {__version__} is at {node.url}")
    click.echo(f"Next, in a second terminal:  {program_name()} host{where}")
    click.echo("Stop it with Ctrl-C.")
    sys.stdout.flush()
