"""Hosts and guests that do at random what clients may do, at any node, and log what they see.

What each does is decided by dice of its own, so that a seed gives the same intentions again; when
they happen depends on the machine.
"""

import random
from contextlib import contextmanager, suppress

import trio
from trio_websocket import ConnectionClosed, HandshakeError, wrap_client_stream

from tests.backends.redis.line import Gone, Line
from tests.backends.redis.log import SILENCE, Entry

PATIENCE = 12.0
"""Seconds after which an answer does not count any more: 5, and the longest freeze."""


@contextmanager
def suppress_all(*kinds):
    """As ``suppress``, also inside a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        if (rest := group.split(kinds)[1]) is not None:
            raise rest from None
    except kinds:
        pass


class Player:
    """``town`` knows the nodes, keeps the log and has the nursery."""

    patience = PATIENCE

    def __init__(self, town, name):
        self.town = town
        self.name = name
        self.dice = random.Random(f"{town.seed} {name}")
        self.lines = 0
        self.line = None
        self.sessions = {}
        self.numbers = {}

    def note(self, line, kind, what):
        self.town.log.append(Entry(trio.current_time(), self.name, line.number, kind, what))

    def unanswered(self, line, message):
        if not line.is_gone:
            self.note(line, SILENCE, message)

    def lost(self, line):
        pass

    def heard(self, line, message):
        if line is self.line:
            self.told(message)

    def told(self, message):
        session_id = message.get("session_id")
        if message["type"] == "session_ended":
            self.sessions.pop(session_id, None)
        elif message["type"] == "pair_result" and message["status"] == "approved":
            self.sessions[session_id] = "approved"

    async def connect(self):
        """A new connection; the one before is given up, some way or other."""
        old = self.line
        if old is not None and self.dice.random() < 0.7:
            await old.abort()
        line = None
        with trio.move_on_after(4):
            line = await self.town.nursery.start(self._hold, self.town.port(self.dice))
        if line is None:
            await trio.sleep(0.2)
            raise Gone
        self.line = line

    async def _hold(self, port, *, task_status):
        """Have a connection until it is gone; started with None if there is none."""
        with suppress_all(OSError, HandshakeError, ConnectionClosed, trio.BrokenResourceError):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream, trio.open_nursery() as nursery:
                ws = await wrap_client_stream(
                    nursery, stream, "127.0.0.1", "/ws", message_queue_size=256
                )
                self.lines += 1
                line = Line(self, ws, stream, self.lines)
                task_status.started(line)
                await line.read()
                nursery.cancel_scope.cancel()
            return
        task_status.started(None)

    async def signal(self):
        """A burst on a session that is approved."""
        known = [each for each, status in self.sessions.items() if status == "approved"]
        if not known:
            return
        session_id = self.dice.choice(sorted(known))
        for _ in range(self.dice.randrange(1, 12)):
            await self.say(session_id)

    async def say(self, session_id):
        number = self.numbers[session_id] = self.numbers.get(session_id, 0) + 1
        data = [session_id, self.role, number]
        await self.line.send("signal", session_id=session_id, data=data)

    async def close(self):
        if self.sessions:
            session_id = self.dice.choice(sorted(self.sessions))
            if self.role == "host" or self.sessions[session_id] == "approved":
                await self.line.ask("close_session", session_id=session_id)

    async def play(self):
        """Until the town has had enough."""
        while not self.town.is_over:
            try:
                if self.line is None or self.line.is_gone:
                    await self.come_back()
                await self.act()
            except Gone:
                if self.line is not None and not self.line.is_gone:
                    await self.line.abort()
            await trio.sleep(self.dice.uniform(0.02, 0.4))

    async def settle(self):
        """Be there, at last, in every session that there still is."""
        while True:
            with suppress(Gone):
                if self.line is None or self.line.is_gone or not self.has_all:
                    await self.come_back()
                if self.has_all and not self.line.is_gone:
                    return
            await trio.sleep(0.2)


class HostPlayer(Player):
    role = "host"

    def __init__(self, town, name, links):
        super().__init__(town, name)
        self.links = links
        self.key = f"{self.dice.getrandbits(256):064x}"
        self.prompts = []
        self.has_all = False

    def told(self, message):
        super().told(message)
        if message["type"] == "pair_prompt":
            self.prompts.append(message["session_id"])

    async def come_back(self):
        self.has_all = False
        await self.connect()
        answer = await self.line.ask("register", uuid=self.name, key=self.key)
        if answer["type"] == "error":
            await self.line.abort()
            raise Gone
        statuses = {each["session_id"]: each["status"] for each in answer["sessions"]}
        self.sessions = {
            each: status for each, status in statuses.items() if status in ("pending", "approved")
        }
        self.has_all = True

    async def act(self):
        if self.prompts and self.dice.random() < 0.8:
            await self.decide(self.prompts.pop(0))
            return
        match self.dice.choices(
            ["create", "signal", "move", "leave", "close"], [3, 8, 1, 0.5, 0.3]
        )[0]:
            case "create" if len(self.sessions) < 3:
                await self.create()
            case "signal":
                await self.signal()
            case "move":
                await self.come_back()
            case "leave":
                await self.line.abort()
                await trio.sleep(self.dice.uniform(0, 1.5))
            case "close":
                await self.close()

    async def create(self):
        kind = self.dice.choices(["persistent", "temporary", "one_time"], [4, 2, 1])[0]
        fields = {"ttl": self.dice.randrange(4, 15)} if kind == "temporary" else {}
        answer = await self.line.ask("create_session", session_type=kind, **fields)
        if answer["type"] == "session_created":
            session_id = answer["session"]["session_id"]
            self.sessions.setdefault(session_id, "pending")
            with suppress(trio.WouldBlock):
                self.links.send_nowait((session_id, answer["link"].rpartition(".")[2]))

    async def decide(self, session_id):
        """A click, or two at once; or none, so that the prompt runs out."""
        match self.dice.choices(["yes", "no", "nothing", "both", "twice"], [12, 2, 2, 1, 1])[0]:
            case "yes":
                await self.line.ask("pair_decision", session_id=session_id, approve=True)
            case "no":
                await self.line.ask("pair_decision", session_id=session_id, approve=False)
            case "both":
                await self.line.send("pair_decision", session_id=session_id, approve=False)
                await self.line.ask("pair_decision", session_id=session_id, approve=True)
            case "twice":
                await self.line.send("pair_decision", session_id=session_id, approve=True)
                await self.line.ask("pair_decision", session_id=session_id, approve=True)


class GuestPlayer(Player):
    role = "guest"

    def __init__(self, town, name, links):
        super().__init__(town, name)
        self.links = links
        self.tokens = {}
        self.seated = set()

    def told(self, message):
        super().told(message)
        if message["type"] == "pair_pending":
            # It may come late, after it was refused for the time being.
            self.tokens[message["session_id"]] = message["resume_token"]
            self.sessions[message["session_id"]] = "pending"
            self.seated.add(message["session_id"])
        elif message["type"] == "session_ended":
            self.tokens.pop(message["session_id"], None)

    @property
    def has_all(self):
        return self.tokens.keys() <= self.seated

    async def come_back(self):
        self.seated = set()
        await self.connect()
        for session_id, token in list(self.tokens.items()):
            answer = await self.line.ask("resume", session_id=session_id, resume_token=token)
            if answer["type"] == "resumed":
                self.seated.add(session_id)
                self.sessions[session_id] = answer["session"]["status"]
            elif answer.get("code") not in ("unavailable", "rate_limited"):
                self.tokens.pop(session_id, None)
                self.sessions.pop(session_id, None)

    async def act(self):
        match self.dice.choices(["pair", "signal", "move", "leave", "close"], [4, 8, 1, 0.5, 0.15])[
            0
        ]:
            case "pair":
                with suppress(trio.WouldBlock):
                    await self.pair(*self.links.receive_nowait())
            case "signal":
                await self.signal()
            case "move":
                await self.come_back()
            case "leave":
                await self.line.abort()
                await trio.sleep(self.dice.uniform(0, 1.5))
            case "close":
                await self.close()
        if not self.has_all:
            await self.come_back()

    async def pair(self, session_id, token):
        device = {"name": self.name, "id": "x"}
        for _ in range(4):
            answer = await self.line.ask(
                "pair_request", session_id=session_id, token=token, device_info=device
            )
            if answer.get("code") not in ("unavailable", "host_offline", "rate_limited"):
                return
            await trio.sleep(0.7)
