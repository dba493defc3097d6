"""``proxim host``: open a session, show its QR code, ask the person, and exchange lines."""

from __future__ import annotations

from pathlib import Path

import click

from proxim.cli import options, program
from proxim.cli.identity import Register, with_host
from proxim.cli.pairing import hosting, plain_option
from proxim.cli.talk import talk
from proxim.cli.terminal import Reporter
from proxim.cli.transfers import take_files_option, with_folder
from proxim.protocol.messages import SessionType


@click.command("host")
@with_host
@click.option(
    "--type",
    "session_type",
    type=click.Choice([each.value for each in SessionType]),
    default=SessionType.ONE_TIME.value,
    show_default=True,
    help="one_time ends at the first disconnect, persistent when closed, temporary after --ttl.",
)
@click.option(
    "--ttl",
    type=options.Seconds(0, min_open=True),
    metavar="SECONDS",
    help="How long a temporary session lives.",
)
@click.option("--yes", is_flag=True, help="Approve the first guest without asking. For scripts.")
@with_folder
@take_files_option
@plain_option
@program.json_option
def command(
    register: Register,
    session_type: str,
    ttl: float | None,
    yes: bool,
    save_to: Path,
    take_files: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Open a session on this computer, show its QR code, and ask before a guest connects.

    The guest shows a number of three digits. The person at this computer types it to approve.

    After approval, lines typed on one side arrive on the other. /send FILE offers a file, /cancel
    stops the files that are on their way, /close ends the session. A file that the other side
    offers is taken once you type y.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    After Ctrl-C, 0 if the guest was approved, otherwise 1.
    """
    if (session_type == SessionType.TEMPORARY) != (ttl is not None):
        raise click.UsageError("--ttl SECONDS goes with --type temporary, and only with it")

    async def action(reporter: Reporter) -> None:
        opened = hosting(
            register,
            reporter,
            yes=yes,
            plain=plain,
            session_type=SessionType(session_type),
            ttl=ttl,
        )
        async with opened as (session, _):
            await talk(session, reporter, folder=save_to, take_all=take_files)

    program.run(action, as_json=as_json)
