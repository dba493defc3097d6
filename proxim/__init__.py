"""Proxim connects two devices for WebRTC, after a person approved it.

A host or a guest of a node that runs elsewhere; ``proxim.aio`` and ``proxim.sync`` have the same
names::

    async with proxim.open_host(url, uuid="my-desktop") as host:      # from a Trio program
    async with proxim.aio.open_host(url, uuid="my-desktop") as host:  # from an asyncio program
    with proxim.sync.open_host(url, uuid="my-desktop") as host:       # from a plain script

A node inside an application::

    with proxim.run_in_thread(port=0) as node:                # from any Python program
        session = node.open_session("one_time", decide=ask_the_person)

    async with proxim.Node(port=0) as node:                   # from a Trio program
        session = await node.open_session("one_time", decide=ask_the_person)

Importing the package is fast: the names in ``__all__`` are imported on first use.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from proxim.version import __version__ as __version__

if TYPE_CHECKING:
    from proxim import aio, files, qr, sync, talk
    from proxim.client import (
        Device,
        Guest,
        Host,
        HostSession,
        Notice,
        Prompt,
        Remember,
        Visit,
        open_guest,
        open_host,
        open_visit,
        resume_guest,
    )
    from proxim.devices.store import DeviceFile, GrantFile
    from proxim.embed.events import Ended, Missed, Paired
    from proxim.node import Node, serve
    from proxim.protocol.errors import (
        AlreadyDecided,
        ChannelClosed,
        CodeRequired,
        ConnectionLost,
        InvalidLink,
        InvalidSetting,
        NotApproved,
        NotSupported,
        ProximError,
        RequestError,
        SealUnavailable,
        SessionOver,
        TransferFailed,
        Unreachable,
        WrongCode,
    )
    from proxim.protocol.messages import DeviceInfo, SessionInfo
    from proxim.settings import Settings
    from proxim.threads import ThreadNode, ThreadPrompt, ThreadSession, run_in_thread

__all__ = [
    "AlreadyDecided",
    "ChannelClosed",
    "CodeRequired",
    "ConnectionLost",
    "Device",
    "DeviceFile",
    "DeviceInfo",
    "Ended",
    "GrantFile",
    "Guest",
    "Host",
    "HostSession",
    "InvalidLink",
    "InvalidSetting",
    "Missed",
    "Node",
    "NotApproved",
    "NotSupported",
    "Notice",
    "Paired",
    "Prompt",
    "ProximError",
    "Remember",
    "RequestError",
    "SealUnavailable",
    "SessionInfo",
    "SessionOver",
    "Settings",
    "ThreadNode",
    "ThreadPrompt",
    "ThreadSession",
    "TransferFailed",
    "Unreachable",
    "Visit",
    "WrongCode",
    "aio",
    "files",
    "open_guest",
    "open_host",
    "open_visit",
    "qr",
    "resume_guest",
    "run_in_thread",
    "serve",
    "sync",
    "talk",
]

_MODULES = {
    "proxim.client": "Device Guest Host HostSession Notice Prompt Remember Visit open_guest "
    "open_host open_visit resume_guest",
    "proxim.devices.store": "DeviceFile GrantFile",
    "proxim.embed.events": "Ended Missed Paired",
    "proxim.node": "Node serve",
    "proxim.protocol.errors": "AlreadyDecided ChannelClosed CodeRequired ConnectionLost "
    "InvalidLink InvalidSetting NotApproved NotSupported ProximError RequestError SealUnavailable "
    "SessionOver TransferFailed Unreachable WrongCode",
    "proxim.protocol.messages": "DeviceInfo SessionInfo",
    "proxim.settings": "Settings",
    "proxim.threads": "ThreadNode ThreadPrompt ThreadSession run_in_thread",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import a name of ``__all__`` on first use (PEP 562)."""
    if name in _MODULE_OF:
        value = globals()[name] = getattr(_import_module(_MODULE_OF[name]), name)
        return value
    if name in __all__:
        return _import_module(f"proxim.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
