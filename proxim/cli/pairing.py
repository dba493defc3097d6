"""The host's side of a pairing: show a link, and ask the person."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn, TypeVar

import click
import msgspec
import trio

from proxim import clock
from proxim.cli import program
from proxim.cli.approval import NumberQuestion, ask_number, wants_new_link
from proxim.cli.identity import Register
from proxim.cli.invitation import Invitation, Way, press_keys
from proxim.cli.own_page import command_for
from proxim.cli.paired import SEALED, Paired, report_approval, report_notices, showing
from proxim.cli.terminal import Reporter, seconds, time_left
from proxim.client import HostSession, Prompt
from proxim.client.peering import not_installed
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
from proxim.protocol.messages import SessionType, Status

T = TypeVar("T")

SLACK = 1.0
"""Seconds for a prompt that is on its way when the link expires."""

ANYBODY = "The first device that opens this link is let in without a question (--yes)."
ONLY_HERE = "Only this computer can open the link. To let phones in, start the node with --lan."
WRONG_NUMBER = "That was another number, so the device was declined."

Answer = Callable[[str], list[str]]
"""Returns the arguments of the command that answers a link."""

Command = Callable[[str], tuple[str, bool]]
"""Returns that command, and whether the link leads to a page of an application."""


plain_option = click.option(
    "--plain",
    is_flag=True,
    help="Do not seal: the server can then read names and signals. For old nodes and devices.",
)


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
            nursery.start_soon(report_notices, session, reporter)
            return session

        async with showing(reporter):
            session = await create()
            while not await _approve_guest(session, reporter, command, about, yes=yes):
                about = [WRONG_NUMBER]
                session = await create()
        report_approval(session, reporter)
        yield Paired(session, host)
        nursery.cancel_scope.cancel()


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
    sealed = SEALED[session.sealed]
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


async def _until_end(session: HostSession, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer to a question. Raises ``SessionOver`` if the session ends before."""

    async def raise_at_end() -> NoReturn:
        raise await session.ended()

    return await program.race(ask, raise_at_end)
