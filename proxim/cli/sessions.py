"""``proxim sessions``: the sessions of this computer on a node."""

from __future__ import annotations

from datetime import datetime

import click
import msgspec
from msgspec import UNSET

from proxim.cli import program
from proxim.cli.group import Group
from proxim.cli.identity import Register, with_host
from proxim.cli.labels import STATUSES, TYPES
from proxim.cli.tables import show_table
from proxim.cli.terminal import Reporter, command_line, printable
from proxim.protocol.fields import SEALED_DEVICE
from proxim.protocol.messages import SessionInfo


@click.group("sessions", cls=Group)
def command() -> None:
    """List and close the sessions of this computer."""


@command.command("list", short_help="List the sessions of this computer.")
@with_host
@program.json_option
def list_command(register: Register, as_json: bool) -> None:
    """List the sessions of this computer; ended ones until the node's next sweep.

    A running `proxim host` with the same identity keeps its sessions.
    """

    async def action(reporter: Reporter) -> None:
        async with register() as host:
            found = await host.list()
        events = [msgspec.to_builtins(info) for info in found]
        reporter.report_all("session", events, "No sessions.", lambda: _show(found))

    program.run(action, as_json=as_json)


@command.command("close")
@click.argument("session_ids", nargs=-1, metavar="[SESSION_ID]...")
@click.option("--all", "everything", is_flag=True, help="Close all sessions.")
@with_host
@program.json_option
def close_command(
    register: Register, session_ids: tuple[str, ...], everything: bool, as_json: bool
) -> None:
    """Close sessions of this computer, by id or all."""
    if bool(session_ids) == everything:
        listing = command_line("sessions", "list")
        raise click.UsageError(f"give the ids of sessions (see `{listing}`), or --all")

    async def action(reporter: Reporter) -> None:
        async with register() as host:
            live = [info.session_id for info in await host.list() if not info.reason]
            for session_id in live if everything else session_ids:
                await host.close(session_id)
                text = f"Closed {printable(session_id)}."
                reporter.report("closed", text, session_id=session_id)
        reporter.exit_code = program.APPROVED

    program.run(action, as_json=as_json)


def _show(sessions: list[SessionInfo]) -> None:
    headings = ("Session", "Type", "Status", "Device", "Opened", "Expires", "Host", "Guest")
    show_table(headings, [_row(info) for info in sessions])


def _row(info: SessionInfo) -> tuple[str, ...]:
    why = "" if info.reason is UNSET else f": {program.why_over(info.reason)}"
    return (
        info.session_id,
        TYPES.get(info.session_type, info.session_type),
        f"{STATUSES.get(info.status, info.status)}{why}",
        _device(info),
        _time(info.created_at),
        "" if info.expires_at is None else _time(info.expires_at),
        _presence(info.host_online),
        _presence(info.guest_online),
    )


def _device(info: SessionInfo) -> str:
    """Return the name of the guest's device. Only the program of the session can open a seal."""
    if info.device_info is None:
        return ""
    name = info.device_info.name
    return "(its name is sealed)" if name == SEALED_DEVICE else name


def _time(moment: datetime) -> str:
    return f"{moment:%d %b %H:%M:%S}"


def _presence(online: bool) -> str:
    return "online" if online else "offline"
