"""The command line."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

import click

from proxim.cli import streams

_COMMANDS = {
    "serve": "Run a node.",
    "host": "Open a session on this computer and show its QR code.",
    "join": "Ask to pair, by a link.",
    "sessions": "List and close the sessions of this computer.",
    "nodes": "List the nodes of this network.",
    "cluster": "Show how the nodes of a cluster stand.",
    "qr": "Draw a link as a QR code.",
    "status": "Show how a node is doing, live.",
    "health": "Say whether the node of this machine serves; for probes.",
    "doctor": "Check what a node needs, and say what to do about it.",
    "config": "Show the settings, and what a config file may hold.",
    "completion": "Print what makes a shell complete commands.",
}


class _Commands(click.Group):
    """Imports a command's module only when it is wanted: each needs other libraries."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        streams.mend()
        return super().main(*arguments, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        # Nothing that is imported is garbage; to look for some takes a tenth of the start.
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
        from proxim.cli.build import facts

        click.echo(facts())
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and what it runs on, and exit.",
)
def main() -> None:
    """Bring two devices together for WebRTC, and only if a person says yes.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    """
