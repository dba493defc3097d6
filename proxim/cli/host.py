"""``proxim host``: open a session, show its QR code, ask the person, and exchange lines."""

from __future__ import annotations

from typing import NoReturn

import click
import msgspec
import trio

from proxim import clock, qr
from proxim.cli import options, program
from proxim.cli.identity import Register, with_host
from proxim.cli.terminal import Reporter, printable, program_name
from proxim.client import HostSession, Prompt
from proxim.protocol.errors import AlreadyDecided, SessionOver
from proxim.protocol.messages import SessionType

SLACK = 1.0
"""Seconds for a prompt that is on its way when the link expires."""


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

    After approval, lines typed on one side arrive on the other.

    Exit codes: 0 approved and ended normally, 1 rejected or expired, 2 usage, 3 node unreachable.
    """
    if (session_type == SessionType.TEMPORARY) != (ttl is not None):
        raise click.UsageError("--ttl SECONDS goes with --type temporary, and only with it")

    async def action(reporter: Reporter) -> None:
        async with register() as host, trio.open_nursery() as nursery:
            nursery.start_soon(program.report_reachability, host.connection, reporter)
            session = await host.create(SessionType(session_type), ttl=ttl)
            await _serve_one_guest(session, reporter, yes=yes)
            nursery.cancel_scope.cancel()

    program.run(action, as_json=as_json)


async def _serve_one_guest(session: HostSession, reporter: Reporter, *, yes: bool) -> None:
    _show_link(session, reporter)
    prompt = await _wait_for_guest(session, reporter, has_person=not yes)
    reporter.report(
        "prompt",
        f"\nA device asks to pair. It says it is “{printable(prompt.device_info.name)}” "
        f"(id {printable(prompt.device_info.id)}); nobody has checked that.",
        device_info=msgspec.to_builtins(prompt.device_info),
        expires_in=prompt.expires_at - trio.current_time(),
    )
    approve = yes or await _ask_person(prompt, reporter)
    try:
        result = await (prompt.approve() if approve else prompt.decline())
    except AlreadyDecided:
        raise await session.ended() from None
    reporter.report("result", "Approved." if approve else "Declined.", status=result.status)
    if not approve:
        raise await session.ended()
    await program.talk(session, reporter)


def _show_link(session: HostSession, reporter: Reporter) -> None:
    assert session.link is not None
    reporter.report(
        "session",
        f"{qr.terminal(session.link)}\n\nScan this, or on another computer:\n"
        f"  {program_name()} join '{session.link}'\n",
        session_id=session.session_id,
        session_type=session.info.session_type,
        link=session.link,
        pair_within=session.lapses_at - trio.current_time(),
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


async def _ask_person(prompt: Prompt, reporter: Reporter) -> bool:
    """Return whether the person says yes. Any other answer, or none, means no."""
    # Lines typed before the question are not an answer.
    reporter.keyboard.discard()

    async def answer() -> bool:
        line = await reporter.keyboard.line()
        reporter.screen.keep()
        return line is not None and line.strip().lower() in ("y", "yes")

    return await program.race(
        answer,
        lambda: _raise_at_end(prompt.session),
        lambda: reporter.count_down(prompt.expires_at, "Let it in? [y/N]", with_answer=True),
    )


async def _raise_at_end(session: HostSession) -> NoReturn:
    raise await session.ended()
