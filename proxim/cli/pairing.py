"""Pair with another device: show a link and ask the person, or ask the host and wait."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, NoReturn

import click
import msgspec
import trio

from proxim import clock
from proxim.cli import program
from proxim.cli.identity import Register
from proxim.cli.terminal import Reporter, command_line, draw_qr, printable, seconds
from proxim.client import Guest, Host, HostSession, Notice, Prompt, open_guest
from proxim.client.host_session import CODE
from proxim.client.peering import not_installed
from proxim.client.session import ClientSession
from proxim.protocol.errors import (
    AlreadyDecided,
    ConnectionLost,
    InvalidLink,
    SealUnavailable,
    SessionOver,
    WrongCode,
)
from proxim.protocol.fields import Confirm
from proxim.protocol.link import clean_link
from proxim.protocol.messages import SessionType, Status
from proxim.sealing.link import parse_any_link

SLACK = 1.0
"""Seconds for a prompt that is on its way when the link expires."""

ANYBODY = "The first device that opens this link is let in without a question (--yes)."
QUESTION = "Type the number that it shows, or press Enter to decline."

Answer = Callable[[str], str]
"""Returns the command with which another computer answers a link."""


class Paired(NamedTuple):
    """A session that is approved, and what connects it to its node."""

    session: ClientSession
    client: Host | Guest


_NOTICES = {
    Notice.CONTESTED: "Another device has opened the same link. Only one can have scanned it here.",
    Notice.REPLACED: "The other device came back by another connection.",
    Notice.TAMPERED: "The server, or somebody between, has changed a message. It was dropped.",
    Notice.LATE: "A message came twice or too late. It was dropped.",
    Notice.BEFORE: "A message from before a reload was dropped.",
    Notice.MISSED: "Messages of the other device are missing.",
    Notice.UNOPENED: "A device asked that does not have this link. It was rejected.",
    Notice.KEYS_ELSEWHERE: "A device asks, but another program has the keys to answer it.",
}

_APPROVED = {
    True: "Approved. Sealed: the server cannot read what you exchange.",
    False: "Approved. Not sealed: the server can read what goes through it.",
}

plain_option = click.option(
    "--plain",
    is_flag=True,
    help="Do not seal: the server can then read names and signals. For old nodes and devices.",
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
    link: str, reporter: Reporter, *, name: str, device_id: str | None
) -> AsyncIterator[Paired]:
    """Ask to pair with a link, and wait for the approval, which is reported."""
    async with (
        open_guest(link, name=name, device_id=device_id) as guest,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(program.report_reachability, guest, reporter)
        nursery.start_soon(_report_notices, guest, reporter)
        await _wait_for_answer(guest, reporter)
        yield Paired(guest, guest)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def hosting(
    register: Register,
    reporter: Reporter,
    *,
    yes: bool,
    plain: bool,
    session_type: SessionType = SessionType.ONE_TIME,
    ttl: float | None = None,
    answer: Answer | None = None,
) -> AsyncIterator[Paired]:
    """Open a session, show its link, and approve the guest that the person wants.

    ``yes`` approves the first one, ``plain`` does not seal the session. ``answer`` returns the
    command for another computer, else it is ``join``.

    Raises ``SessionOver`` if no guest is approved.
    """
    async with register() as host, trio.open_nursery() as nursery:
        nursery.start_soon(program.report_reachability, host, reporter)
        confirm: Confirm = "none" if yes else "code"
        try:
            session = await host.create(session_type, ttl=ttl, confirm=confirm, sealed=not plain)
        except SealUnavailable as error:
            raise SealUnavailable(f"{error}; --plain opens a session that it can read") from None
        nursery.start_soon(_report_notices, session, reporter)
        answer = answer or partial(command_line, "join")
        await _approve_guest(session, reporter, answer, yes=yes)
        yield Paired(session, host)
        nursery.cancel_scope.cancel()


def check_channel() -> None:
    """Raise ``NotSupported`` if the library for channels is missing."""
    if importlib.util.find_spec("aiortc") is None:
        raise not_installed()


async def _approve_guest(
    session: HostSession, reporter: Reporter, answer: Answer, *, yes: bool
) -> None:
    show = partial(_show_link, session, reporter, answer, f"{ANYBODY}\n" if yes else "")
    show()
    prompt = await _wait_for_guest(session, reporter, show, has_person=not yes)
    reporter.report(
        "prompt",
        "\nA device asks to pair. It gives this name, which is not verified:\n"
        f"  {printable(prompt.device_info.name)} (id {printable(prompt.device_info.id)})",
        confirm="none" if yes else prompt.confirm,
        device_info=msgspec.to_builtins(prompt.device_info),
        expires_in=seconds(prompt.expires_at - trio.current_time()),
    )
    code = None if yes else await _ask_person(prompt, reporter)
    try:
        if yes:
            result = await prompt.approve_unchecked()
        else:
            result = await (prompt.approve(code) if code else prompt.decline())
    except AlreadyDecided:
        raise await session.ended() from None
    except WrongCode:
        reporter.report("result", "Wrong number. Declined.", status=Status.REJECTED)
        raise await session.ended() from None
    if result.status is not Status.APPROVED:
        reporter.report("result", "Declined.", status=result.status)
        raise await session.ended()
    _report_approval(session, reporter)


def _report_approval(session: ClientSession, reporter: Reporter) -> None:
    text = _APPROVED[session.sealed]
    reporter.report("result", text, status=session.status, sealed=session.sealed)


def _show_link(session: HostSession, reporter: Reporter, answer: Answer, who: str) -> None:
    try:
        link = clean_link(session.link or "")
    except InvalidLink as error:
        raise ConnectionLost(f"the link that the node sent cannot be used: {error}") from None
    try:
        other = f"n another computer:\n  {answer(str(parse_any_link(link)))}"
    except InvalidLink:
        # The node has its links lead to a page of its operator's (join_url).
        other = f"pen this link on the other device:\n  {link}"
    code = draw_qr(link)
    how = f"{code}\n\nScan this, or o" if code else "The QR code does not fit here. O"
    reporter.report(
        "session",
        f"{how}{other}\n{who}",
        session_id=session.session_id,
        session_type=session.info.session_type,
        link=link,
        sealed=session.sealed,
        pair_within=seconds(session.lapses_at - trio.current_time()),
    )


async def _wait_for_guest(
    session: HostSession, reporter: Reporter, show: Callable[[], None], *, has_person: bool
) -> Prompt:
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
        show()


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


async def _report_notices(session: ClientSession, reporter: Reporter) -> None:
    async for notice in session.notices():
        reporter.report(notice, _NOTICES[notice])


async def _raise_at_end(session: HostSession) -> NoReturn:
    raise await session.ended()


async def _wait_for_answer(guest: Guest, reporter: Reporter) -> None:
    await guest.wait_code()
    reporter.report(
        "pending",
        "The host is being asked."
        if guest.code is None
        else f"The host is being asked. It needs this number:\n\n    {guest.code}\n",
        code=guest.code,
        sealed=guest.sealed,
        session_id=guest.session_id,
        expires_in=seconds(guest.expires_at - trio.current_time()),
    )
    await program.race(
        guest.approved, lambda: reporter.count_down(guest.expires_at, "Waiting for approval.")
    )
    _report_approval(guest, reporter)
