"""``proxim nodes``: the nodes that announce themselves in this network."""

from __future__ import annotations

import click

from proxim import lan
from proxim.cli import options, program
from proxim.cli.tables import show_table
from proxim.cli.terminal import Reporter


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
        reporter.report_all("node_found", events, nothing, lambda: _show(found))

    program.run(action, as_json=as_json)


def _show(nodes: list[lan.Neighbour]) -> None:
    show_table(("Name", "Address", "Version"), [_row(node) for node in nodes])


def _row(node: lan.Neighbour) -> tuple[str, str, str]:
    hosts = [f"[{each}]" if ":" in each else each for each in node.addresses]
    return node.name, ", ".join(f"{host}:{node.port}" for host in hosts), node.version
