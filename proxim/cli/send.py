"""``proxim send``: give files to another device, and end."""

from __future__ import annotations

from pathlib import Path

import click

from proxim.cli import program
from proxim.cli.asking import guest_options, joining
from proxim.cli.identity import Register, with_host
from proxim.cli.pairing import check_channel, hosting, plain_option
from proxim.cli.talk import Conversation
from proxim.cli.terminal import Reporter
from proxim.cli.transfers import downloads
from proxim.protocol.errors import ProximError

HINT = "/cancel stops the files, /close ends the session."


@click.command("send")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
)
@with_host
@guest_options
@click.option(
    "--to",
    "link",
    metavar="LINK",
    help="Send to the device that shows this link; - reads it from standard input.",
)
@click.option("--yes", is_flag=True, help="Approve the first guest without asking. For scripts.")
@plain_option
@program.json_option
def command(
    files: tuple[Path, ...],
    register: Register,
    name: str,
    device_id: str | None,
    link: str | None,
    yes: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Send each FILE to another device, which shows the code or opens the link, and end.

    On another computer, `proxim receive LINK` takes the files; a phone opens the link in its
    browser. A person there accepts each file. The files go straight from device to device, never
    through the server.

    Exit codes: 0 all files are stored there, 1 at least one is not, 2 usage, 3 node unreachable.
    They are the same after Ctrl-C.
    """

    async def action(reporter: Reporter) -> None:
        check_channel()
        opened = (
            hosting(register, reporter, yes=yes, plain=plain, answer=lambda link: ["receive", link])
            if link is None
            else joining(link, reporter, name=name, device_id=device_id, node=register.node)
        )
        async with opened as (session, _):
            talk = Conversation(session, reporter, folder=downloads(), hint=HINT)

            async def send_all() -> None:
                for path in files:
                    try:
                        channel = await talk.direct.wait_open()
                    except ProximError as error:
                        program.report_error(reporter, "The files were not sent", error)
                        break
                    await talk.transfers.send(channel, path)
                is_done = talk.transfers.sent == len(files)
                reporter.exit_code = program.APPROVED if is_done else program.REFUSED
                await talk.finish("done" if talk.direct.is_open else "failed")

            await talk.run(send_all)

    program.run(action, as_json=as_json)
