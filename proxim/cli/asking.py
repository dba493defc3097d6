"""The guest's side of a pairing: ask the host, show the number, and wait."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import click
import trio

from proxim.cli import program
from proxim.cli.invitation import Waiting
from proxim.cli.own_page import node_of
from proxim.cli.paired import Paired, report_approval, report_notices, showing
from proxim.cli.terminal import Reporter, seconds, time_left
from proxim.client import Guest, open_guest
from proxim.protocol.errors import SessionOver
from proxim.protocol.messages import Reason

NOT_APPROVED = (
    "The other person declined, or typed another number. If that was a mistake, use the link that "
    "the other device shows now."
)


def guest_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a guest, as ``name`` and ``device_id``, checked."""

    def check(longest: int) -> Callable[..., str | None]:
        def callback(_: click.Context, option: click.Parameter, text: str | None) -> str | None:
            if text is not None:
                program.check_text(option.opts[0], text, longest)
            return text

        return callback

    function = click.option(
        "--device-id",
        metavar="ID",
        callback=check(128),
        help="The device id shown to the host of a link that is not sealed.  [default: random]",
    )(function)
    return click.option(
        "--name",
        default=lambda: platform.node() or "a computer",
        metavar="NAME",
        callback=check(64),
        help="The device name shown to the host.  [default: this computer's name]",
    )(function)


@asynccontextmanager
async def joining(
    link: str, reporter: Reporter, *, name: str, device_id: str | None, node: str | None
) -> AsyncIterator[Paired]:
    """Ask to pair with a link, and wait for the approval, which is reported.

    The link ``-`` stands for the first line of standard input. ``node`` is what ``--node`` says.
    Raises what ``node_of`` raises.
    """
    if link == "-":
        link = await reporter.line_for("Paste the link, and press Enter.")
    async with (
        open_guest(link, name=name, device_id=device_id, node_url=node_of(link, node)) as guest,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(program.report_reachability, guest, reporter)
        nursery.start_soon(report_notices, guest, reporter)
        await _wait_for_answer(guest, reporter)
        yield Paired(guest, guest)
        nursery.cancel_scope.cancel()


async def _wait_for_answer(guest: Guest, reporter: Reporter) -> None:
    await guest.wait_code()
    async with showing(reporter):
        reporter.present(
            "pending",
            Waiting(guest.code, time_left(guest.expires_at)),
            code=guest.code,
            sealed=guest.sealed,
            session_id=guest.session_id,
            expires_in=seconds(guest.expires_at - trio.current_time()),
        )
        try:
            await guest.approved()
        except SessionOver as over:
            if over.reason == Reason.REJECTED and not reporter.as_json:
                reporter.screen.dismiss()
                reporter.screen.say(NOT_APPROVED)
            raise
    report_approval(guest, reporter)
