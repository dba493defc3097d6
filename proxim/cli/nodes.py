"""``proxim nodes``: the nodes that announce themselves in this network."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from proxim import lan
from proxim.cli import options, program
from proxim.cli.terminal import Reporter, cell


@click.command("nodes")
@click.option(
    "--wait",
    type=options.Seconds(0.1, 60),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to listen.",
)
@program.json_option
def command(wait: float, as_json: bool) -> None:
    """List the nodes in this network that were started with --announce.

    The names are not verified.
    """

    async def action(reporter: Reporter) -> None:
        try:
            found = await lan.find(wait)
        except OSError as error:
            raise click.ClickException(f"cannot listen on the network: {error}") from None
        events = [node._asdict() for node in found]
        nothing = "No node announces itself in this network."
        reporter.report_all("node_found", events, nothing, lambda: _table(found))

    program.run(action, as_json=as_json)


def _table(nodes: list[lan.Neighbour]) -> Table:
    table = Table("Name", "Address", "Version")
    for node in nodes:
        hosts = [f"[{each}]" if ":" in each else each for each in node.addresses]
        addresses = Text("\n").join(cell(f"{host}:{node.port}") for host in hosts)
        table.add_row(cell(node.name), addresses, cell(node.version))
    return table
