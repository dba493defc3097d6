"""``proxim sessions``: the sessions of this computer on a node."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click
import msgspec
from msgspec import UNSET
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from proxim.cli import program
from proxim.cli.host import access_option, identity_option
from proxim.cli.identity import default_path, load_identity
from proxim.cli.terminal import Reporter, printable
from proxim.client import Host, open_host
from proxim.protocol.messages import SessionInfo

ID_LENGTH = 22
"""Columns for a whole session id, which ``close`` needs."""


@click.group("sessions")
def command() -> None:
    """List and close the sessions of this computer."""


@command.command("list")
@program.node_option
@program.json_option
@identity_option
@access_option
def list_command(node: str, as_json: bool, identity: Path | None, access_token: str | None) -> None:
    """List the sessions of this computer; ended ones until the node's next sweep.

    A running `proxim host` with the same identity keeps its sessions.
    """

    async def action(reporter: Reporter) -> None:
        async with _registered(node, identity, access_token) as host:
            _report(await host.list(), reporter, as_json=as_json)
        reporter.exit_code = program.APPROVED

    program.run(action, as_json=as_json)


@command.command("close")
@click.argument("session_ids", nargs=-1, metavar="[SESSION_ID]...")
@click.option("--all", "everything", is_flag=True, help="Close all sessions.")
@program.node_option
@program.json_option
@identity_option
@access_option
def close_command(
    session_ids: tuple[str, ...],
    everything: bool,
    node: str,
    as_json: bool,
    identity: Path | None,
    access_token: str | None,
) -> None:
    """Close sessions of this computer, by id or all."""
    if bool(session_ids) == everything:
        raise click.UsageError("give the ids of sessions (see `proxim sessions list`), or --all")

    async def action(reporter: Reporter) -> None:
        async with _registered(node, identity, access_token) as host:
            live = [info.session_id for info in await host.list() if not info.reason]
            for session_id in live if everything else session_ids:
                await host.close(session_id)
                reporter.report("closed", f"Closed {session_id}.", session_id=session_id)
        reporter.exit_code = program.APPROVED

    program.run(action, as_json=as_json)


def _registered(
    node: str, identity: Path | None, access_token: str | None
) -> AbstractAsyncContextManager[Host]:
    """Register without a seat, so that other programs keep serving their sessions."""
    me = load_identity(identity or default_path())
    return open_host(node, uuid=me.uuid, key=me.key, access_token=access_token, seats=[])


def _report(sessions: list[SessionInfo], reporter: Reporter, *, as_json: bool) -> None:
    if as_json:
        for info in sessions:
            reporter.report("session", "", **msgspec.to_builtins(info))
    elif sessions:
        Console().print(_table(sessions))
    else:
        reporter.screen.say("No sessions.")


def _table(sessions: list[SessionInfo]) -> Table:
    table = Table(Column("Session", no_wrap=True, min_width=ID_LENGTH))
    for heading in ("Type", "Status", "Device", "Opened", "Expires", "Host", "Guest"):
        table.add_column(heading, overflow="fold")
    for info in sessions:
        expires = "" if info.expires_at is None else f"{info.expires_at:%d %b %H:%M:%S}"
        table.add_row(
            info.session_id,
            info.session_type,
            info.status if info.reason is UNSET else f"{info.status} ({info.reason})",
            "" if info.device_info is None else escape(printable(info.device_info.name)),
            f"{info.created_at:%d %b %H:%M:%S}",
            expires,
            "●" if info.host_online else "○",
            "●" if info.guest_online else "○",
        )
    return table
