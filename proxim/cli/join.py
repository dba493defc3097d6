"""``proxim join``: request pairing with a link, wait for approval, and exchange lines."""

from __future__ import annotations

from pathlib import Path

import click

from proxim.cli import program
from proxim.cli.asking import guest_options, joining
from proxim.cli.own_page import node_option
from proxim.cli.talk import talk
from proxim.cli.terminal import Reporter
from proxim.cli.transfers import take_files_option, with_folder


class _Link(click.types.StringParamType):
    """A link, which a missing argument says where to get."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """Return where a person gets a link."""
        return "Get one from `proxim host` or the page on the other device."


@click.command("join")
@click.argument("link", type=_Link())
@node_option
@guest_options
@with_folder
@take_files_option
@program.json_option
def command(
    link: str,
    node: str | None,
    name: str,
    device_id: str | None,
    save_to: Path,
    take_files: bool,
    as_json: bool,
) -> None:
    """Request pairing with LINK (in quotes, since it has a #), and wait for the approval.

    With - in place of LINK, the link is read from the first line of standard input. It is then
    neither in the list of processes nor in the history of the shell.

    After approval, lines typed on one side arrive on the other. /send FILE offers a file, /cancel
    stops the files that are on their way, /close ends the session. A file that the other side
    offers is taken once you type y.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    After Ctrl-C, 0 if the host has approved, otherwise 1.
    """

    async def action(reporter: Reporter) -> None:
        opened = joining(link, reporter, name=name, device_id=device_id, node=node)
        async with opened as (guest, _):
            await talk(guest, reporter, folder=save_to, take_all=take_files)

    program.run(action, as_json=as_json)
