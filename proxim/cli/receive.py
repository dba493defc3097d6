"""``proxim receive``: take files from another device, and end."""

from __future__ import annotations

from pathlib import Path

import click

from proxim.cli import program
from proxim.cli.asking import guest_options, joining
from proxim.cli.identity import Register, with_host
from proxim.cli.pairing import check_channel, hosting, plain_option
from proxim.cli.talk import Conversation
from proxim.cli.terminal import Reporter
from proxim.cli.transfers import with_folder

HINT = "Press Enter once you have all files; the other side can end it, too."


@click.command("receive")
@click.argument("link", required=False)
@with_host
@guest_options
@with_folder
@click.option("--yes", is_flag=True, help="Take every file without asking.")
@click.option("--once", is_flag=True, help="End after the first file.")
@plain_option
@program.json_option
def command(
    link: str | None,
    register: Register,
    name: str,
    device_id: str | None,
    save_to: Path,
    yes: bool,
    once: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Take files from the device that shows LINK (in quotes, since it has a #).

    With - in place of LINK, the link is read from the first line of standard input. It is then
    neither in the list of processes nor in the history of the shell.

    Without LINK, show a code here: a phone that scans it can send files from its browser, another
    computer with `proxim send --to LINK FILE`.

    The command asks before it takes a file, and never overwrites a file. The command ends when the
    other side ends the session, as `proxim send` does after its files, when you press Enter, or,
    with --once, after the first file.

    Exit codes: 0 files were stored, and none failed; 1 otherwise; 2 usage; 3 node unreachable.
    They are the same after Ctrl-C, which stops a file that is on its way.
    """

    async def action(reporter: Reporter) -> None:
        check_channel()
        opened = (
            hosting(
                register,
                reporter,
                yes=False,
                plain=plain,
                answer=lambda link: ["send", "--to", link, "FILE"],
            )
            if link is None
            else joining(link, reporter, name=name, device_id=device_id, node=register.node)
        )
        async with opened as (session, node):
            talk = Conversation(
                session, reporter, folder=save_to, take_all=yes, hint=HINT, done_by_enter=True
            )
            talk.leave_without(node)
            transfers = talk.transfers

            async def end_after_first() -> None:
                await transfers.wait_stored()
                await talk.finish("done")

            try:
                await talk.run(end_after_first if once else None)
            finally:  # Also if Ctrl-C ends it.
                is_done = transfers.stored and not transfers.failed
                reporter.exit_code = program.APPROVED if is_done else program.REFUSED

    program.run(action, as_json=as_json)
