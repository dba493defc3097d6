"""A client without an SDK, in the tests' process, and what it does wrong on request."""

import json
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, wrap_client_stream

from proxim.conform.client import Client

DEVICE = {"name": "Conform phone", "id": "raw-1"}


class RawGuest:
    """A guest that does what the page says, apart from ``faults``."""

    def __init__(self, faults=()):
        self.faults = set(faults)
        self.approved = self.is_over = False
        self.token = self.resume_token = None
        self.waiting = []

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
            case {"do": "send", "data": data}:
                self.waiting.append(data)
                await self.send_waiting()
            case {"do": "close"}:
                await self.say("close_session")
            case {"do": "reload"}:
                self.tell("unsupported", what="reload")

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
                reason = self.ws.closed
                if reason and reason.code == 4000 and "back when replaced" not in self.faults:
                    return

    async def introduce(self):
        if self.resume_token is None or "asks again" in self.faults:
            await self.say("pair_request", token=self.token, device_info=DEVICE)
        else:
            await self.say("resume", resume_token=self.resume_token)

    async def handle(self, message):
        other = message.get("session_id", self.session_id) != self.session_id
        if other and "any session" not in self.faults:
            return
        match message["type"]:
            case "pair_pending":
                self.resume_token = message["resume_token"]
                if "code" in message and "no code" not in self.faults:
                    self.tell("code", code=message["code"])
                if "hasty" in self.faults:
                    self.tell("approved")
            case "pair_result" if message["status"] == "approved":
                self.approved = True
                self.tell("approved")
                await self.send_waiting()
            case "resumed":
                if "old token" not in self.faults:
                    self.resume_token = message.get("resume_token", self.resume_token)
                self.approved = message["session"]["status"] == "approved"
                await self.send_waiting()
            case "signal":
                self.tell("signal", data=message["data"])
                if "echo" in self.faults:
                    self.tell("signal", data=message["data"])
            case "session_ended":
                self.is_over = "deaf" not in self.faults
                if self.is_over:
                    self.tell("ended", reason=message["reason"])
            case "error" if not self.approved or message["code"] == "unknown_session":
                self.is_over = True
                kind = "ended" if self.approved else "error"
                self.tell(kind, code=message["code"], reason=message["code"])
            case kind if "strict" in self.faults and kind not in ("welcome", "error"):
                self.is_over = True

    async def send_waiting(self):
        while self.waiting and (self.approved or "early" in self.faults):
            await self.say("signal", data=self.waiting.pop(0))

    async def say(self, kind, **fields):
        message = {"type": kind, "session_id": self.session_id, **fields}
        text = json.dumps(message)
        await self.ws.send_message(text.encode() if "binary" in self.faults else text)
