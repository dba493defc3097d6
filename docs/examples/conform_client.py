"""The Python SDK as a client under test: `proxim conform guest -- python conform_client.py`.

Each line of the input is an instruction, and each line of the output tells what happened.
"""

import json
import sys

import trio

from proxim.client import open_guest, open_host
from proxim.protocol.errors import InvalidLink, ProximError, RequestError, SessionOver


def tell(kind, **fields):
    print(json.dumps({"told": kind, **fields}), flush=True)


def tell_error(error):
    if isinstance(error, SessionOver):
        tell("ended", reason=error.reason)
    elif isinstance(error, InvalidLink):
        tell("error", code="invalid_link")
    else:
        tell("error", code=error.code if isinstance(error, RequestError) else "connection_lost")


class Client:
    def __init__(self, nursery):
        self.nursery = nursery
        self.session = None

    def start(self, task, *arguments):
        self.nursery.start_soon(self.try_to, task, *arguments)

    async def try_to(self, task, *arguments):
        try:
            await task(*arguments)
        except* ProximError as errors:
            tell_error(errors.exceptions[0])

    async def pair(self, link, name):
        async with open_guest(link, name=name) as self.session:
            await self.session.wait_code()
            if self.session.code:
                tell("code", code=self.session.code)
            await self.session.approved()
            tell("approved")
            await self.hear()

    async def open(self, node, session_type, confirm):
        async with open_host(node, uuid="desk") as host:
            self.session = await host.create(session_type, confirm=confirm)
            tell("link", link=self.session.link)
            prompt = await self.session.prompt()
            tell("prompt", name=prompt.device_info.name, confirm=prompt.confirm == "code")
            await self.hear()

    async def decide(self, approve, code):
        if (await self.session.decide(approve=approve, code=code)).status == "approved":
            tell("approved")

    async def send(self, data):
        if self.session is not None:  # It is there once the host is asked.
            await self.session.send(data)

    async def renew(self):
        await self.session.renew()
        tell("link", link=self.session.link)

    async def hear(self):
        self.nursery.start_soon(self.watch_peer)
        async for data in self.session.signals():
            tell("signal", data=data)
        raise await self.session.ended()

    async def watch_peer(self):
        online = True
        while (online := await self.session.presence_after(online)) is not None:
            tell("peer", online=online)


async def main():
    async with trio.open_nursery() as nursery:
        client = Client(nursery)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            match json.loads(line):
                case {"do": "pair", "link": link, "name": name}:
                    client.start(client.pair, link, name)
                case {"do": "open", "node": node, "type": session_type, "confirm": confirm}:
                    client.start(client.open, node, session_type, confirm)
                case {"do": "decide", "approve": approve, "code": code}:
                    client.start(client.decide, approve, code)
                case {"do": "renew"}:
                    client.start(client.renew)
                case {"do": "send", "data": data}:
                    client.start(client.send, data)
                case {"do": "close"}:
                    client.start(client.session.close)
        nursery.cancel_scope.cancel()


trio.run(main)
