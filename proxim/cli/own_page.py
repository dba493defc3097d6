"""Links to a page of an application (``join_url``): ``--node`` says which node they are from."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from proxim.cli.terminal import command_line
from proxim.protocol.errors import InvalidLink
from proxim.protocol.link import WANTED, is_loopback, split_link

_PORTS = {"http": 80, "https": 443}

node_option = click.option(
    "--node",
    envvar="PROXIM_NODE",
    metavar="URL",
    help="The node of a link that leads to an application's own page.",
)


def node_of(link: str, node: str | None) -> str | None:
    """Return the node of a link to an application's page: ``node``, which ``--node`` gives.

    Returns None for a link to a node's page, which names its node itself. Raises ``InvalidLink`` if
    no node is given for a link that needs it, and if the command line names another node than the
    link does.
    """
    source = click.get_current_context().get_parameter_source("node")
    try:
        found, _ = split_link(link, WANTED)
    except InvalidLink:
        _, fragment = split_link(link, WANTED, on_any_page=True)
        if "." not in fragment:
            raise
        if node is None or source is ParameterSource.DEFAULT:
            raise InvalidLink(
                "this link leads to a page of an application, and does not say which node it is "
                "from: name the node with --node URL"
            ) from None
        return node
    if source is ParameterSource.COMMANDLINE and _place(node or "") != _place(found):
        raise InvalidLink(
            f"the link is from the node {found}, and --node says {node}: leave --node out"
        )
    return None


def command_for(link: str, node: str, answer: Callable[[str], list[str]]) -> tuple[str, bool]:
    """Return the command that answers ``link``; ``answer`` returns its arguments.

    Only this computer can answer a link to itself; every other link is for another computer. The
    second value says whether the link leads to a page of an application; the command then names the
    node.
    """
    elsewhere = not is_loopback(link)
    try:
        split_link(link, WANTED)
    except InvalidLink:
        return command_line(*answer(link), "--node", node, elsewhere=elsewhere), True
    return command_line(*answer(link), elsewhere=elsewhere), False


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """Return what names a node in its URL; None if it is not a URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")
