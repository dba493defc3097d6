"""Proxim connects two devices for WebRTC, after a person approved it.

A node inside an application::

    with proxim.run_in_thread(port=0) as node:                # from any Python program
        session = node.open_session("one_time", decide=ask_the_person)

    async with proxim.Node(port=0) as node:                   # from a Trio program
        session = await node.open_session("one_time", decide=ask_the_person)

Importing the package is fast: the names in ``__all__`` are imported on first use.
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
        ChannelClosed,
        CodeRequired,
        ConnectionLost,
        InvalidSetting,
        NotSupported,
        ProximError,
        RequestError,
        SessionOver,
        Unreachable,
        WrongCode,
    )
    from proxim.settings import Settings
    from proxim.threads import ThreadNode, ThreadPrompt, ThreadSession, run_in_thread

__all__ = [
    "AlreadyDecided",
    "ChannelClosed",
    "CodeRequired",
    "ConnectionLost",
    "Ended",
    "HostSession",
    "InvalidSetting",
    "Missed",
    "Node",
    "NotSupported",
    "Paired",
    "Prompt",
    "ProximError",
    "RequestError",
    "SessionOver",
    "Settings",
    "ThreadNode",
    "ThreadPrompt",
    "ThreadSession",
    "Unreachable",
    "WrongCode",
    "open_guest",
    "open_host",
    "qr",
    "run_in_thread",
    "serve",
]

_MODULES = {
    "proxim.client": ("HostSession", "Prompt", "open_guest", "open_host"),
    "proxim.protocol.errors": (
        *("AlreadyDecided", "ChannelClosed", "CodeRequired", "ConnectionLost"),
        *("InvalidSetting", "NotSupported", "ProximError", "RequestError"),
        *("SessionOver", "Unreachable", "WrongCode"),
    ),
    "proxim.embed.events": ("Ended", "Missed", "Paired"),
    "proxim.node": ("Node", "serve"),
    "proxim.settings": ("Settings",),
    "proxim.threads": ("ThreadNode", "ThreadPrompt", "ThreadSession", "run_in_thread"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name of ``__all__`` on first use (PEP 562)."""
    if name == "qr":
        return import_module("proxim.qr")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
