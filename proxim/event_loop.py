"""Which event loop runs in this thread, and what to call where it is the wrong one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


def asyncio_loop() -> AbstractEventLoop | None:
    """Return the asyncio loop that runs in this thread, if any."""
    # A program that runs asyncio has imported it.
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None


def trio_runs() -> bool:
    """Return whether Trio runs in this thread."""
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def require_trio(instead: str) -> None:
    """Raise ``RuntimeError``, which names what to use instead, if Trio does not run here."""
    if trio_runs():
        return
    found = "asyncio runs" if asyncio_loop() is not None else "Trio does not run"
    raise RuntimeError(f"this needs Trio, and {found} in this thread: use {instead}")


def require_asyncio(instead: str) -> None:
    """Raise ``RuntimeError``, which names what to use instead, if asyncio does not run here."""
    if asyncio_loop() is None:
        found = "Trio runs" if trio_runs() else "asyncio does not run"
        raise RuntimeError(f"this needs asyncio, and {found} in this thread: use {instead}")


def require_none(in_trio: str, in_asyncio: str) -> None:
    """Raise ``RuntimeError``, which names what to use instead, if an event loop runs here.

    A call that blocks would stop the loop.
    """
    if asyncio_loop() is not None:
        raise RuntimeError(f"this blocks, and asyncio runs in this thread: use {in_asyncio}")
    if trio_runs():
        raise RuntimeError(f"this blocks, and Trio runs in this thread: use {in_trio}")
