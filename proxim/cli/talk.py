"""The exchange of lines and files with the other side, once a session is approved."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trio

from proxim.cli import program
from proxim.cli.flood import Heard
from proxim.cli.questions import Questions
from proxim.cli.terminal import Reporter, printable, quoted
from proxim.cli.transfers import Transfers
from proxim.cli.words import PEER
from proxim.client import Guest, HostSession
from proxim.protocol.errors import BadMessage, ConnectionLost, ProximError, SessionOver
from proxim.talk import PATIENCE, Chat, Direct
from proxim.talk.listener import why_indirect, without_channel

if TYPE_CHECKING:
    from proxim.client import Host
    from proxim.client.session import ClientSession
    from proxim.rtc.path import Path as ChannelPath
    from proxim.talk.listener import By

HINT = "Your lines go to the other side; /send FILE sends a file, /close ends the session."

COMMANDS = "/send FILE offers a file, /cancel stops the files, /close ends the session."

_ALONE = 60
"""Seconds without node and channel."""

_GOODBYE = 5.0
"""Seconds for each step before the session is closed, which is closed all the same."""


class _Told:
    """Reports what happens to the channel and to chat."""

    def __init__(self, reporter: Reporter, heard: Heard, hint: str, *, sealed: bool) -> None:
        self._reporter = reporter
        self._sealed = sealed
        self._heard = heard
        self._hint = hint

    def opened(self, path: ChannelPath | None) -> None:
        how = "through a relay" if path is not None and path.relayed else "directly"
        text = f"Connected {how}. {self._hint}"
        self._reporter.report("channel", text, open=True, path=msgspec.to_builtins(path))

    def lost(self) -> None:
        lost = "The direct connection is lost. Reconnecting…"
        self._reporter.report("channel", lost, open=False)

    def gave_up(self, error: ProximError) -> None:
        text = f"{why_indirect(error)}\n{without_channel(sealed=self._sealed)}"
        self._reporter.report("channel", text, open=False, error=str(error))

    async def heard(self, text: str, by: By) -> None:
        self._heard.report("chat", f"{PEER}{printable(text)}", text=text, by=by)

    def sent_by_node(self) -> None:
        text = "Sent through the server, since the devices are not connected directly yet."
        self._reporter.report("by_server", text)

    def not_sent(self, error: ProximError) -> None:
        program.report_error(self._reporter, "Not sent", error)


class Conversation:
    """Exchanges lines and files until the session ends.

    ``folder`` is for received files, ``take_all`` takes them without asking. ``hint`` says what a
    person may type. ``done_by_enter`` ends the session at an empty line.
    """

    def __init__(
        self,
        session: ClientSession,
        reporter: Reporter,
        *,
        folder: Path,
        take_all: bool = False,
        hint: str = HINT,
        done_by_enter: bool = False,
    ) -> None:
        self.session = session
        self.reporter = reporter
        self._heard = Heard(reporter)
        told = _Told(reporter, self._heard, hint, sealed=session.sealed)
        self.direct = Direct(session, told)
        self._chat = Chat(session, self.direct, told)
        self._questions = Questions(reporter)
        self.transfers = Transfers(
            reporter, self._heard, self._questions, _who(session), folder, take_all=take_all
        )
        self._done_by_enter = done_by_enter
        self._client: Host | Guest | None = None
        self._scope = trio.CancelScope()
        self._end: str | None = None
        self._closes = False

    def leave_without(self, client: Host | Guest) -> None:
        """End, too, once neither the node nor the other device was there for a minute."""
        self._client = client

    async def run(self, goal: Callable[[], Awaitable[None]] | None = None) -> SessionOver | None:
        """Run until the session ends, and report and return its end. ``goal`` runs beside.

        Returns None if this side has left instead. Raises the error that ended the connection, if
        one did.
        """
        with self._scope:
            return await self._run(goal)
        return None

    async def _run(self, goal: Callable[[], Awaitable[None]] | None) -> SessionOver:
        self.reporter.report("connected", "Connecting to the other device…")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read_lines, nursery)
            nursery.start_soon(self._chat.run)
            nursery.start_soon(self._report_presence)
            nursery.start_soon(self._heard.run)
            if goal is not None:
                nursery.start_soon(goal)
            if self._client is not None:
                nursery.start_soon(self._leave_when_alone, self._client)
            # These end by themselves with the session, and show what has come before.
            async with trio.open_nursery() as readers:
                readers.start_soon(self.direct.stop_without_guest, readers.cancel_scope)
                readers.start_soon(self.direct.run)
                readers.start_soon(self._chat.receive)
                readers.start_soon(self._receive_files)
                readers.start_soon(self._read_signals)
            over = self.direct.over
            if not isinstance(over, SessionOver):
                over = await self.session.ended()
            nursery.cancel_scope.cancel()
        self.reporter.screen.ask(None)
        self._heard.say_left_out()
        caused = over.reason in program.CAUSED and not self._closes
        program.report_end(self.reporter, over, end=self._end if caused else None)
        return over

    async def close(self, end: str) -> None:
        """Send what waits, say why this side ends the session, and end it."""
        self._closes = True
        # Each line takes at most that long, and they may have been waiting for the same.
        with trio.move_on_after(2 * PATIENCE + _GOODBYE):
            await self._chat.wait_sent()
        with trio.move_on_after(_GOODBYE):
            await self.transfers.stop()
        if self.direct.channel is not None:
            with trio.move_on_after(_GOODBYE), suppress(ProximError):
                await self.direct.channel.flush()
        with suppress(SessionOver, BadMessage), trio.move_on_after(_GOODBYE):
            await self.session.send({"end": end})
        await self.session.close()

    async def finish(self, end: str) -> None:
        """End the session; if the node cannot be reached, leave it."""
        try:
            await self.close(end)
        except ConnectionLost:
            self._scope.cancel()

    async def _leave_when_alone(self, client: Host | Guest) -> None:
        online = True

        async def watch() -> None:
            nonlocal online
            async for now in client.reachable():
                online = now

        alone = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            while alone < _ALONE:
                await trio.sleep(1)
                alone = 0 if online or self.direct.is_open else alone + 1
            text = "Neither the server nor the other device can be reached."
            self.reporter.report("alone", text)
            self._scope.cancel()

    # -- the keyboard --------------------------------------------------------------------------

    async def _read_lines(self, nursery: trio.Nursery) -> None:
        keyboard = self.reporter.keyboard
        keyboard.discard()  # What a person typed before was not meant for the other side.
        while (line := await keyboard.line()) is not None:
            if self._questions.take(line):
                continue
            self.reporter.screen.typed(line)
            command, _, rest = line.strip().partition(" ")
            if command == "/close":
                nursery.start_soon(self._close, "left")
            elif not command and self._done_by_enter and self.transfers.are_running:
                self.reporter.report("busy", "Still receiving. Ctrl-C stops.")
            elif not command and self._done_by_enter:
                nursery.start_soon(self.finish, "done")
            elif command == "/send" and rest:
                nursery.start_soon(self._send_file, _path(rest.strip()))
            elif command == "/send":
                self.reporter.report("usage", COMMANDS)
            elif command == "/cancel":
                self.transfers.cancel()
            elif keyboard.is_person and _looks_like_command(line):
                self.reporter.report("usage", f"There is no {command}; it was not sent. {COMMANDS}")
            elif command:
                self._chat.say(line)
        self._questions.close()
        if keyboard.is_person:
            await self._close("left")

    async def _close(self, end: str) -> None:
        try:
            await self.close(end)
        except ConnectionLost as error:
            self._closes = False
            program.report_error(self.reporter, "Not closed", error)

    # -- files -----------------------------------------------------------------------------------

    async def _send_file(self, path: Path) -> None:
        if not await self.transfers.can_send(path):
            return
        try:
            if not self.direct.is_open and self.direct.problem is None:
                self.reporter.report("waiting", "Waiting for the direct connection.")
            channel = await self.direct.wait_open()
        except ProximError as error:
            program.report_error(self.reporter, f"{printable(path.name)} was not sent", error)
        else:
            await self.transfers.send(channel, path)

    async def _receive_files(self) -> None:
        while not self.direct.is_over:
            with suppress(ProximError):
                await self.transfers.receive(await self.direct.wait_open())
            await self.direct.wait_repaired()

    # -- the node --------------------------------------------------------------------------------

    async def _read_signals(self) -> None:
        async for data in self.session.signals():
            if isinstance(data, str):
                await self._chat.hear(data, "signal")
            elif isinstance(data, dict) and isinstance(data.get("end"), str):
                self._end = data["end"]
            else:
                text = json.dumps(data, ensure_ascii=False)
                self._heard.report("signal", f"{PEER}{printable(text)}", data=data)

    async def _report_presence(self) -> None:
        async for online in self.session.presence():
            text = "The other side is online." if online else "The other side is offline."
            self._heard.report("peer", text, online=online)


async def talk(session: ClientSession, reporter: Reporter, *, folder: Path, take_all: bool) -> None:
    """Exchange lines and files with the other side until the session ends."""
    reporter.exit_code = program.APPROVED
    over = await Conversation(session, reporter, folder=folder, take_all=take_all).run()
    if over is not None and over.reason not in program.NORMAL_ENDS:
        reporter.exit_code = program.REFUSED


def _who(session: ClientSession) -> str:
    """Return the name that the other side has given itself, for a person."""
    if isinstance(session, HostSession):
        name = None if session.device_info is None else session.device_info.name
    else:
        name = session.host_name if isinstance(session, Guest) else None
    return quoted(name) if name else "The other side"


def _looks_like_command(line: str) -> bool:
    """Return whether a line is a mistyped command, such as /hlep, rather than a text or a path."""
    return line.startswith("/") and line[1:].partition(" ")[0].isalpha()


def _path(text: str) -> Path:
    """Return the path that a person typed, pasted, or dragged into the terminal."""
    path = _expanded(text)
    if not path.exists() and os.sep == "/":
        with suppress(ValueError):
            if len(words := shlex.split(text)) == 1:
                return _expanded(words[0])
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return _expanded(text[1:-1]) if quoted else path


def _expanded(text: str) -> Path:
    """Return a path, with the folder of a user for ``~`` if there is one."""
    path = Path(text)
    with suppress(RuntimeError):  # There is no such user, or the user has no folder.
        return path.expanduser()
    return path
