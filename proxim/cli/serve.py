"""``proxim serve``: run a node until told to stop."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import trio

from proxim import __version__
from proxim.cli.terminal import program_name
from proxim.core.errors import InvalidSetting
from proxim.groups import leaves
from proxim.node import Node
from proxim.settings import DEFAULT_URL, SETTINGS, Setting, Settings, load


class _Grouped(click.Command):
    """A command whose help lists the settings by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        settings = {setting.name: setting.about.group for setting in SETTINGS}
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                group = settings.get(parameter.name or "", "Other")
                groups.setdefault(group, []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


def _option(setting: Setting) -> Callable[[Any], Any]:
    default = setting.default
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    hidden = default is None or setting.is_switch or setting.is_list
    about = setting.about.meaning + ("" if hidden else f"  [default: {shown}]")
    if setting.is_switch:
        negation = setting.flag.replace("--", "--no-", 1)
        return click.option(f"{setting.flag}/{negation}", setting.name, default=None, help=about)
    if setting.is_list:
        about += "  Can be given several times."
    return click.option(
        setting.flag,
        setting.name,
        metavar=setting.about.metavar,
        help=about,
        multiple=setting.is_list,
    )


def _with_settings(function: Callable[..., None]) -> Callable[..., None]:
    for setting in reversed(SETTINGS):
        function = _option(setting)(function)
    return function


@click.command("serve", cls=_Grouped)
@_with_settings
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="PROXIM_CONFIG",
    metavar="FILE",
    help="A TOML file with any of these settings, e.g. `qr_ttl = 120`.",
)
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
