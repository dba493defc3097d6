"""``proxim serve``: run a node until told to stop."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from pathlib import Path

import click
import trio

from proxim.cli import logs, options, stopping, tracing
from proxim.cli.terminal import program_name
from proxim.exception_groups import leaves
from proxim.node import Node
from proxim.protocol.errors import InvalidSetting
from proxim.settings import DEFAULT_URL, Settings, load
from proxim.systemd import Notifier, take_sockets
from proxim.version import __version__


@click.command("serve", cls=options.Grouped)
@options.with_settings
def command(config: Path | None, **flags: object) -> None:
    """Run a node until Ctrl-C or SIGTERM.

    Each option can also be set in the environment (--qr-ttl as PROXIM_QR_TTL) and in a TOML file
    (as qr_ttl). An option wins over the environment, the environment over the file.
    """
    try:
        settings = load(flags, os.environ, config)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    try:
        logs.configure(settings.log_level, settings.log_format)
        with tracing.exporting(wanted=settings.traces):
            trio.run(_serve, settings)
    except* InvalidSetting as errors:
        raise click.UsageError(str(next(leaves(errors)))) from None
    except* OSError as errors:
        raise click.ClickException(_with_advice(next(leaves(errors)))) from None


def _with_advice(error: BaseException) -> str:
    assert isinstance(error, OSError)
    # Resolvers have numbers of their own, all below 0.
    if (error.errno or 0) < 0 or error.errno == errno.EADDRNOTAVAIL:
        advice = "an address of this machine will do, such as 127.0.0.1"
    else:
        advice = "another port may be free, and 0, as in --port 0, finds one"
    return f"{error.strerror or error}; {advice}"


async def _serve(settings: Settings) -> None:
    manager = Notifier(os.environ)
    node = Node(settings, sockets=take_sockets(os.environ))
    hangup, has_terminal = _hangup(), _has_terminal()
    async with trio.open_nursery() as nursery:
        await nursery.start(logs.toggle_on_signal)
        with trio.open_signal_receiver(*stopping.SIGNALS, *hangup) as signals:
            await nursery.start(_run_and_cancel, node, nursery.cancel_scope)
            _tune_garbage_collector()
            _greet(node)
            nursery.start_soon(manager.give_signs_of_life)
            manager.tell("READY=1", f"STATUS=At {node.url}")
            async for number in signals:
                if number in hangup and _has_terminal() == has_terminal:
                    _reload(node, manager)
                elif node.leaving:
                    # Whoever asks twice does not want to wait for good-byes.
                    os._exit(1)
                else:
                    manager.tell("STOPPING=1")
                    node.stop()


def _reload(node: Node, manager: Notifier) -> None:
    if not node.leaving:
        manager.tell_reloading()
        node.reload_certificate()
        manager.tell("READY=1")


def _hangup() -> list[signal.Signals]:
    """The signal to reload. Where it is ignored (nohup) it stays so; Windows has none."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return []
    return [signal.SIGHUP]


def _has_terminal() -> bool:
    """Whether this process has a terminal; one that was closed tells so by the same SIGHUP."""
    if sys.platform == "win32":
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def _run_and_cancel(
    node: Node, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    await node.run(task_status=task_status)
    scope.cancel()


def _tune_garbage_collector() -> None:
    """Look for cycles rarely: what a node keeps lives long, and most of it dies by reference.

    Only here, where the process is the node's own; `bench/sessions.py` shows what it is worth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)


def _greet(node: Node) -> None:
    where = "" if node.url == DEFAULT_URL else f" --node {node.url}"
    click.echo(f"Proxim {__version__} is at {node.url}")
    if node.url != node.local_url:
        click.echo(f"It listens on:               {node.local_url}")
    click.echo(f"Next, in a browser:          {node.url}/")
    click.echo(f"Or in a second terminal:     {program_name()} host{where}")
    click.echo("Stop it with Ctrl-C.")
    sys.stdout.flush()
