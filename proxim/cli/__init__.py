"""The command line."""

from __future__ import annotations

from importlib import import_module

import click

from proxim import __version__

_COMMANDS = {
    "serve": "Run a node.",
    "host": "Open a session on this computer and show its QR code.",
    "join": "Ask to pair, by a link.",
    "sessions": "List and close the sessions of this computer.",
    "qr": "Draw a link as a QR code.",
}


class _Commands(click.Group):
    """Imports a command's module only when it is wanted: each needs other libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"proxim.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="proxim")
def main() -> None:
    """Bring two devices together for WebRTC, and only if a person says yes.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    """
