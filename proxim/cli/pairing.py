"""Pair with another device: show a link and ask the person, or ask the host and wait."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import NamedTuple, NoReturn, TypeVar

import click
import msgspec
import trio

from proxim import clock
from proxim.cli import program
from proxim.cli.approval import NumberQuestion, ask_number, wants_new_link
from proxim.cli.identity import Register
from proxim.cli.invitation import Invitation, Waiting, Way, press_keys
from proxim.cli.own_page import command_for, node_of
from proxim.cli.terminal import Reporter, seconds, time_left
from proxim.client import Guest, Host, HostSession, Notice, Prompt, open_guest
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
from proxim.protocol.link import clean_link, is_loopback
from proxim.protocol.messages import Reason, SessionType, Status

T = TypeVar("T")

SLACK = 1.0
"""Seconds for a prompt that is on its way when the link expires."""

ANYBODY = "The first device that opens this link is let in without a question (--yes)."
ONLY_HERE = "Only this computer can open the link. To let phones in, start the node with --lan."
NOT_APPROVED = (
    "The other person declined, or typed another number. If that was a mistake, use the link that "
    "the other device shows now."
)
WRONG_NUMBER = "That was another number, so the device was declined."

Answer = Callable[[str], list[str]]
"""Returns the arguments of the command that answers a link."""

Command = Callable[[str], tuple[str, bool]]
"""Returns that command, and whether the link leads to a page of an application."""


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

_SEALED = {
    True: "Sealed: the server cannot read what you exchange.",
    False: "Not sealed: the server can read what goes through it.",
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
    arguments of the command that answers the link, else it is ``join``.

    Raises ``SessionOver`` if no guest is approved.
    """
    async with register() as host, trio.open_nursery() as nursery:
        nursery.start_soon(program.report_reachability, host, reporter)
        confirm: Confirm = "none" if yes else "code"
        command = partial(
            command_for, node=register.node, answer=answer or (lambda link: ["join", link])
        )
        about = [ANYBODY] if yes else []

        async def create() -> HostSession:
            try:
                session = await host.create(
                    session_type, ttl=ttl, confirm=confirm, sealed=not plain
                )
            except SealUnavailable as error:
                raise SealUnavailable(
                    f"{error}; --plain opens a session that it can read"
                ) from None
            nursery.start_soon(_report_notices, session, reporter)
            return session

        async with _showing(reporter):
            session = await create()
            while not await _approve_guest(session, reporter, command, about, yes=yes):
                about = [WRONG_NUMBER]
                session = await create()
        _report_approval(session, reporter)
        yield Paired(session, host)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _showing(reporter: Reporter) -> AsyncIterator[None]:
    """Keep the view current that the block presents, read single keys, and remove it at the end."""
    with reporter.keyboard.by_key() if reporter.has_keys else nullcontext():
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(reporter.keep_current)
                yield
                nursery.cancel_scope.cancel()
        finally:
            reporter.screen.dismiss()


def check_channel() -> None:
    """Raise ``NotSupported`` if the library for channels is missing."""
    if importlib.util.find_spec("aiortc") is None:
        raise not_installed()


async def _approve_guest(
    session: HostSession, reporter: Reporter, command: Command, about: list[str], *, yes: bool
) -> bool:
    """Show the link and ask the person; return false if they type another number.

    ``about`` is said beside the link. Raises ``SessionOver`` if the guest is not approved.
    """
    show = partial(_show_link, session, reporter, command, about)
    prompt = await _wait_for_guest(session, reporter, show, has_person=not yes)
    question = NumberQuestion(prompt.device_info, time_left(prompt.expires_at))
    fields = {
        "confirm": "none" if yes else prompt.confirm,
        "device_info": msgspec.to_builtins(prompt.device_info),
        "expires_in": seconds(prompt.expires_at - trio.current_time()),
    }
    if yes:
        reporter.screen.dismiss()
        reporter.report("prompt", question.claims(), **fields)
    else:
        reporter.present("prompt", question, **fields)
    code = None if yes else await _until_end(session, lambda: ask_number(question, reporter))
    try:
        if yes:
            result = await prompt.approve_unchecked()
        else:
            result = await (prompt.approve(code) if code else prompt.decline())
    except AlreadyDecided:
        raise await session.ended() from None
    except WrongCode:
        reporter.report("result", WRONG_NUMBER, status=Status.REJECTED)
        return False
    if result.status is not Status.APPROVED:
        reporter.screen.dismiss()
        reporter.report("result", "Declined.", status=result.status)
        raise await session.ended()
    return True


def _report_approval(session: ClientSession, reporter: Reporter) -> None:
    text = f"Approved. {_SEALED[session.sealed]}"
    # Not the status of the session, which may have ended since.
    reporter.report("result", text, status=Status.APPROVED, sealed=session.sealed)


def _show_link(
    session: HostSession, reporter: Reporter, command: Command, about: list[str]
) -> Invitation:
    try:
        link = clean_link(session.link or "")
    except InvalidLink as error:
        raise ConnectionLost(f"the link that the node sent cannot be used: {error}") from None
    line, is_on_own_page = command(link)
    where = "in another terminal" if is_loopback(link) else "on another computer"
    ways = [Way(f"run this {where}", line)]
    if is_on_own_page:
        # The command works in a terminal only, and the page may be for more than pairing.
        ways.insert(0, Way("open this link on the other device", link))
    invitation = Invitation(
        link,
        ways,
        [*about, *_about(session, link)],
        time_left(session.lapses_at),
        has_keys=reporter.has_keys,
    )
    reporter.present(
        "session",
        invitation,
        session_id=session.session_id,
        session_type=session.info.session_type,
        link=link,
        sealed=session.sealed,
        pair_within=seconds(session.lapses_at - trio.current_time()),
    )
    return invitation


def _about(session: HostSession, link: str) -> list[str]:
    """Return the sentences that a person reads beside the code of this link."""
    sealed = _SEALED[session.sealed]
    return [sealed, ONLY_HERE] if is_loopback(link) else [sealed]


async def _wait_for_guest(
    session: HostSession,
    reporter: Reporter,
    show: Callable[[], Invitation],
    *,
    has_person: bool,
) -> Prompt:
    """Show the link and wait for a guest; when it expires, offer the person a new one."""
    while True:
        invitation = show()
        prompt: Prompt | None = await program.race(
            session.prompt,
            lambda: clock.sleep_until(session.lapses_at + clock.slept() + SLACK),
            partial(press_keys, invitation, reporter),
        )
        if prompt is not None:
            return prompt
        if not has_person or not await _until_end(session, lambda: wants_new_link(reporter)):
            await session.close()
            raise SessionOver("expired", "lapsed")
        await session.renew()


async def _report_notices(session: ClientSession, reporter: Reporter) -> None:
    async for notice in session.notices():
        reporter.report(notice, _NOTICES[notice])


async def _until_end(session: HostSession, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer to a question. Raises ``SessionOver`` if the session ends before."""

    async def raise_at_end() -> NoReturn:
        raise await session.ended()

    return await program.race(ask, raise_at_end)


async def _wait_for_answer(guest: Guest, reporter: Reporter) -> None:
    await guest.wait_code()
    async with _showing(reporter):
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
    _report_approval(guest, reporter)
