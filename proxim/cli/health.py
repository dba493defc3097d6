"""``proxim health``: check whether the node on this machine serves; for probes."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import click

from proxim.cli import options, program
from proxim.cli.fetch import fetch
from proxim.cli.terminal import Reporter, printable
from proxim.settings import Settings, load

_EVERYWHERE = ("0.0.0.0", "::")
"""The hosts of a node that listens on all addresses, IPv4 among them."""


@click.command("health", cls=options.Grouped)
@options.with_settings
def command(config: Path | None, **flags: object) -> None:
    """Request /healthz from the node that runs on this machine with these settings.

    The command takes the options, the environment and the config file of `proxim serve`, which
    have the port and TLS. The command is made for the health check of a container.

    Exit codes: 0 the node serves, 2 usage, 3 the node does not answer, or is shutting down.
    """

    async def action(reporter: Reporter) -> None:
        body = fetch(_url(load(flags, os.environ, config)), tls=_unverified())
        reporter.exit_code = 0
        reporter.report("health", printable(body.strip()))

    program.run(action)


def _url(settings: Settings) -> str:
    scheme = "http" if settings.tls_cert is None else "https"
    everywhere = settings.lan or settings.host in _EVERYWHERE
    address = "127.0.0.1" if everywhere else settings.host
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{settings.port}/healthz"


def _unverified() -> ssl.SSLContext:
    # The certificate has the node's name, and this connects to an IP address.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
