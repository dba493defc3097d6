"""Clients that do at random what clients may do, and what they may not, at one node.

In sealed sessions they send texts in place of seals, which the node cannot tell from others.

Each client decides by dice of its own, so that a seed gives the same intentions again; when they
happen depends on the machine. All that the clients send and receive goes to one log.
"""

from contextlib import suppress

import trio

from proxim.protocol import tokens
from tests.e2e.gate_client import Client, Gone

SETTINGS = (
    *("--message-rate", "0", "--sessions-per-owner", "0", "--prompts-per-host", "0"),
    *("--one-time-grace", "0.3"),
)
APPROVAL, QR_TTL, SWEEP = 1.0, 1.0, 1.0


class Owner(Client):
    """A host, which sits in its sessions by several connections at once."""

    role = "host"
    deeds = "create decide renew register close close_unseated abort leave refresh ping look ack"
    weights = (6, 10, 2, 2, 0.5, 0.3, 0.5, 0.3, 1, 1, 1, 6)

    def __init__(self, world, name):
        super().__init__(world, name)
        self.key = f"{self.dice.getrandbits(256):064x}"
        self.uuid = name
        self.prompts = {}

    def heard(self, line, message):
        super().heard(line, message)
        if message["type"] == "pair_prompt":
            self.prompts[message["session_id"]] = line
        elif message["type"] in ("pair_result", "session_ended"):
            self.prompts.pop(message["session_id"], None)

    async def register(self, line=None, *, everything=False):
        """Take all seats, some or none, by a new connection or one that there is."""
        known = sorted(self.seats)
        chosen = [each for each in known if self.dice.random() < 0.5]
        seats = self.dice.choice([None, None, chosen, []])
        if line is None:
            is_new = not self.open_lines or self.dice.random() < 0.6
            line = await self.connect() if is_new else self.dice.choice(self.open_lines)
        fields = {} if everything or seats is None else {"seats": seats}
        answer = await line.ask("register", uuid=self.uuid, key=self.key, **fields)
        # Answered once all seats are taken, so that the next connection comes after this one.
        await line.ask("ping")
        line.is_registered = True
        for session in answer["sessions"]:
            session_id = session["session_id"]
            if session["status"] in ("pending", "approved"):
                if "seats" not in fields or session_id in seats:
                    self.seats[session_id] = line
                if session["status"] == "approved":
                    self.approved.add(session_id)

    async def registered_line(self):
        found = [line for line in self.open_lines if line.is_registered]
        if found:
            return self.dice.choice(found)
        line = await self.connect()
        await self.register(line)
        return line

    async def create(self):
        if len(self.seats) >= 6:
            return
        line = await self.registered_line()
        kind = self.dice.choices(["persistent", "temporary", "one_time"], [3, 2, 2])[0]
        fields = {"ttl": self.dice.uniform(1, 6)} if kind == "temporary" else {}
        approval = self.dice.choices(["plain", "code", "sealed"], [4, 4, 4])[0]
        if approval == "code":
            fields["confirm"] = "code"
        token, by_host = self.token()
        if approval == "sealed":
            fields |= {"seal": 1, **by_host}
        answer = await line.ask("create_session", session_type=kind, **fields)
        session_id = answer["session"]["session_id"]
        self.seats[session_id] = line
        if approval == "sealed":
            self.world.sealed.add(session_id)
        self.world.links.append((session_id, answer.get("token", token)))

    def token(self):
        """Return a new pairing token, and the field by which the node learns its hash."""
        token = f"{self.dice.getrandbits(256):064x}"
        return token, {"token_hash": tokens.encode(tokens.digest(token))}

    async def renew(self):
        if self.seats:
            session_id, line = self.dice.choice(sorted(self.seats.items(), key=str))
            token, by_host = self.token()
            fields = by_host if session_id in self.world.sealed else {}
            answer = await line.ask("renew_link", session_id=session_id, **fields)
            if answer["type"] == "link_renewed":
                self.world.links.append((session_id, answer.get("token", token)))

    async def ack(self):
        """Send the ack of a prompt, now and then another one, and rarely without a seal."""
        for session_id, line in sorted(self.prompts.items(), key=str):
            if session_id in self.world.sealed or self.dice.random() < 0.1:
                ack = "another" if self.dice.random() < 0.1 else "ack"
                await line.send("pair_ack", session_id=session_id, seal=f"{ack}-{session_id}")

    async def decide(self):
        """Answer a prompt in one of the ways that a person may."""
        if not self.prompts:
            return
        session_id = self.dice.choice(sorted(self.prompts))
        line = self.seats.get(session_id) or self.prompts[session_id]
        right = self.world.codes.get(session_id)
        ask = {"session_id": session_id, "approve": True}
        with_code = ask if right is None else {**ask, "code": right}
        if session_id in self.world.sealed:
            with_code = {**ask, "seal": f"answer-{session_id}"}
        match self.dice.choices(
            ["yes", "no", "wrong", "without", "nothing", "twice"], [14, 1, 1, 1, 1, 2]
        )[0]:
            case "yes":
                await line.ask("pair_decision", **with_code)
            case "no":
                await line.ask("pair_decision", session_id=session_id, approve=False)
            case "wrong":
                await line.ask("pair_decision", **ask, code="100" if right != "100" else "101")
            case "without":
                await line.ask("pair_decision", **ask)
            case "nothing":
                self.prompts.pop(session_id, None)
            case "twice":
                await line.send("pair_decision", **with_code)
                await line.ask("pair_decision", session_id=session_id, approve=False)

    async def close_unseated(self):
        """Close a session by a connection that has only registered."""
        if self.seats:
            session_id = self.dice.choice(sorted(self.seats))
            line = await self.registered_line()
            await line.ask("close_session", session_id=session_id)

    async def look(self):
        await (await self.registered_line()).ask("list_sessions")

    async def settle(self):
        with suppress(Gone):
            await self.register(await self.connect(), everything=True)


