"""What the commands share: options, errors and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import click
import trio

from proxim.cli.terminal import Reporter, command_line, printable
from proxim.client import Guest, Host
from proxim.exception_groups import leaves, ungrouped
from proxim.protocol import device_names
from proxim.protocol.errors import (
    AccessDenied,
    BadMessage,
    ConnectionLost,
    InvalidLink,
    InvalidSetting,
    ProximError,
    SessionOver,
)
from proxim.protocol.link import is_loopback
from proxim.protocol.messages import Reason
from proxim.redact import quote
from proxim.settings import DEFAULT_URL
from proxim.settings.checks import http_parts

T = TypeVar("T")

APPROVED, REFUSED, UNREACHABLE = 0, 1, 3
"""Exit codes. click exits with 2 for wrong usage."""

STOPPING = [signal.SIGINT, signal.SIGTERM]
"""The signals that stop a command: Ctrl-C and ``kill``; on Windows also Ctrl-Break and closing the
console."""

if sys.platform == "win32":
    STOPPING.append(signal.SIGBREAK)

NORMAL_ENDS: Final = {Reason.CLOSED, Reason.DISCONNECTED, Reason.EXPIRED}
CAUSED: Final = {Reason.CLOSED, Reason.DISCONNECTED}
"""Ends that a side causes, which may say why (docs/reference/channel.md: Signals)."""

TOKEN_ADVICE = "Give the node's access token in PROXIM_ACCESS_TOKEN, or with --access-token."

_ENDS = {
    "left": "the other side ended it",
    "done": "the other side is done",
    "flooded": "the other side got more than it can show",
    "failed": "something went wrong at the other side",
}
_REASONS: dict[str, str] = {
    Reason.CLOSED: "it was closed",
    Reason.DISCONNECTED: "the other side disconnected",
    Reason.EXPIRED: "its time is up",
    Reason.REJECTED: "the host declined",
    Reason.APPROVAL_TIMEOUT: "the host did not answer in time",
    Reason.INACTIVE: "its link expired while the host was offline",
    Reason.SHUTDOWN: "the node is shutting down",
    Reason.INTERNAL_ERROR: "the node had an error",
    Reason.IDLE: "neither side came back for a long time",
    Reason.TOKEN_REUSED: "a used resume token was shown again, so it may have been copied",
    "lost": "the node no longer knows it",
    "lapsed": "its link expired",
    "unconfirmed": "the server says that the host declined, and the host has not confirmed it",
    "tampered": "the server, or somebody between, has changed or forged a message",
    "forgotten": "the host does not remember this device any more",
    "copied": "two devices have used the same grant, so that its storage may have been copied",
    "unopened": "a device asked that does not have the link",
}


def _check_node(_: click.Context, _option: click.Parameter, url: str) -> str:
    """Return the URL of a node. Raises ``click.BadParameter`` if it is not one."""
    if http_parts(url) is None:
        raise click.BadParameter(f"{quote(url)} is not the URL of a node, such as {DEFAULT_URL}")
    return url


node_option = click.option(
    "--node",
    default=DEFAULT_URL,
    show_default=True,
    envvar="PROXIM_NODE",
    metavar="URL",
    callback=_check_node,
    help="The node to use.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per event."
)


def run(action: Callable[[Reporter], Awaitable[None]], *, as_json: bool = False) -> None:
    """Run a command's action until it ends or is interrupted, and exit with its code."""
    reporter = Reporter(as_json=as_json)
    try:
        trio.run(_interruptible, action, reporter)
    except* (InvalidLink, InvalidSetting, BadMessage) as errors:
        # A `BadMessage` may be a node's.
        raise click.UsageError(printable(str(next(leaves(errors))))) from None
    except* RecursionError:
        lost = ConnectionLost("the node sent a value that is nested too deeply")
        reporter.exit_code = _report_failure(reporter, lost)
    except* BrokenPipeError:
        # The reader of the output has exited; discard the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except* ProximError as errors:
        reporter.exit_code = _report_failure(reporter, next(leaves(errors)))
    raise click.exceptions.Exit(reporter.exit_code)


