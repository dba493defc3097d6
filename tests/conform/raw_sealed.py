"""A guest of sealed sessions without an SDK, what host and guest share, and what they do wrong."""

import json
import secrets
from contextlib import suppress
from urllib.parse import urlsplit

import trio
from msgspec import structs

from proxim.protocol.errors import InvalidLink
from proxim.protocol.tokens import encode
from proxim.sealing.box import open_box, seal_box
from proxim.sealing.encoding import DoesNotOpen, decode
from proxim.sealing.guest import SealedGuest
from proxim.sealing.link import parse_sealed_link
from proxim.sealing.peer import Notice, SealedPeer
from tests.conform.raw_client import RawClient

SEALED_DEVICE = {"name": "Sealed device", "id": "raw-2"}


class RawSealed(RawClient):
    """Either side. Once it is approved it has a ``peer``."""

    def __init__(self, faults=()):
        super().__init__(faults)
        self.peer = self.code = None
        self.peer_online = True
        self.expects_hello = self.owes_hello = False
        self.has_noticed = self.is_plain = False

    async def introduce(self):
        """Wait for the welcome; nothing is sealed before this side has its seat."""
        self.expects_hello = True

    async def arrive(self):
        """Say hello: this side has come back to an approved session."""
        if "no hello" in self.faults:
            return
        self.owes_hello = not self.peer_online and "hello to nobody" not in self.faults
        self.expects_hello = self.owes_hello
        if not self.owes_hello:
            await self.say_hello()

    async def say_hello(self):
        await self.say("signal", data=self.peer.start())
        if "one hello" not in self.faults:
            self.nursery.start_soon(self.say_hello_again, self.peer._machine.out)

    async def say_hello_again(self, out):
        await trio.sleep(10)
        if self.peer._machine.out is out:
            await self.say_hello()

    async def handle_peer(self, message):
        match message["type"]:
            case "signal" if self.is_plain:
                self.tell("signal", data=message["data"])
            case "signal" if self.peer is not None:
                await self.hear(message["data"])
            case "peer_offline":
                self.peer_online = False
            case "peer_online":
                self.peer_online = True
                self.expects_hello = "hasty" not in self.faults
                if self.owes_hello:
                    await self.arrive()

    async def hear(self, data):
        peer, epoch = self.peer, self.peer._epoch
        is_sealed = isinstance(data, dict) and "s" in data
        if not is_sealed and "takes plain" in self.faults:
            await self.find_tampered()
            self.tell("signal", data=data)
            return
        if is_sealed and "strict keys" in self.faults and set(data) - set("senhc"):
            return
        if is_sealed and "any text" in self.faults and "c" in data:
            text = epoch.open(data["n"], decode(data["c"]))
            self.tell("signal", data=text.decode("utf-8", "replace"))
            return
        if is_sealed and "any version" in self.faults:
            data = {**data, "s": 1}
        if "any number" in self.faults and epoch is not None:
            epoch.heard = -1
        if "small" in self.faults and len(json.dumps(data)) > 16_384:
            return
        received = peer.receive(json.dumps(data).encode(), trio.current_time())
        notice = received.notice
        if notice is Notice.TAMPERED or (notice and "all is tampered" in self.faults):
            await self.find_tampered(data)
        if received.send is not None:
            await self.say("signal", data=received.send)
        if peer._epoch is not epoch:
            self.expects_hello = self.owes_hello = False
        if received.data is not None:
            self.tell("signal", data=json.loads(bytes(received.data)))
        await self.send_waiting()

    async def find_tampered(self, data=None):
        if "silent" not in self.faults and (not self.has_noticed or "loud" in self.faults):
            self.tell("notice", notice="tampered")
        self.has_noticed = True
        if not isinstance(data, dict):
            return
        if "h" in data and "answers all" in self.faults:
            await self.say("signal", data=self.peer.start())
        if "c" in data and "counts all" in self.faults:
            self.peer._epoch.heard = data["n"]
        if "c" in data and "one key" in self.faults:
            nonce = data["n"].to_bytes(12, "big")
            text = self.peer._epoch._sealing.decrypt(nonce, decode(data["c"]), None)
            self.tell("signal", data=json.loads(text))

    async def send_waiting(self):
        while self.waiting and self.peer is not None and not self.ws.closed:
            is_ready = self.peer.is_ready and not self.expects_hello
            if not is_ready and "hasty" not in self.faults:
                return
            value = self.waiting.pop(0)
            number, text = self.peer._epoch.seal(json.dumps(value).encode())
            sealed = {"s": 1, "e": self.peer.epoch_id, "n": number, "c": encode(text)}
            is_plain = self.is_plain or "sends plain" in self.faults
            await self.say("signal", data=value if is_plain else sealed)

    async def reload(self):
        self.code = None
        if "no reload" not in self.faults:
            self.restore()
        await self.ws.aclose()

    async def leave(self, reason):
        self.is_over = True
        self.tell("ended", reason=reason)
        with suppress(trio.BrokenResourceError):
            await self.say("close_session")


