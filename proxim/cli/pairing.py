"""The host's side of a pairing: show a link, and ask the person."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import NoReturn, TypeVar

import click
import msgspec
import trio

from proxim import clock
from proxim.cli import program
from proxim.cli.approval import NumberQuestion, Offer, ask_number, wants_new_link
from proxim.cli.identity import Register
from proxim.cli.invitation import Invitation, Way, press_keys
from proxim.cli.known import Refusal, Wish, admit, alone, hosting_known
from proxim.cli.own_page import command_for
from proxim.cli.paired import SEALED, Paired, report_approval, report_notices, showing
from proxim.cli.quiet import QuietVisits, wait_until_wanted
from proxim.cli.terminal import Reporter, command_line, seconds, time_left
from proxim.client import Host, HostSession, Prompt, Visit
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
from proxim.protocol.messages import PairResult, SessionType, Status

T = TypeVar("T")

SLACK = 1.0
"""Seconds for a prompt that is on its way when the link expires."""

ANYBODY = "The first device that opens this link is let in without a question (--yes)."
ONLY_HERE = "Only this computer can open the link. To let phones in, start the node with --lan."
WRONG_NUMBER = "That was another number, so the device was declined."
RESTARTED = "The node was restarted, and has forgotten the session: this is a new code."

Answer = Callable[[str], list[str]]
"""Returns the arguments of the command that answers a link."""

Command = Callable[[str], tuple[str, bool]]
"""Returns that command, and whether the link leads to a page of an application."""

Admitting = Callable[[HostSession | None], AbstractAsyncContextManager[HostSession]]
"""Shows the link of a session, None for a new one, and gives a block the session of a guest."""


plain_option = click.option(
    "--plain",
    is_flag=True,
    help="Do not seal: the server can then read names and signals. For old nodes and devices.",
)


@asynccontextmanager
async def hosting(
    register: Register, reporter: Reporter, *, yes: bool, plain: bool, answer: Answer
) -> AsyncIterator[Paired]:
    """Open a one-time session, and give the block its guest, as ``inviting`` does."""
    async with (
        inviting(register, reporter, yes=yes, plain=plain, answer=answer) as (host, admitting),
        admitting(None) as session,
    ):
        yield Paired(session, host)


@asynccontextmanager
async def inviting(
    register: Register,
    reporter: Reporter,
    *,
    yes: bool,
    plain: bool,
    session_type: SessionType = SessionType.ONE_TIME,
    ttl: float | None = None,
    answer: Answer | None = None,
    wish: Wish | None = None,
) -> AsyncIterator[tuple[Host, Admitting]]:
    """Give the block a host, and a function that opens a session and admits a guest.

    Given the session of before, the function shows its new link: a restart has lost the guest.

    ``yes`` approves the first one, ``plain`` does not seal the session. ``answer`` returns the
    arguments of the command that answers the link, else it is ``join``. With ``wish`` the person
    can have a device remembered, and known devices may come instead.

    The function raises ``SessionOver`` if no guest is approved.
    """
    async with (
        _opened(register, reporter, has_known=wish is not None) as (host, has_known),
        trio.open_nursery() as nursery,
    ):
        wish = wish if has_known else None
        nursery.start_soon(program.report_reachability, host, reporter)
        confirm: Confirm = "none" if yes else "code"
        command = partial(
            command_for, node=register.node, answer=answer or (lambda link: ["join", link])
        )
        claims = [ANYBODY] if yes else []
        quiet = QuietVisits(host, reporter, has_known=has_known)

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

        async def wait(session: HostSession | None) -> HostSession:
            about = [RESTARTED, *claims] if session else claims
            session = session or await create()
            refusal = None
            while True:
                show = partial(_show_link, session, reporter, command, about, quiet)
                try:
                    came = await _wait_for_guest(session, reporter, show, quiet, refusal, not yes)
                    refusal = None
                    async with alone(host, reporter, has_known=has_known):
                        if isinstance(came, Visit):
                            refusal = await admit(came, reporter)
                            if refusal is None:
                                await session.close()
                                return came
                        elif await _approve_guest(session, came, reporter, wish, yes=yes):
                            return session
                        else:
                            about = [WRONG_NUMBER]
                except SessionOver:
                    refusal, about = None, [RESTARTED, *claims]
                    if session.over is None:
                        continue  # The SDK has opened it again.
                    if getattr(session.over, "reason", None) != "lost" or ttl is not None:
                        raise
                if refusal is None:
                    session = await create()

        @asynccontextmanager
        async def admitting(session: HostSession | None) -> AsyncIterator[HostSession]:
            async with showing(reporter):
                session = await wait(session)
            report_approval(session, reporter)
            async with alone(host, reporter, has_known=has_known):
                yield session

        yield host, admitting
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _opened(
    register: Register, reporter: Reporter, *, has_known: bool
) -> AsyncIterator[tuple[Host, bool]]:
    """Open a host, with the known devices if ``has_known`` and no other program has them."""
    if has_known:
        async with hosting_known(register, reporter) as opened:
            yield opened
    else:
        async with register() as host:
            yield host, False


def check_channel() -> None:
    """Raise ``NotSupported`` if the library for channels is missing."""
    if importlib.util.find_spec("aiortc") is None:
        raise not_installed()


async def _approve_guest(
    session: HostSession, prompt: Prompt, reporter: Reporter, wish: Wish | None, *, yes: bool
) -> bool:
    """Ask the person about a guest; return false if they type another number.

    ``wish`` says how its device is remembered, if the person wants that. Raises ``SessionOver`` if
    the guest is not approved.
    """
    offer = None
    if wish is not None and prompt.can_remember:
        offer = Offer(wish.made(prompt.device_info.name), is_taken=wish.name is not None)
    question = NumberQuestion(prompt.device_info, time_left(prompt.expires_at), offer)
    fields = {
        "confirm": "none" if yes else prompt.confirm,
        "device_info": msgspec.to_builtins(prompt.device_info),
        "expires_in": seconds(prompt.expires_at - trio.current_time()),
        "silent": prompt.is_silent,
    }
    if yes:
        reporter.screen.dismiss()
        reporter.report("prompt", question.claims(), **fields)
    else:
        await _until_end(session, partial(wait_until_wanted, prompt, reporter))
        reporter.present("prompt", question, **fields)
    code = None if yes else await _until_end(session, lambda: ask_number(question, reporter))
    try:
        if yes:
            result = await prompt.approve_unchecked()
        else:
            result = await (_approve(prompt, code, offer) if code else prompt.decline())
    except AlreadyDecided:
        raise await _end_of(session, prompt) from None
    except WrongCode:
        reporter.report("result", WRONG_NUMBER, status=Status.REJECTED)
        return False
    if result.status is not Status.APPROVED:
        reporter.screen.dismiss()
        reporter.report("result", "Declined.", status=result.status)
        raise await session.ended()
    if offer is not None and offer.is_taken:
        reporter.screen.dismiss()
        device = msgspec.to_builtins(offer.wish)
        waiting = f"`{command_line('host', '--known-only')}` waits for it."
        reporter.report("remembered", f"{offer.text()} {waiting}", device=device)
    elif wish is not None and wish.name is not None:
        reporter.report("not_remembered", "This device cannot be remembered.")
    return True


async def _end_of(session: HostSession, prompt: Prompt) -> SessionOver:
    """Return why a guest cannot be approved any more."""
    is_lost = prompt.is_over and session.over is None
    return _lost() if is_lost else await session.ended()


def _lost() -> SessionOver:
    return SessionOver(Status.EXPIRED, "lost")


async def _approve(prompt: Prompt, code: str, offer: Offer | None) -> PairResult:
    if offer is None or not offer.is_taken:
        return await prompt.approve(code)
    return await prompt.approve(code, remember=offer.wish)


def _show_link(
    session: HostSession,
    reporter: Reporter,
    command: Command,
    about: list[str],
    quiet: QuietVisits,
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
        quiet.beside(invitation),
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
    quiet: QuietVisits,
    refusal: Refusal | None,
    has_person: bool,
) -> Prompt | Visit:
    """Show the link and wait for a guest; when it expires, offer the person a new one.

    ``refusal`` says why the device before was not let in.
    """

    def lapses_at() -> float:
        return session.lapses_at + clock.slept() + SLACK

    async def wait() -> Prompt | Visit | None:
        nonlocal refusal
        if clock.now() >= lapses_at():
            return None
        invitation = show()
        if refusal is not None:
            refusal.report(reporter)
            refusal = None
        return await program.race(
            partial(_until_end, session, session.prompt),
            quiet.next,
            lambda: clock.sleep_until(lapses_at()),
            partial(press_keys, reporter, invitation.press, quiet.press),
        )

    while True:
        prompt = await wait()
        if prompt is not None:
            return prompt
        ask = partial(wants_new_link, reporter, refusal, quiet)
        wanted: bool | Visit = has_person and await program.race(
            partial(_until_end, session, ask), quiet.next
        )
        if isinstance(wanted, Visit):
            return wanted
        if not wanted:
            await session.close()
            raise SessionOver("expired", "lapsed")
        await session.renew()


async def _until_end(session: HostSession, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer to a question.

    Raises ``SessionOver`` if the session ends before, or a restart of the node replaces its link.
    """
    link = session.link

    async def raise_at_end() -> NoReturn:
        is_lost = await session.link_after(link) is not None
        raise _lost() if is_lost else await session.ended()

    return await program.race(ask, raise_at_end)
