"""``proxim serve``: run a node until a signal stops it."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import sys
from pathlib import Path

import click
import trio
from click.core import ParameterSource

from proxim.cli import logs, options, tracing
from proxim.cli.program import STOPPING, hangup_signal
from proxim.cli.terminal import command_line, is_terminal
from proxim.cli.words import fitting
from proxim.exception_groups import leaves
from proxim.node import Node
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.link import is_loopback
from proxim.settings import DEFAULT_URL, Settings, advice_on_secrets, load_with_sources
from proxim.systemd import Notifier, take_sockets
from proxim.version import __version__


@click.command("serve", cls=options.Grouped)
@options.with_settings
def command(config: Path | None, **flags: object) -> None:
    """Run a node until Ctrl-C or SIGTERM.

    Each option can also be set in the environment (--qr-ttl as PROXIM_QR_TTL) and in a TOML file
    (as qr_ttl). An option overrides the environment, the environment overrides the file.
    """
    try:
        settings, sources = load_with_sources(flags, os.environ, config)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    try:
        logs.configure(settings.log_level, settings.log_format)
        for each in advice_on_secrets(settings, sources, config):
            logs.log.warning("%s: %s", each.found, each.remedy)
        with tracing.exporting(enabled=settings.traces):
            trio.run(_serve, settings)
    except* InvalidSetting as errors:
        raise click.UsageError(str(next(leaves(errors)))) from None
    except* OSError as errors:
        raise click.ClickException(_with_advice(next(leaves(errors)))) from None


def _with_advice(error: BaseException) -> str:
    assert isinstance(error, OSError)
    # The error numbers of resolvers are negative.
    if (error.errno or 0) < 0 or error.errno == errno.EADDRNOTAVAIL:
        advice = "use an address of this machine, such as 127.0.0.1"
    elif error.errno == errno.EADDRINUSE:
        free = command_line("serve", "--port", "0")
        advice = f"perhaps Proxim runs there already: stop it, or take a free port: `{free}`"
    else:
        advice = "use another port, or --port 0 for a free one"
    return f"{error.strerror or error}; {advice}"


async def _serve(settings: Settings) -> None:
    manager = Notifier(os.environ)
    node = Node(settings, sockets=take_sockets(os.environ))
    hangup, has_terminal = hangup_signal(), _has_terminal()
    async with trio.open_nursery() as nursery:
        await nursery.start(logs.toggle_on_signal)
        with trio.open_signal_receiver(*STOPPING, *hangup) as signals:
            await nursery.start(_run_and_cancel, node, nursery.cancel_scope)
            _tune_garbage_collector()
            _print_urls(node)
            nursery.start_soon(manager.run_watchdog)
            manager.notify("READY=1", f"STATUS=At {node.url}")
            async for number in signals:
                if number in hangup and _has_terminal() == has_terminal:
                    _reload(node, manager)
                elif node.leaving:
                    # The second signal: exit at once.
                    os._exit(1)
                else:
                    manager.notify("STOPPING=1")
                    node.stop()


def _reload(node: Node, manager: Notifier) -> None:
    if not node.leaving:
        manager.notify_reloading()
        node.reload_certificate()
        manager.notify("READY=1")


def _has_terminal() -> bool:
    """Return whether this process has a terminal. Closing a terminal sends SIGHUP, too."""
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
    """Collect cycles rarely: a node's objects live long, and few of them are in cycles.

    Only here, in a process of the node's own; `bench/sessions.py` shows the gain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)


def _print_urls(node: Node) -> None:
    where = [] if node.url == DEFAULT_URL else ["--node", node.url]
    click.echo(fitting(f"Proxim {__version__} is at {node.url}", sys.stdout))
    if node.url != node.local_url:
        _print_row("It listens on:", node.local_url)
    _print_row("Next, in a browser:", f"{node.url}/")
    _print_row("Or in a second terminal:", command_line("host", *where))
    if is_loopback(node.url):
        text = "Only this computer can open its codes. To let phones in, stop it and start it"
        click.echo(fitting(text, sys.stdout))
        if _has_options():
            click.echo("with --lan beside its options.")
        else:
            _print_row("with --lan:", command_line("serve", "--lan"))
    click.echo("Stop it with Ctrl-C.")


def _has_options() -> bool:
    """Return whether the person has typed options, which a command to copy would drop."""
    context = click.get_current_context()
    return any(
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params
    )


def _print_row(label: str, value: str) -> None:
    """Print a label and a line to copy, below each other in a narrow window."""
    row = f"{label:<29}{value}"
    is_whole = not is_terminal() or len(row) <= shutil.get_terminal_size().columns
    click.echo(row if is_whole else f"{label}\n  {value}")
