"""``proxim cluster``: the status of the nodes that share their sessions."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table

from proxim.backends.redis.records import CoordinatorLost
from proxim.backends.redis.status import NodeStatus, survey
from proxim.cli import program
from proxim.cli.group import Group
from proxim.cli.tables import fits, open_console
from proxim.cli.terminal import cell, seconds
from proxim.exception_groups import ungrouped
from proxim.extras import missing
from proxim.protocol.errors import InvalidSetting
from proxim.settings import Settings, advice_on_secrets, load_with_sources

SILENT = 2.0
"""Seconds without a heartbeat after which a node is shown as silent. There are two a second."""


@click.group("cluster", cls=Group)
def command() -> None:
    """Look at a cluster of nodes."""


@command.command("status")
@click.option("--cluster", metavar="URL", help="The Redis that the nodes share.")
@click.option("--cluster-ca", metavar="FILE", help="CA certificate for a Redis with TLS: PEM.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="PROXIM_CONFIG",
    metavar="FILE",
    help="The TOML file of the nodes, which has these settings.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array, with an object for each node."
)
def status(config: Path | None, as_json: bool, **flags: object) -> None:
    """Show the nodes of the cluster: their sessions, leases and lag.

    A silent node is shown until its lease expires.

    Exit codes: 0 shown, 2 usage, 3 Redis does not answer.
    """
    try:
        settings, sources = load_with_sources(flags, os.environ, config)
        for each in advice_on_secrets(settings, sources, config):
            click.echo(f"Warning: {each.found}: {each.remedy}", err=True)
        found = trio.run(_status, settings)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    except CoordinatorLost as error:
        click.echo(str(error), err=True)
        raise SystemExit(program.UNREACHABLE) from None
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif found:
        _show(found)
    else:
        click.echo("The cluster has no nodes.")


async def _status(settings: Settings) -> list[NodeStatus]:
    try:
        from proxim.backends.redis.coordinator import Coordinator, parse_url
    except ImportError:
        raise missing("cluster", "cluster") from None
    if settings.cluster is None:
        raise InvalidSetting("cluster is not set: give --cluster, or set PROXIM_CLUSTER")
    address = parse_url(settings.cluster)
    found: list[NodeStatus] = []
    with ungrouped(CoordinatorLost):
        async with Coordinator(address, ca=settings.cluster_ca).opened() as coordinator:
            found = await survey(coordinator)
    return found


def _show(found: list[NodeStatus]) -> None:
    console, table = open_console(), _table(found)
    if fits(table, console):
        console.print(table)
        return
    # In lines, for a terminal that is too narrow for the table.
    for each in found:
        values = zip(_COLUMNS, _values(each), strict=True)
        text = ", ".join(f"{name.lower()} {value}" for name, value in values)
        _print(console, f"{each.at or each.node}: {_state(each)}")
        _print(console, f"  {each.url}  {each.version}")
        _print(console, f"  {text}", style="dim")


def _print(console: Console, line: str, style: str | None = None) -> None:
    console.print(cell(line), overflow="fold", style=style)


def _table(found: list[NodeStatus]) -> Table:
    table = Table("Node", "At", "Address", "Version", *_COLUMNS, "State", box=None)
    for each in found:
        texts = (each.node, each.at, each.url, each.version, *_values(each), _state(each))
        table.add_row(*map(cell, texts))
    return table


_COLUMNS = ("Sessions", "Lease", "Lag", "Waiting")


def _values(each: NodeStatus) -> tuple[str, str, str, str]:
    lease, lag = f"{seconds(each.lease_left):.1f} s", f"{seconds(each.lag) * 1000:.0f} ms"
    return str(each.sessions), lease, lag, str(each.waiting)


def _state(each: NodeStatus) -> str:
    if each.silent > SILENT:
        return f"silent for {seconds(each.silent):.0f} s"
    return "leaving" if each.draining else "in service"
