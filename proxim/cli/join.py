"""``proxim join``: request pairing with a link, wait for approval, and exchange lines."""

from __future__ import annotations

from pathlib import Path

import click

from proxim.cli import program
from proxim.cli.asking import guest_options, joining, visiting
from proxim.cli.identity import grants_path
from proxim.cli.own_page import node_option
from proxim.cli.talk import talk
from proxim.cli.terminal import Reporter, command_line
from proxim.cli.transfers import take_files_option, with_folder


class _Link(click.types.StringParamType):
    """A link, which a missing argument says where to get."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """Return where a person gets a link."""
        return f"Get one from `{command_line('host')}` or the page on the other device."


@click.command("join")
@click.argument("link", type=_Link(), required=False)
@click.option(
    "--to",
    "host",
    metavar="NAME",
    help="Visit the host of this name that remembers this computer, without a link.",
)
@click.option(
    "--grants",
    type=click.Path(path_type=Path),
    envvar="PROXIM_GRANTS",
    metavar="FILE",
    help="File of the hosts that remember this computer.  [default: beside the identity]",
)
@node_option
@guest_options
@with_folder
@take_files_option
@program.json_option
def command(
    link: str | None,
    host: str | None,
    grants: Path | None,
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

    A host may remember this computer. Then `proxim join --to NAME` needs no link and no number.

    After approval, lines typed on one side arrive on the other. /send FILE offers a file, /cancel
    stops the files that are on their way, /close ends the session. A file that the other side
    offers is taken once you type y.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    After Ctrl-C, 0 if the host has approved, otherwise 1.
    """
    if (link is None) == (host is None):
        if link is None:
            raise click.MissingParameter(param=_parameter("link"), param_hint="'LINK'")
        raise click.UsageError("give a link, or --to NAME")
    path = grants or grants_path()

    async def action(reporter: Reporter) -> None:
        if link is None:
            opened = visiting(host or "", reporter, name=name, path=path)
        else:
            opened = joining(link, reporter, name=name, device_id=device_id, node=node, grants=path)
        async with opened as (guest, _):
            await talk(guest, reporter, folder=save_to, take_all=take_files)

    program.run(action, as_json=as_json)


def _parameter(name: str) -> click.Parameter:
    context = click.get_current_context()
    return next(each for each in context.command.params if each.name == name)