class Guest(Client):
    """A guest, which comes back with its newest token, and now and then with an older one."""

    role = "guest"
    deeds = "pair again cancel resume close abort leave refresh ping"
    weights = (8, 2, 1, 3, 0.3, 0.7, 0.3, 1, 1)

    def __init__(self, world, name):
        super().__init__(world, name)
        self.tokens = {}
        self.asked = []

    def heard(self, line, message):
        super().heard(line, message)
        match message["type"]:
            case "pair_pending":
                session_id = message["session_id"]
                self.tokens[session_id] = [message["resume_token"]]
                self.seats[session_id] = line
                if "code" in message:
                    self.world.codes[session_id] = message["code"]
            case "resumed":
                session_id = message["session"]["session_id"]
                self.tokens.setdefault(session_id, []).append(message["resume_token"])
                self.seats[session_id] = line
                if message["session"]["status"] == "approved":
                    self.approved.add(session_id)
            case "session_ended":
                self.tokens.pop(message["session_id"], None)

    async def pair(self):
        """Ask with a link, which another guest may have used, or with a wrong token."""
        if not self.world.links:
            return
        at = self.dice.randrange(len(self.world.links))
        session_id, token = self.world.links[at]
        if self.dice.random() < 0.7:
            del self.world.links[at]
        if self.dice.random() < 0.1:
            token = token[::-1]
        fields = {"device_info": {"name": self.name, "id": "x"}}
        if session_id in self.world.sealed and self.dice.random() < 0.95:
            outside = {"name": "Sealed device", "id": "x"}
            fields = {"device_info": outside, "seal": f"request-{self.name}-{session_id}"}
        self.asked.append({"session_id": session_id, "token": token, **fields})
        await (await self.line()).ask("pair_request", **self.asked[-1])

    async def again(self):
        """Send one of the last requests again, as a guest does that heard no answer."""
        if self.asked:
            await (await self.line()).ask("pair_request", **self.dice.choice(self.asked[-3:]))

    async def cancel(self):
        if self.seats:
            session_id, line = self.dice.choice(sorted(self.seats.items(), key=str))
            await line.ask("pair_cancel", session_id=session_id)

    async def resume(self, *, newest=False):
        if not self.tokens:
            return
        session_id = self.dice.choice(sorted(self.tokens))
        at = -1 if newest else self.dice.choices([-1, -2, 0], [40, 4, 1])[0]
        given = self.tokens[session_id]
        token = given[at] if at + len(given) >= 0 else given[-1]
        is_new = newest or self.dice.random() < 0.8
        line = await self.connect() if is_new else await self.line()
        await self._resume(line, session_id, token)

    async def _resume(self, line, session_id, token):
        answer = await line.ask("resume", session_id=session_id, resume_token=token)
        if answer["type"] == "error":
            self.tokens.pop(session_id, None)

    async def settle(self):
        for session_id, given in list(self.tokens.items()):
            with suppress(Gone):
                await self._resume(await self.connect(), session_id, given[-1])