class RawSealedGuest(RawSealed):
    """A guest that does what the page says, apart from ``faults``."""

    guest = None
    is_declined = False

    async def do(self, instruction):
        match instruction:
            case {"do": "pair", "link": link, "name": name}:
                self.name, parts = name, urlsplit(link)
                try:
                    self.link = parse_sealed_link(link)
                    self.session_id = self.link.session_id
                    self.guest = SealedGuest.ask(self.link, self.name)
                except InvalidLink:
                    if "any link" not in self.faults:
                        self.tell("error", code="invalid_link")
                        return
                self.nursery.start_soon(self.run, parts.hostname, parts.port)
            case {"do": "reload"}:
                await self.reload()
            case _:
                await super().do(instruction)

    def restore(self):
        if self.peer is not None:
            self.peer = SealedPeer("g", self.peer.secret)
        self.guest = SealedGuest.restore(self.guest.state)

    async def handle(self, message):
        match message["type"]:
            case "welcome" if self.resume_token is not None:
                await self.say("resume", resume_token=self.resume_token)
            case "welcome" if "seal" in message["features"] or "any node" in self.faults:
                if "asks anew" in self.faults:
                    self.guest = SealedGuest.ask(self.link, self.name)
                device = {"name": self.name, "id": "x"} if "names" in self.faults else SEALED_DEVICE
                state = self.guest.state
                await self.say(
                    "pair_request", token=state.token, seal=state.seal, device_info=device
                )
            case "welcome":
                self.tell("error", code="seal_unavailable")
            case "pair_pending":
                self.resume_token = message["resume_token"]
                if "code of the node" in self.faults:
                    self.tell("code", code=message["code"])
            case "pair_ack":
                await self.take_ack(message["seal"])
            case "pair_result" if message["status"] == "approved":
                await self.take_answer(message.get("seal"))
            case "pair_result":
                answer = self.guest.take_answer(message.get("seal"), is_approved=False)
                self.is_declined = "doubts" not in self.faults and answer is not None
            case "resumed":
                await self.resumed(message)
            case "session_ended":
                reason = message["reason"]
                is_confirmed = self.is_declined or "believes no" in self.faults
                if reason == "rejected" and not is_confirmed:
                    reason = "unconfirmed"
                self.is_over = True
                self.tell("ended", reason=reason)
            case _:
                await self.handle_peer(message)

    async def resumed(self, message):
        self.resume_token = message["resume_token"]
        self.peer_online = message["host_online"]
        if "no seals of resumed" in self.faults:
            message = {"session": message["session"]}
        if "ack" in message and self.peer is None:
            await self.take_ack(message["ack"])
        if message["session"]["status"] != "approved":
            return
        self.is_plain = "seal" not in message["session"] and "any session" in self.faults
        if self.peer is None:
            await self.take_answer(message.get("seal"))
        if self.peer is not None:
            await self.arrive()

    async def take_ack(self, seal):
        if "last ack" in self.faults:
            self.guest.state = structs.replace(self.guest.state, host_key=None)
        if not self.guest.take_ack(seal):
            await self.find_tampered()
            if "any ack" in self.faults:
                self.tell("code", code="482")
        elif self.code != self.guest.code:
            self.code = self.guest.code
            self.tell("code", code=self.code)

    async def take_answer(self, seal):
        answer = self.guest.take_answer(self.altered(seal), is_approved=True)
        if self.guest.peer is None and "believes yes" in self.faults:
            self.guest.peer = self.guest._new_peer()
        if self.guest.peer is None:
            await self.leave("tampered")
            return
        self.peer, self.expects_hello = self.guest.peer, False
        self.tell("approved")
        if answer is not None and answer.terms.left is not None and "no clock" not in self.faults:
            self.nursery.start_soon(self.end_after, answer.terms.left)
        if not self.peer.is_ready:
            await self.arrive()

    def altered(self, seal):
        """Return the host's answer as a guest reads it that does not look closely."""
        kind = "ack" if "any kind" in self.faults else "answer"
        try:
            answer = json.loads(open_box(self.guest.state.secret, kind, "h", decode(seal or "")))
        except DoesNotOpen:
            return seal
        if "any answer" in self.faults:
            answer["yes"] = True
        if "any name" in self.faults:
            answer["name"] = "Host"
        if "strict keys" in self.faults and len(answer) != 5:
            return None
        text = json.dumps(answer).encode().ljust(1024)
        box = seal_box(self.guest.state.secret, "answer", "h", text, secrets.token_bytes)
        return encode(box)

    async def end_after(self, left):
        await trio.sleep(left)
        await self.leave("expired")
