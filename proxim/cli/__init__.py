"""The command line."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

import click

from proxim.cli import streams
from proxim.cli.group import Group, name_as_typed, program_name

_COMMANDS = {
    "serve": "Run a node.",
    "host": "Open a session on this computer and show its QR code.",
    "join": "Request pairing with a link.",
    "send": "Send files to another device.",
    "receive": "Take files from another device.",
    "sessions": "List and close the sessions of this computer.",
    "devices": "List, forget and rename the devices that this computer knows.",
    "nodes": "List the nodes in this network.",
    "cluster": "Show the status of the cluster.",
    "qr": "Draw a link as a QR code.",
    "status": "Show sessions, rates and latency of a node, live.",
    "health": "Check whether the node on this machine serves; for probes.",
    "doctor": "Check the environment of a node, and say how to fix it.",
    "config": "Show the settings, and the schema of a config file.",
    "conform": "Check a client that you wrote against the protocol.",
    "completion": "Print the completion script for a shell.",
}


class _Commands(Group):
    """A group that imports the module of a command only to run it, to start quickly."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        streams.prepare()
        name_as_typed(self)
        # Usage errors name the program as it was typed; the script of a shell has one name.
        options = {"prog_name": program_name(), "complete_var": "_PROXIM_COMPLETE", **options}
        return super().main(*arguments, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        # Imports make no garbage, and collecting takes a tenth of the start.
        gc.disable()
        try:
            command: click.Command = import_module(f"proxim.cli.{cmd_name}").command
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from proxim.cli.build import version_text

        click.echo(version_text())
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of Proxim, Python and Trio, and exit.",
)
def main() -> None:
    """Connect two devices for WebRTC, after a person approved it.

    Start a node with `proxim serve`. Then run `proxim host` in a second terminal.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    """