class Stranger(Client):
    """A second owner with the uuid of another, which tries what it has no right to."""

    role = "host"
    deeds = "intrude look abort"
    weights = (10, 1, 0.3)

    def __init__(self, world, name, victim):
        super().__init__(world, name)
        self.victim = victim
        self.key = f"{self.dice.getrandbits(256):064x}"

    async def look(self):
        line = await self.line()
        await line.ask("register", uuid=self.victim.uuid, key=self.key)
        await line.ask("list_sessions")

    async def intrude(self):
        if not self.victim.seats:
            return
        session_id = self.dice.choice(sorted(self.victim.seats))
        line = await self.line()
        match self.dice.randrange(7):
            case 0:
                code = self.world.codes.get(session_id, "100")
                await line.ask("pair_decision", session_id=session_id, approve=True, code=code)
            case 1:
                await line.ask("renew_link", session_id=session_id)
            case 2:
                await line.ask("close_session", session_id=session_id)
            case 3:
                await line.ask("refresh_ice", session_id=session_id)
            case 4:
                await line.ask("resume", session_id=session_id, resume_token="x" * 43)
            case 5:
                await line.signal(session_id)
            case 6:
                await line.ask("pair_cancel", session_id=session_id)


class World:
    """One node, or several of a cluster, their clients and the clients' log.

    ``links`` and ``codes`` are what people see. The sessions in ``sealed`` are sealed.
    """

    def __init__(self, seed, *ports):
        self.seed = seed
        self.ports = ports
        self.log = []
        self.links = []
        self.codes = {}
        self.sealed = set()
        self.is_over = False
        self.nursery = None

    async def live(self, seconds, has_enough=lambda log: True, *, owners=3, guests=6):
        """Let all clients play for some seconds, and on until their log has enough.

        A slow machine needs longer; after ten times as long it is over, whatever the log has.
        """
        async with trio.open_nursery() as self.nursery:
            hosts = [Owner(self, f"owner{number}") for number in range(owners)]
            visitors = [Guest(self, f"guest{number}") for number in range(guests)]
            strangers = [Stranger(self, f"stranger{number}", hosts[number]) for number in range(2)]
            clients = [*hosts, *visitors, *strangers]
            async with trio.open_nursery() as playing:
                for client in clients:
                    playing.start_soon(client.play)
                    playing.start_soon(client.talk)
                for _ in range(10):
                    await trio.sleep(seconds)
                    if has_enough(self.log):
                        break
                self.is_over = True
            await self._settle(hosts, visitors)
            self.nursery.cancel_scope.cancel()

    async def _settle(self, hosts, visitors):
        """Have everybody come back, and send a last signal on each approved session."""
        async with trio.open_nursery() as nursery:
            for client in (*hosts, *visitors):
                nursery.start_soon(client.settle)
        for _ in range(2):  # Only the second one after all of the first have arrived.
            for client in (*hosts, *visitors):
                for session_id, line in list(client.seats.items()):
                    if session_id in client.approved:
                        with suppress(Gone):
                            await line.signal(session_id)
            await trio.sleep(0.3)
            for client in (*hosts, *visitors):
                for line in client.open_lines:
                    with suppress(Gone):
                        await line.ask("ping")
