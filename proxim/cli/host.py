"""``proxim host``: open a session, show its QR code, ask the person, and exchange lines."""

from __future__ import annotations

from pathlib import Path

import click
import trio

from proxim.cli import options, program
from proxim.cli.identity import Register, with_host
from proxim.cli.known import Wish, alone, busy, hosting_known, next_known
from proxim.cli.paired import report_approval, showing
from proxim.cli.pairing import inviting, plain_option
from proxim.cli.quiet import QuietVisits
from proxim.cli.talk import talk
from proxim.cli.terminal import Reporter
from proxim.cli.transfers import take_files_option, with_folder
from proxim.protocol.errors import InvalidSetting
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
@click.option(
    "--remember",
    metavar="NAME",
    help="Remember the device that is approved under this name, so that it needs no number again.",
)
@click.option(
    "--remember-days",
    "days",
    type=click.FloatRange(0, 3650, min_open=True),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="How long a device is remembered, at most as long as the node allows.",
)
@click.option(
    "--always",
    is_flag=True,
    help="Let a device that is remembered now come in without a question later.",
)
@click.option(
    "--known-only", is_flag=True, help="Show no code: wait for the devices that are known."
)
@with_folder
@take_files_option
@plain_option
@program.json_option
def command(
    register: Register,
    session_type: str,
    ttl: float | None,
    yes: bool,
    remember: str | None,
    days: float,
    always: bool,
    known_only: bool,
    save_to: Path,
    take_files: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Open a session on this computer, show its QR code, and ask before a guest connects.

    The guest shows a number of three digits. The person at this computer types it to approve. R has
    the device remembered: it comes again by `proxim join --to`, or from its page, without a number.
    `proxim devices` lists and forgets the devices that this computer knows.

    After approval, lines typed on one side arrive on the other. /send FILE offers a file, /cancel
    stops the files that are on their way, /close ends the session. A file that the other side
    offers is taken once you type y.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    After Ctrl-C, 0 if the guest was approved, otherwise 1.
    """
    if (session_type == SessionType.TEMPORARY) != (ttl is not None):
        raise click.UsageError("--ttl SECONDS goes with --type temporary, and only with it")

    if remember is not None:
        program.check_text("--remember", remember, 64)
        if yes or plain:
            raise click.UsageError("--remember needs the number of a sealed session")

    async def wait(reporter: Reporter) -> None:
        async with hosting_known(register, reporter) as (host, has_known):
            if not has_known:
                raise InvalidSetting(busy())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(program.report_reachability, host, reporter)
                quiet = QuietVisits(host, reporter)
                while True:
                    async with showing(reporter):
                        visit = await next_known(host, reporter, quiet)
                    report_approval(visit, reporter)
                    async with alone(host, reporter):
                        await talk(visit, reporter, folder=save_to, take_all=take_files)

    async def action(reporter: Reporter) -> None:
        opened = inviting(
            register,
            reporter,
            yes=yes,
            plain=plain,
            session_type=SessionType(session_type),
            ttl=ttl,
            wish=None if yes or plain else Wish(remember, days, always),
        )
        async with opened as (_, admitting):
            session = None
            while session is None or session.over is None:
                async with admitting(session) as session:
                    await talk(session, reporter, folder=save_to, take_all=take_files)

    program.run(wait if known_only else action, as_json=as_json)
