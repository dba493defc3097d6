"""``proxim join``: request pairing with a link, wait for approval, and exchange lines."""

from __future__ import annotations

import platform

import click
import trio

from proxim.cli import program
from proxim.cli.terminal import Reporter, seconds
from proxim.client import Guest, open_guest


@click.command("join")
@click.argument("link")
@click.option(
    "--name",
    default=lambda: platform.node() or "a computer",
    metavar="NAME",
    help="The device name shown to the host.  [default: this computer's name]",
)
@click.option(
    "--device-id", metavar="ID", help="The device id shown to the host.  [default: random]"
)
@program.json_option
def command(link: str, name: str, device_id: str | None, as_json: bool) -> None:
    """Request pairing with LINK (in quotes, since it has a #), and wait for the approval.

    After approval, lines typed on one side arrive on the other.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    """
    program.check_text("--name", name, 64)
    if device_id is not None:
        program.check_text("--device-id", device_id, 128)

    async def action(reporter: Reporter) -> None:
        async with (
            open_guest(link, name=name, device_id=device_id) as guest,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(program.report_reachability, guest, reporter)
            await _wait_for_answer(guest, reporter)
            await program.talk(guest, reporter)
            nursery.cancel_scope.cancel()

    program.run(action, as_json=as_json)


async def _wait_for_answer(guest: Guest, reporter: Reporter) -> None:
    reporter.report(
        "pending",
        "The host is being asked."
        if guest.code is None
        else f"The host is being asked. It needs this number:\n\n    {guest.code}\n",
        code=guest.code,
        session_id=guest.session_id,
        expires_in=seconds(guest.expires_at - trio.current_time()),
    )
    await program.race(
        guest.approved, lambda: reporter.count_down(guest.expires_at, "Waiting for approval.")
    )
    reporter.report("result", "Approved.", status=guest.status)
