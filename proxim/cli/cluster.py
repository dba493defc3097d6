"""``proxim cluster``: how the nodes stand that share their sessions."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table

from proxim.cli import program
from proxim.cluster.hub import HubLost
from proxim.cluster.status import NodeStatus, survey
from proxim.core.errors import InvalidSetting
from proxim.settings import load

WIDE = 200
"""Columns of the table where it is not a terminal that shows it."""


@click.group("cluster")
def command() -> None:
    """Look at a cluster of nodes."""


@command.command("status")
@click.option("--cluster", metavar="URL", help="The Redis that the nodes share.")
@click.option("--cluster-ca", metavar="FILE", help="Who vouches for it, if it has TLS: PEM.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="PROXIM_CONFIG",
    metavar="FILE",
    help="The nodes' own TOML file, to read these from.",
)
@program.json_option
def status(cluster: str | None, cluster_ca: str | None, config: Path | None, as_json: bool) -> None:
    """Show the nodes that live: their sessions, their leases, and how far they lag.

    Exit code 3 when Redis does not answer.
    """
    try:
        flags: dict[str, object] = {"cluster": cluster, "cluster_ca": cluster_ca}
        found = trio.run(_survey, flags, config)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    except HubLost as error:
        click.echo(str(error), err=True)
        raise SystemExit(program.UNREACHABLE) from None
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _show(found)


async def _survey(flags: dict[str, object], config: Path | None) -> list[NodeStatus]:
    from proxim.cluster.redis import connect, parse_url

    settings = load({name: value for name, value in flags.items() if value}, os.environ, config)
    if settings.cluster is None:
        raise InvalidSetting("cluster: which one? Give --cluster, or PROXIM_CLUSTER")
    found: list[NodeStatus] = []
    lost: HubLost | None = None
    async with connect(parse_url(settings.cluster), ca=settings.cluster_ca) as hub:
        try:
            found = await survey(hub)
        except HubLost as error:
            lost = error
    if lost is not None:
        raise lost
    return found


def _show(found: list[NodeStatus]) -> None:
    if not found:
        click.echo("No node is in this cluster.")
        return
    table = Table("Node", "Address", "Version", "Sessions", "Lease", "Lag", "Waiting", box=None)
    for each in found:
        table.add_row(
            each.node,
            each.url + (" (leaving)" if each.draining else ""),
            each.version,
            str(each.sessions),
            f"{each.lease_left:.1f} s",
            f"{each.lag * 1000:.0f} ms",
            str(each.waiting),
        )
    console = Console()
    if not console.is_terminal:
        # Whatever reads this wants whole addresses, not eighty columns.
        console.width = WIDE
    console.print(table)
