"""A guest and a host of plain sessions without an SDK, and what they do wrong on request."""

import json
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, wrap_client_stream

from proxim.conform.client import Client

DEVICE = {"name": "Conform phone", "id": "raw-1"}
REASONS = ("closed", "rejected", "approval_timeout", "shutdown", "token_reused")


class RawClient:
    """Either side: it does what the page says, apart from ``faults``."""

    def __init__(self, faults=()):
        self.faults = set(faults)
        self.approved = self.is_over = False
        self.is_seated = False
        self.session_id = ""
        self.resume_token = None
        self.waiting = []
        self.heard = self.arrivals = 0

    @asynccontextmanager
    async def opened(self, patience):
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self.client = Client(self.do, patience)
            yield self.client
            nursery.cancel_scope.cancel()

    def tell(self, kind, **fields):
        self.client.hear({"told": kind, **fields})

    async def do(self, instruction):
        match instruction:
            case {"do": "send", "data": data}:
                if self.is_seated or "forgets" not in self.faults:
                    self.waiting.append(data)
                await self.send_waiting()
            case {"do": "close"} if "stays" not in self.faults:
                await self.say("close_session")
            case {"do": "reload"} if "stores nothing" in self.faults:
                self.tell("unsupported", what="reload")
            case {"do": "reload"}:
                await self.ws.aclose()

    async def run(self, host, port):
        protocols = ["other"] if "other subprotocol" in self.faults else ["proxim.v1"]
        while not self.is_over:
            # Closed in any case, also if the case ends while a WebSocket is being opened.
            async with await trio.open_tcp_stream(host, port) as stream:
                self.ws = await wrap_client_stream(
                    self.nursery, stream, f"{host}:{port}", "/ws", subprotocols=protocols
                )
                with suppress(ConnectionClosed):
                    await self.introduce()
                    while not self.is_over:
                        await self.handle(json.loads(await self.ws.get_message()))
                self.is_seated = False
                self.arrivals += 1
                reason = self.ws.closed
                if reason and reason.code == 4000 and "back when replaced" not in self.faults:
                    return
                if self.arrivals == 2 and "back once" in self.faults:
                    return

    async def handle(self, message):
        """Handle what both sides hear once they have their seat."""
        other = message.get("session_id", self.session_id) != self.session_id
        if other and "any session" not in self.faults:
            return
        if "strict fields" in self.faults and "later" in message:
            return
        match message["type"]:
            case "pair_result" if message["status"] == "approved":
                await self.approve(message)
            case "signal":
                self.hear_signal(message["data"])
            case "peer_online" | "peer_offline" if "no presence" not in self.faults:
                self.tell("peer", online=message["type"] == "peer_online")
            case "session_ended":
                self.end(message["reason"])
            case "error" if message["code"] == "unknown_session" and self.approved:
                if "error for the end" in self.faults:
                    self.is_over = True
                    self.tell("error", code=message["code"])
                elif "tough" not in self.faults:
                    self.end("lost")
            case "error" if not self.approved:
                self.is_over = True
                self.tell("error", code="other" if "any error" in self.faults else message["code"])
            case "error" if "fragile" in self.faults:
                self.end(message["code"])
            case kind if "strict" in self.faults and kind not in ("welcome", "error"):
                self.is_over = True

    async def approve(self, message):
        self.approved = self.is_seated = True
        self.tell("approved")
        if "no refresh" not in self.faults:
            self.nursery.start_soon(self.refresh_ice, message["ice_ttl"])
        await self.send_waiting()

    async def refresh_ice(self, ttl):
        await trio.sleep(ttl / 4)
        with suppress(ConnectionClosed):
            await self.say("refresh_ice")

    def hear_signal(self, data):
        self.heard += 1
        if ("lossy" in self.faults and self.heard > 100) or (
            "small" in self.faults and len(json.dumps(data)) > 16_384
        ):
            return
        for _ in range(2 if "echo" in self.faults else 1):
            self.tell("signal", data=data)

    def end(self, reason):
        if "deaf" in self.faults or ("known reasons" in self.faults and reason not in REASONS):
            return
        self.is_over = "listens on" not in self.faults
        self.tell("ended", reason="over" if "any reason" in self.faults else reason)

    async def send_waiting(self):
        is_ready = (self.approved and self.is_seated) or "early" in self.faults
        while self.waiting and is_ready and not self.ws.closed:
            value = self.waiting.pop(0)
            await self.say("signal", data=[value] if "wraps" in self.faults else value)

    async def say(self, kind, **fields):
        message = {"type": kind, "session_id": self.session_id, **fields}
        text = json.dumps(message)
        await self.ws.send_message(text.encode() if "binary" in self.faults else text)


