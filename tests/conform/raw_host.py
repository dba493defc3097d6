"""A host of sealed sessions without an SDK, and what it does wrong on request."""

import secrets
from urllib.parse import urlsplit

from proxim.protocol.messages import SessionType
from proxim.protocol.tokens import encode
from proxim.sealing.answer import Terms
from proxim.sealing.box import seal_box
from proxim.sealing.host import Asked, Refused, SealedHost, new_link
from tests.conform.raw_sealed import RawSealed

TERMS = Terms("Raw host", SessionType.PERSISTENT, None)


class RawSealedHost(RawSealed):
    """A host that does what the page says, apart from ``faults``."""

    host = None
    key = None

    async def do(self, instruction):
        match instruction:
            case {"do": "open", "node": node}:
                self.node, self.keys = node, new_link()
                parts = urlsplit(node)
                self.nursery.start_soon(self.run, parts.hostname, parts.port)
            case {"do": "renew"}:
                self.keys = self.host.renew()
                if "one seed" in self.faults:
                    self.keys = self.host._keys[0]
                await self.say("renew_link", token_hash=self.keys.token_hash)
            case {"do": "decide", "approve": approve, "code": code}:
                await self.decide(approve, code)
            case {"do": "reload"}:
                await self.reload()
            case _:
                await super().do(instruction)

    def restore(self):
        self.host = SealedHost.restore(self.session_id, self.host.state)
        self.peer = self.host.peer

    async def handle(self, message):
        match message["type"]:
            case "welcome":
                self.features = message["features"]
                await self.say("register", uuid="raw", key=self.key)
            case "registered" if self.host is None:
                self.key = message["key"]
                if "seal" in self.features or "any node" in self.faults:
                    seal = {} if "unsealed" in self.faults else {"seal": 1}
                    fields = {"session_type": "persistent", "token_hash": self.keys.token_hash}
                    await self.say("create_session", **fields, **seal)
                else:
                    self.tell("error", code="seal_unavailable")
            case "registered":
                (session,) = message["sessions"]
                self.peer_online = session["guest_online"]
                self.is_plain = "seal" not in session and "any session" in self.faults
                if session["status"] == "approved":
                    await self.is_approved(is_new=False)
            case "session_created":
                self.session_id = message["session"]["session_id"]
                self.host = SealedHost(self.session_id, self.keys)
                self.tell("link", link=str(self.host.link(self.node)))
            case "link_renewed":
                if "old links" not in self.faults:
                    self.host.renewed(self.keys)
                self.tell("link", link=str(self.link_of(self.keys)))
            case "pair_prompt":
                await self.prompted(message.get("seal"))
            case "pair_result" if message["status"] == "approved":
                await self.is_approved(is_new=True)
            case "session_ended":
                self.is_over = True
                self.tell("ended", reason=message["reason"])
            case _:
                await self.handle_peer(message)

    def link_of(self, keys):
        return SealedHost(self.session_id, keys).link(self.node)

    async def is_approved(self, *, is_new):
        if self.host.peer is None and "believes yes" in self.faults:
            self.tell("approved")
            return
        if self.host.peer is None:
            await self.leave("tampered")
            return
        self.peer = self.host.peer
        if is_new:
            self.expects_hello = False
            self.tell("approved")
        if not is_new or not self.peer.is_ready:
            await self.arrive()

    async def prompted(self, seal):
        verdict = self.host.take_prompt(seal, 0.0)
        if isinstance(verdict, Asked):
            await self.asked(verdict)
        elif "asks about all" in self.faults:
            self.tell("prompt", name="?")
        elif verdict is not Refused.TAMPERED:
            await self.say("pair_decision", approve=False)
        elif "one is enough" not in self.faults:
            await self.say("pair_decision", approve=False)
            await self.leave("tampered")

    async def asked(self, verdict):
        if self.host.decision() is not None:
            if "decides once" not in self.faults:
                await self.say_decision(self.host.decision())
            return
        ack = verdict.ack
        if not verdict.is_new and "acks anew" in self.faults:
            pending = self.host._pending
            public = pending.own.public
            ack = encode(seal_box(pending.secret, "ack", "h", public, secrets.token_bytes))
        if "no ack" not in self.faults:
            await self.say("pair_ack", seal=ack)
        self.tell("prompt", name=verdict.name)
        if "decides alone" in self.faults:
            await self.say_decision(self.host.approve_unchecked(TERMS))

    async def decide(self, approve, code):
        try:
            if not approve:
                decision = self.host.decline(TERMS)
            elif "any code" in self.faults:
                decision = self.host.approve_unchecked(TERMS)
            else:
                decision = self.host.approve(str(code), TERMS)
        except ValueError:
            self.tell("error", code="code_required")
            return
        await self.say_decision(decision)

    async def say_decision(self, decision):
        seal = {} if "unsealed decision" in self.faults else {"seal": decision.seal}
        await self.say("pair_decision", approve=decision.approve, **seal)
