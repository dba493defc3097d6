"""``proxim host``: open a session, show its QR code, ask the person, and exchange lines."""

from __future__ import annotations

from typing import NoReturn

import click
import msgspec
import trio

from proxim import clock
from proxim.cli import options, program
from proxim.cli.identity import Register, with_host
from proxim.cli.terminal import Reporter, command_line, draw_qr, printable, seconds
from proxim.client import HostSession, Notice, Prompt
from proxim.client.host import CODE
from proxim.protocol.errors import (
    AlreadyDecided,
    ConnectionLost,
    InvalidLink,
    SessionOver,
    WrongCode,
)
from proxim.protocol.link import clean_link, parse_link
from proxim.protocol.messages import Confirm, SessionType, Status

SLACK = 1.0
"""Seconds for a prompt that is on its way when the link expires."""

ANYBODY = "The first device that opens this link is let in without a question (--yes)."
QUESTION = "Type the number that it shows, or press Enter to decline."

_NOTICES = {
    Notice.CONTESTED: "Another device has opened the same link. Only one can have scanned it here.",
    Notice.REPLACED: "The other device came back by another connection.",
}


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
@program.json_option
def command(
    register: Register, session_type: str, ttl: float | None, yes: bool, as_json: bool
) -> None:
    """Open a session on this computer, show its QR code, and ask before a guest connects.

    The guest shows a number of three digits; whoever approves it types that number here.

    After approval, lines typed on one side arrive on the other.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    """
    if (session_type == SessionType.TEMPORARY) != (ttl is not None):
        raise click.UsageError("--ttl SECONDS goes with --type temporary, and only with it")

    async def action(reporter: Reporter) -> None:
        async with register() as host, trio.open_nursery() as nursery:
            nursery.start_soon(program.report_reachability, host, reporter)
            confirm: Confirm = "none" if yes else "code"
            session = await host.create(SessionType(session_type), ttl=ttl, confirm=confirm)
            nursery.start_soon(_report_notices, session, reporter)
            await _serve_one_guest(session, reporter, yes=yes)
            nursery.cancel_scope.cancel()

    program.run(action, as_json=as_json)


async def _serve_one_guest(session: HostSession, reporter: Reporter, *, yes: bool) -> None:
    _show_link(session, reporter)
    prompt = await _wait_for_guest(session, reporter, has_person=not yes)
    reporter.report(
        "prompt",
        "\nA device asks to pair. It gives this name, which is not verified:\n"
        f"  {printable(prompt.device_info.name)} (id {printable(prompt.device_info.id)})",
        confirm=prompt.confirm,
        device_info=msgspec.to_builtins(prompt.device_info),
        expires_in=seconds(prompt.expires_at - trio.current_time()),
    )
    code = None if yes else await _ask_person(prompt, reporter)
    try:
        result = await (prompt.approve(code) if yes or code else prompt.decline())
    except AlreadyDecided:
        raise await session.ended() from None
    except WrongCode:
        reporter.report("result", "Wrong number. Declined.", status=Status.REJECTED)
        raise await session.ended() from None
    if result.status is not Status.APPROVED:
        reporter.report("result", "Declined.", status=result.status)
        raise await session.ended()
    reporter.report("result", "Approved.", status=result.status)
    await program.talk(session, reporter)


def _show_link(session: HostSession, reporter: Reporter) -> None:
    try:
        link = clean_link(session.link or "")
    except InvalidLink as error:
        raise ConnectionLost(f"the link that the node sent cannot be used: {error}") from None
    try:
        other = f"n another computer:\n  {command_line('join', str(parse_link(link)))}"
    except InvalidLink:
        # The node has its links lead to a page of its operator's (join_url).
        other = f"pen this link on the other device:\n  {link}"
    code = draw_qr(link)
    how = f"{code}\n\nScan this, or o" if code else "The QR code does not fit here. O"
    who = "" if session.confirm == "code" else f"{ANYBODY}\n"
    reporter.report(
        "session",
        f"{how}{other}\n{who}",
        session_id=session.session_id,
        session_type=session.info.session_type,
        link=link,
        pair_within=seconds(session.lapses_at - trio.current_time()),
    )


async def _wait_for_guest(session: HostSession, reporter: Reporter, *, has_person: bool) -> Prompt:
    """Wait for a guest; when the link expires, offer the person a new one."""
    while True:
        prompt: Prompt | None = await program.race(
            session.prompt,
            lambda: clock.sleep_until(session.lapses_at + clock.slept() + SLACK),
            lambda: reporter.count_down(session.lapses_at, "Waiting. The link expires in"),
        )
        if prompt is not None:
            return prompt
        if not has_person or not await _wants_new_link(session, reporter):
            await session.close()
            raise SessionOver("expired", "lapsed")
        await session.renew()
        _show_link(session, reporter)


async def _wants_new_link(session: HostSession, reporter: Reporter) -> bool:
    reporter.report("lapsed", "This link has expired. Press Enter for a new one.")
    reporter.keyboard.discard()
    line = await program.race(reporter.keyboard.line, lambda: _raise_at_end(session))
    return line is not None


async def _ask_person(prompt: Prompt, reporter: Reporter) -> str | None:
    """Return the number that the person types, or None if they decline."""
    # Lines typed before the question are not an answer.
    reporter.keyboard.discard()

    async def answer() -> str | None:
        while True:
            line = await reporter.keyboard.line()
            reporter.screen.keep()
            typed = "" if line is None else line.strip().lower()
            if typed in ("", "n", "no"):
                return None
            if CODE.fullmatch(typed):
                return typed
            reporter.report("code_required", "That is not a number of three digits.")

    return await program.race(
        answer,
        lambda: _raise_at_end(prompt.session),
        lambda: reporter.count_down(prompt.expires_at, QUESTION, with_answer=True),
    )


async def _report_notices(session: HostSession, reporter: Reporter) -> None:
    async for notice in session.notices():
        reporter.report(notice, _NOTICES[notice])


async def _raise_at_end(session: HostSession) -> NoReturn:
    raise await session.ended()