class RawGuest(RawClient):
    """A guest. It cannot read sealed links."""

    token = None
    can_cancel = False

    async def do(self, instruction):
        match instruction:
            case {"do": "close"} if self.can_cancel and not self.approved:
                if "never cancels" not in self.faults:
                    await self.say("pair_cancel")
            case {"do": "pair", "link": link}:
                parts = urlsplit(link)
                if parts.fragment.count(".") == 2:
                    self.tell("unsupported", what="seal")
                    return
                self.session_id, _, self.token = parts.fragment.partition(".")
                if not self.token and "any link" not in self.faults:
                    self.tell("error", code="invalid_link")
                    return
                self.nursery.start_soon(self.run, parts.hostname, parts.port)
            case _:
                await super().do(instruction)

    async def introduce(self):
        if self.resume_token is None or "asks again" in self.faults:
            await self.say("pair_request", token=self.token, device_info=DEVICE)
        else:
            await self.say("resume", resume_token=self.resume_token)

    async def handle(self, message):
        match message["type"]:
            case "welcome" if "needs features" in self.faults and "features" not in message:
                self.is_over = True
            case "welcome":
                knows = "pair_cancel" in message.get("features", ())
                self.can_cancel = knows or "cancels anywhere" in self.faults
            case "pair_pending":
                self.resume_token = message["resume_token"]
                if "code" in message and "no code" not in self.faults:
                    self.tell("code", code=message["code"])
                if "hasty" in self.faults:
                    self.tell("approved")
            case "resumed":
                if "old token" not in self.faults:
                    self.resume_token = message.get("resume_token", self.resume_token)
                self.approved = message["session"]["status"] == "approved"
                self.is_seated = True
                await self.send_waiting()
            case "error" if "insists" in self.faults:
                self.tell("error", code=message["code"])
                await self.introduce()
            case _:
                await super().handle(message)


class RawHost(RawClient):
    """A host. It opens no sealed sessions."""

    key = None

    async def do(self, instruction):
        match instruction:
            case {"do": "open", "sealed": True}:
                self.tell("unsupported", what="seal")
            case {"do": "open", "node": node, "confirm": confirm}:
                self.confirm, parts = confirm, urlsplit(node)
                self.nursery.start_soon(self.run, parts.hostname, parts.port)
            case {"do": "decide", "approve": approve, "code": code}:
                if "any decision" in self.faults:
                    approve = True
                if "hasty" in self.faults:
                    self.tell("approved")
                code = {"code": code} if code and "no code" not in self.faults else {}
                await self.say("pair_decision", approve=approve, **code)
            case {"do": "renew"} if "no renewal" not in self.faults:
                await self.say("renew_link")
            case _:
                await super().do(instruction)

    async def introduce(self):
        self.is_new = self.key is None
        if not self.is_new and "another key" in self.faults:
            self.key = "k" * 22
        await self.say("register", uuid="raw", **({"key": self.key} if self.key else {}))

    async def handle(self, message):
        match message["type"]:
            case "registered" if self.is_new:
                self.key = message["key"]
                await self.say("create_session", session_type="persistent", confirm=self.confirm)
            case "registered":
                self.is_seated = True
                if not message["sessions"]:
                    self.end("lost")
                await self.send_waiting()
            case "session_created":
                self.session_id = message["session"]["session_id"]
                own = "http://127.0.0.1/join" if "own link" in self.faults else message["link"]
                self.tell("link", link=own)
            case "link_renewed":
                self.tell("link", link=message["link"])
            case "pair_prompt":
                self.tell("prompt", name=message["device_info"]["name"])
                if "decides alone" in self.faults:
                    await self.say("pair_decision", approve=True)
            case "contested" if "fragile" in self.faults:
                self.end("contested")
            case "error" if message["code"] == "already_decided" and "tough" in self.faults:
                self.tell("approved")
            case _:
                await super().handle(message)
