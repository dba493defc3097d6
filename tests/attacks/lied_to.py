"""The honest sides of a sealed session, in both languages, with one interface for the tests."""

import json
import os
import subprocess
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import trio

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol.errors import ConnectionLost, ProximError, RequestError, SessionOver
from proxim.protocol.messages import Status
from tests.client.helpers import PATIENCE

DRIVER = Path(__file__).parent / "lied_to.js"


class Side:
    """One side, with what it has shown to the person in front of it.

    ``names`` are those of the other side, and ``numbers`` those that a phone has shown. ``end`` is
    the reason of the end, or the code of the error that came instead of a session.
    """

    role = ""

    def __init__(self, url):
        self.url = url
        self.link = None
        self.is_there = False
        self.names = set()
        self.numbers = set()
        self.is_asked = self.is_approved = False
        self.notices = set()
        self.said = []
        self.heard = []
        self.end = None

    async def send(self, value):
        """Send a value to the other side."""
        self.said.append(value)
        await self.does("send", data=value)


def reason_of(error):
    """Return the reason of an end, or the code of another error."""
    if not isinstance(error, SessionOver):
        return error.code
    # The notice says why this side has rejected.
    return "rejected" if error.reason == "unopened" else str(error.reason)


class _Python(Side):
    """A program with the Python SDK."""

    def __init__(self, url, nursery):
        super().__init__(url)
        self._nursery = nursery

    async def does(self, what, **fields):
        """Have the session do something."""
        await getattr(self, f"_{what}")(**fields)

    async def start(self):
        self.is_there = True
        self._scope, self._gone = trio.CancelScope(), trio.Event()
        await self._nursery.start(self._run)

    async def reload(self):
        """End the program; the next one goes on with what it has stored."""
        self._scope.cancel()
        await self._gone.wait()
        self.is_asked = False
        await self.start()

    async def _run(self, *, task_status):
        with self._scope:
            try:
                async with self._opened() as self.session, trio.open_nursery() as nursery:
                    for watch in (self._watch, self._hear, self._notice):
                        nursery.start_soon(watch)
                    task_status.started()
                    self.end = await self._ended()
                    nursery.cancel_scope.cancel()
            except ProximError as error:
                self.end = reason_of(error)
                task_status.started()
        self._gone.set()

    async def _ended(self):
        try:
            return reason_of(await self.session.ended())
        except ProximError as error:
            return reason_of(error)

    async def _hear(self):
        async for value in self.session.signals():
            self.heard.append(value)

    async def _notice(self):
        async for notice in self.session.notices():
            self.notices.add(str(notice))

    async def _send(self, data):
        # The refusal is that of an earlier message. This one has been sent.
        with suppress(RequestError):
            await self.session.send(data)

    async def _close(self):
        # The program ends meanwhile, if the other side has ended the session.
        with suppress(ConnectionLost):
            await self.session.close()


class PythonDesk(_Python):
    """A host with the Python SDK."""

    role = "desk"

    def __init__(self, url, nursery):
        super().__init__(url, nursery)
        self._key, self._seals = None, {}

    @asynccontextmanager
    async def _opened(self):
        kept = {"key": self._key, "seals": self._seals}
        async with open_host(self.url, uuid="desk", name="Desk", **kept) as host:
            self._key = host.key
            if self.link is None:
                page = f"{self.url}/join"
                session = await host.create("persistent", sealed=True, join_url=page)
                self.link = session.link
            elif host.sessions:
                (session,) = host.sessions.values()
            else:
                raise SessionOver("rejected", "refused while the program started")
            yield session

    async def _watch(self):
        session, prompt = self.session, None
        while session.over is None:
            if session._prompt is not prompt:
                prompt = session._prompt
                self.is_asked = True
                self.names.add(prompt.device_info.name)
            if session.status is Status.APPROVED:
                self.is_approved = True
                self.names.add(session.device_info.name)
            await session._changed.park()

    async def _renew(self):
        await self.session.renew()
        self.link = self.session.link

    async def _approve(self, code):
        await (await self.session.prompt()).approve(code)

    async def _decline(self):
        await (await self.session.prompt()).decline()


class PythonPhone(_Python):
    """A guest with the Python SDK."""

    role = "phone"
    _seat = None

    @asynccontextmanager
    async def _opened(self):
        kept = {"store_token": self._store}
        if self._seat is None:
            opened = open_guest(self.link, name="Phone", node_url=self.url, **kept)
        else:
            session_id = self.link.partition("#")[2].partition(".")[0]
            opened = resume_guest(self.url, session_id, self._seat, **kept)
        async with opened as guest:
            yield guest

    def _store(self, token):
        self._seat = token

    async def _watch(self):
        guest = self.session
        while guest.over is None:
            if guest.code is not None:
                self.numbers.add(guest.code)
            if guest.status is Status.APPROVED:
                self.is_approved = True
                self.names.add(guest.host_name)
            await guest._changed.park()


class _JavaScript(Side):
    """A page with proxim.js, in a process of Node.js that it shares with the other page."""

    def __init__(self, url, browser):
        super().__init__(url)
        self._browser = browser
        browser.sides[self.role] = self

    async def does(self, what, **fields):
        """Have the session do something."""
        await self._browser.does(side=self.role, do=what, **fields)

    async def start(self):
        self.is_there = True
        await self.does("start", url=self.url, link=self.link)

    async def reload(self):
        """Leave the page, and load it again."""
        self.is_asked = False
        await self.does("reload")


class JavaScriptDesk(_JavaScript):
    role = "desk"


class JavaScriptPhone(_JavaScript):
    role = "phone"


@contextmanager
def node_process():
    """A process of Node.js for the pages of several tests."""
    command = ["node", "--experimental-websocket", "--no-warnings", str(DRIVER)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        yield process


class Browser:
    """A browser with new storage. It writes what its pages show, a line of JSON each."""

    def __init__(self, stdin, stdout):
        self.sides = {}
        self._stdin, self._stdout = stdin, stdout
        self._answers = {}
        self._number = 0

    @classmethod
    @asynccontextmanager
    async def in_process(cls, process):
        ends = [
            trio.lowlevel.FdStream(os.dup(each.fileno()))
            for each in (process.stdin, process.stdout)
        ]
        async with ends[0], ends[1], trio.open_nursery() as nursery:
            browser = cls(*ends)
            nursery.start_soon(browser._read)
            yield browser
            await browser.does(do="fresh")
            nursery.cancel_scope.cancel()

    async def does(self, **command):
        self._number += 1
        number, answered = self._number, trio.Event()
        self._answers[number] = answered
        line = json.dumps({**command, "number": number}) + "\n"
        await self._stdin.send_all(line.encode())
        with trio.fail_after(PATIENCE):
            await answered.wait()

    async def _read(self):
        rest = b""
        async for chunk in self._stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(**json.loads(line))
        raise AssertionError("the process of Node.js has ended")

    def _take(self, number=None, error=None, side=None, shows=None, value=None):
        assert error is None, error
        if number is not None:
            self._answers.pop(number).set()
            return
        page = self.sides[side]
        match shows:
            case "link":
                page.link = value
            case "asked":
                page.is_asked = True
                page.names.add(value)
            case "approved":
                page.is_approved = True
                page.names.add(value)
            case "number":
                page.numbers.add(value)
            case "notice":
                page.notices.add({"does_not_open": "unopened"}.get(value, value))
            case "signal":
                page.heard.append(value)
            case "end":
                page.end = value
