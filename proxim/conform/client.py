"""Drives the client under test: instructions go to it, and it tells what happened to it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

from proxim.conform.case import Nonconforming, NotSupported
from proxim.ice.http_client import HttpError, post_json

_POLL = 0.1
_MAX_LINE = 1 << 20

Told = dict[str, Any]


class Client:
    """The client under test, while one case runs.

    ``send`` passes an instruction on; what the client tells goes into ``hear``.
    """

    def __init__(self, send: Callable[[Told], Any], patience: float) -> None:
        self._send = send
        self._patience = patience
        self._told: list[Told] = []
        self._changed = trio.Event()
        self._is_gone = False
        self._lacked: str | None = None

    async def do(self, what: str, **fields: Any) -> None:
        """Give the client an instruction."""
        await self._send({"do": what, **fields})

    def hear(self, told: Told | None) -> None:
        """Note what the client tells; None means that it will tell nothing more."""
        if told is None:
            self._is_gone = True
        elif told.get("told") == "unsupported":
            self._lacked = str(told.get("what", ""))
        else:
            self._told.append(told)
        self._changed.set()
        self._changed = trio.Event()

    async def told(self, *kinds: str, **expected: Any) -> Told:
        """Return the next thing of one of these kinds that the client tells; others are left.

        Raises ``Nonconforming`` if the client tells none in time, or one with other fields than
        ``expected``.
        """
        wanted = " or ".join(
            json.dumps({"told": kind, **expected}, ensure_ascii=False) for kind in kinds
        )
        with trio.move_on_after(self._patience):
            while True:
                for told in self._told:
                    if told.get("told") in kinds:
                        self._told.remove(told)
                        _compare(told, expected, wanted)
                        return told
                if self._is_gone:
                    raise Nonconforming(f"the client has ended; it should tell {wanted}")
                await self._changed.wait()
        meanwhile = f"; it told {_short(self._told[-1])}" if self._told else ""
        raise Nonconforming(
            f"the client did not tell {wanted} within {self._patience:g} s{meanwhile}"
        )

    async def tells_none(self, kind: str, seconds: float = 1.0, **fields: Any) -> None:
        """Raise ``Nonconforming`` if the client tells one of this kind within ``seconds``.

        With ``fields``, only one that has them counts.
        """
        with trio.move_on_after(seconds):
            while not self._is_gone:
                for told in self._told:
                    if told.items() >= {"told": kind, **fields}.items():
                        raise Nonconforming(f"the client told {_short(told)}")
                await self._changed.wait()

    async def lacks(self) -> None:
        """Wait until the client says that it cannot do something, and raise ``NotSupported``."""
        while self._lacked is None:
            await self._changed.wait()
        raise NotSupported(self._lacked)


Opener = Callable[[float], AbstractAsyncContextManager[Client]]
"""Opens the client for one case; the client has so many seconds for each step."""


def by_command(command: Sequence[str]) -> Opener:
    """Return an opener that starts a command, and speaks JSON lines with it.

    Raises ``OSError`` on use if the command cannot be started.
    """

    @asynccontextmanager
    async def opened(patience: float) -> AsyncIterator[Client]:
        process = await trio.lowlevel.open_process(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        async def send(instruction: Told) -> None:
            try:
                await stdin.send_all(json.dumps(instruction).encode() + b"\n")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise Nonconforming("the client has ended, or closed its input") from None

        client = Client(send, patience)

        async def read() -> None:
            rest = b""
            async for chunk in stdout:
                *lines, rest = (rest + chunk)[-_MAX_LINE:].split(b"\n")
                for line in lines:
                    if told := _read(line):
                        client.hear(told)
            client.hear(None)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            try:
                yield client
            finally:
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await _end(process)

    return opened


async def _end(process: trio.Process) -> None:
    """End the process: it ends by itself when its input is closed, or is killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdin.aclose()
    with trio.move_on_after(1):
        await process.wait()
    if process.poll() is None:
        process.kill()
    await process.wait()
    await process.stdout.aclose()


def by_url(url: str) -> Opener:
    """Return an opener that POSTs each instruction to ``url``.

    The response is a JSON list of what the client has told since. ``{"do": "poll"}`` asks for that
    alone. ``{"do": "quit"}`` begins and ends each case: forget everything.
    """

    @asynccontextmanager
    async def opened(patience: float) -> AsyncIterator[Client]:
        lock = trio.Lock()

        async def send(instruction: Told) -> None:
            async with lock:
                for told in await _post(url, instruction, patience):
                    client.hear(told)

        client = Client(send, patience)

        async def poll() -> None:
            while True:
                await trio.sleep(_POLL)
                await send({"do": "poll"})

        await _post(url, {"do": "quit"}, patience)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            try:
                yield client
            finally:
                nursery.cancel_scope.cancel()
        await _post(url, {"do": "quit"}, patience)

    return opened


async def _post(url: str, instruction: Told, patience: float) -> list[Told]:
    try:
        with trio.fail_after(patience):
            body = await post_json(url, json.dumps(instruction).encode(), agent="proxim-conform")
        told = json.loads(body)
    except (HttpError, trio.TooSlowError, ValueError, RecursionError) as error:
        raise Nonconforming(f"the hook {url} did not answer with JSON: {error}") from None
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise Nonconforming(f"the hook {url} has to answer with a JSON list of objects")
    return told


def _read(line: bytes) -> Told | None:
    """Return what a line tells; None if it is some other output of the program."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and "told" in told else None


def _compare(told: Told, expected: dict[str, Any], wanted: str) -> None:
    if any(told.get(key) != value for key, value in expected.items()):
        raise Nonconforming(f"the client told {_short(told)}; right is {wanted}")


def _short(told: Told) -> str:
    text = json.dumps(told, ensure_ascii=False)
    return text if len(text) < 300 else f"{text[:300]}…"
