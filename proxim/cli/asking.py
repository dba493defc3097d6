"""The guest's side of a pairing: ask the host, show the number, and wait."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import trio

from proxim.cli import program
from proxim.cli.invitation import Waiting
from proxim.cli.own_page import node_of
from proxim.cli.paired import Paired, report_approval, report_notices, showing
from proxim.cli.terminal import Reporter, command_line, quoted, seconds, time_left
from proxim.client import Guest, open_guest, open_visit
from proxim.protocol.errors import InvalidSetting, SessionOver
from proxim.protocol.link import clean_link
from proxim.protocol.messages import Reason
from proxim.sealing.link import is_sealed

if TYPE_CHECKING:
    from proxim.devices.store import GrantFile

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
    link: str,
    reporter: Reporter,
    *,
    name: str,
    device_id: str | None,
    node: str | None,
    grants: Path | None = None,
) -> AsyncIterator[Paired]:
    """Ask to pair with a link, and wait for the approval, which is reported.

    The link ``-`` stands for the first line of standard input. ``node`` is what ``--node`` says. A
    host that remembers this device is written to the file ``grants``. Raises what ``node_of``
    raises.
    """
    if link == "-":
        link = await reporter.line_for("Paste the link, and press Enter.")
    node_url = node_of(link, node)
    store = None if grants is None or not is_sealed(clean_link(link)) else _store(grants)
    opened = open_guest(link, name=name, device_id=device_id, node_url=node_url, grants=store)
    async with _running(opened, reporter) as paired:
        yield paired


@asynccontextmanager
async def visiting(
    host: str, reporter: Reporter, *, name: str, path: Path
) -> AsyncIterator[Paired]:
    """Visit the host that remembers this device under a name; the grants are in a file.

    Raises ``InvalidSetting`` if no host of that name does.
    """
    grants = _store(path)
    known = grants.load()
    found = [grant for grant in known if grant.name == host]
    if not found:
        names = ", ".join(sorted({quoted(grant.name) for grant in known})) or "none"
        raise InvalidSetting(f"no host called {quoted(host)} remembers this device, but: {names}")
    opened = open_visit(found[-1], name=name, grants=grants)
    async with _running(opened, reporter) as paired:
        yield paired


@asynccontextmanager
async def _running(
    opened: AbstractAsyncContextManager[Guest], reporter: Reporter
) -> AsyncIterator[Paired]:
    async with opened as guest, trio.open_nursery() as nursery:
        nursery.start_soon(program.report_reachability, guest, reporter)
        nursery.start_soon(report_notices, guest, reporter)
        before = guest.grant
        await _wait_for_answer(guest, reporter, has_number=before is None)
        if guest.grant is not None and before is None:
            command = command_line("join", "--to", guest.grant.name)
            text = f"{quoted(guest.grant.name)} remembers this device. Next time: {command}"
            reporter.report("remembered", text, host=guest.grant.name, end=guest.grant.end)
        yield Paired(guest, guest)
        nursery.cancel_scope.cancel()


def _store(path: Path) -> GrantFile:
    from proxim.devices.store import GrantFile

    return GrantFile(path)


async def _wait_for_answer(guest: Guest, reporter: Reporter, *, has_number: bool) -> None:
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
            if over.reason == Reason.REJECTED and has_number and not reporter.as_json:
                reporter.screen.dismiss()
                reporter.screen.say(NOT_APPROVED)
            raise
    report_approval(guest, reporter)
