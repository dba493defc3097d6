"""Proxim brings two devices together for WebRTC, and only if a person says yes.

A node inside an application::

    with proxim.run_in_thread(port=0) as node:                # from any Python program
        session = node.open_session("one_time", decide=ask_the_person)

    async with proxim.Node(port=0) as node:                   # from a Trio program
        session = await node.open_session("one_time", decide=ask_the_person)

Importing this costs nothing: what stands in ``__all__`` is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from proxim.version import __version__ as __version__

if TYPE_CHECKING:
    from proxim import qr
    from proxim.client import HostSession, Prompt, open_guest, open_host
    from proxim.embed.events import Ended, Missed, Paired
    from proxim.node import Node, serve
    from proxim.protocol.errors import (
        AlreadyDecided,
        ConnectionLost,
        InvalidSetting,
        ProximError,
        RequestError,
        SessionOver,
    )
    from proxim.settings import Settings
    from proxim.threads import ThreadNode, ThreadPrompt, ThreadSession, run_in_thread

__all__ = [
    "AlreadyDecided",
    "ConnectionLost",
    "Ended",
    "HostSession",
    "InvalidSetting",
    "Missed",
    "Node",
    "Paired",
    "Prompt",
    "ProximError",
    "RequestError",
    "SessionOver",
    "Settings",
    "ThreadNode",
    "ThreadPrompt",
    "ThreadSession",
    "open_guest",
    "open_host",
    "qr",
    "run_in_thread",
    "serve",
]

_HOMES = {
    "proxim.client": ("HostSession", "Prompt", "open_guest", "open_host"),
    "proxim.protocol.errors": (
        *("AlreadyDecided", "ConnectionLost", "InvalidSetting"),
        *("ProximError", "RequestError", "SessionOver"),
    ),
    "proxim.embed.events": ("Ended", "Missed", "Paired"),
    "proxim.node": ("Node", "serve"),
    "proxim.settings": ("Settings",),
    "proxim.threads": ("ThreadNode", "ThreadPrompt", "ThreadSession", "run_in_thread"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562), once."""
    if name == "qr":
        return import_module("proxim.qr")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    thing = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