def check_text(option: str, text: str, longest: int) -> None:
    """Raise a usage error unless ``text`` is printable and at most ``longest`` characters."""
    if not 1 <= len(text) <= longest:
        raise click.UsageError(f"{option} must be a text of 1 to {longest} characters")
    if fault := device_names.fault(text):
        raise click.UsageError(f"{option} has {fault}, which is not allowed there")


async def _interruptible(action: Callable[[Reporter], Awaitable[None]], reporter: Reporter) -> None:
    stopped_by: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_on_signal, nursery.cancel_scope, stopped_by)
        await action(reporter)
        nursery.cancel_scope.cancel()
    if stopped_by and stopped_by[0] in STOPPING:
        # A terminal shows ^C where the cursor was. One that was closed shows nothing any more.
        reporter.report("stopped", "\nStopped." if reporter.screen.is_terminal else "Stopped.")


def hangup_signal() -> list[signal.Signals]:
    """Return the signal of a closed terminal, unless it is ignored (nohup). Windows has none."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return []
    return [signal.SIGHUP]


async def _cancel_on_signal(scope: trio.CancelScope, stopped_by: list[int]) -> None:
    with trio.open_signal_receiver(*STOPPING, *hangup_signal()) as signals:
        async for number in signals:
            stopped_by.append(number)
            scope.cancel()


def _report_failure(reporter: Reporter, error: BaseException) -> int:
    if isinstance(error, SessionOver):
        report_end(reporter, error)
        return REFUSED
    report_error(reporter, "Error", error)
    if isinstance(error, AccessDenied) and not reporter.as_json:
        reporter.screen.say(f"{TOKEN_ADVICE} Its owner has it.")
    if not isinstance(error, ConnectionLost):
        return REFUSED
    if error.unreached is not None and not reporter.as_json:
        reporter.screen.say(_advice(error.unreached))
    return UNREACHABLE


def _advice(url: str) -> str:
    """Return what a person can do if no node answers at ``url``."""
    if is_loopback(url):
        return f"Start a node with `{command_line('serve')}`, or give the URL of another one."
    return "Check that the node runs there, and that this computer is in its network."


def report_error(reporter: Reporter, what: str, error: BaseException) -> None:
    """Report an error that does not end the command."""
    code = getattr(error, "code", "connection_lost")
    reporter.report("error", f"{what}: {printable(str(error))}", code=code, message=str(error))


async def race(*actions: Callable[[], Awaitable[T]]) -> T:
    """Run all actions; return or raise what the first one does, and cancel the others."""
    finished: list[T] = []

    async def run_one(action: Callable[[], Awaitable[T]], scope: trio.CancelScope) -> None:
        finished.append(await action())
        scope.cancel()

    with ungrouped(ProximError):
        async with trio.open_nursery() as nursery:
            for action in actions:
                nursery.start_soon(run_one, action, nursery.cancel_scope)
    return finished[0]


def why_over(reason: str) -> str:
    """Return why a session has ended, for a person: it was closed."""
    return _REASONS.get(reason, reason)


def report_end(reporter: Reporter, over: SessionOver, *, end: str | None = None) -> None:
    """Report the end of a session, and its reason; ``end`` is what the other side said of it."""
    why = why_over(over.reason)
    fields = {}
    if end is not None:
        fields["end"] = end if end in _ENDS else "failed"
        why = _ENDS[fields["end"]]
    text = f"The session has ended: {why}."
    reporter.report("ended", text, status=over.status, reason=over.reason, **fields)


async def report_reachability(client: Host | Guest, reporter: Reporter) -> None:
    """Report when the node becomes unreachable, and when it is back."""
    async for online in client.reachable():
        text = "Reconnected." if online else "Can't reach the node. Reconnecting…"
        reporter.report("node", text, online=online)
