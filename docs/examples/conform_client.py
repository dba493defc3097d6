"""The Python SDK as a client under test: `proxim conform guest -- python conform_client.py`.

Each line of the input is an instruction, and each line of the output tells what happened.
"""

import json
import sys

import trio

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol.errors import InvalidLink, ProximError, SessionOver


def tell(kind, **fields):
    print(json.dumps({"told": kind, **fields}), flush=True)


def tell_error(error):
    if isinstance(error, SessionOver):
        tell("ended", reason=error.reason)
    elif isinstance(error, InvalidLink):
        tell("error", code="invalid_link")
    else:
        tell("error", code=getattr(error, "code", "connection_lost"))


class Client:
    def __init__(self, nursery):
        self.nursery = nursery
        self.session = None
        self.scope = trio.CancelScope()
        # What a program stores.
        self.resume_token = self.key = None
        self.seals = {}

    def start(self, task, *arguments):
        self.nursery.start_soon(self.try_to, task, *arguments)

    async def try_to(self, task, *arguments):
        try:
            await task(*arguments)
        except* ProximError as errors:
            tell_error(errors.exceptions[0])

    async def run(self, side, *arguments):
        """Be a side of a session, again and again until nobody reloads the program."""
        is_new = True
        while is_new or self.scope.cancelled_caught:
            with trio.CancelScope() as self.scope:
                await self.try_to(side, is_new, *arguments)
            is_new = False

    async def pair(self, is_new, link, name):
        if is_new:
            opened = open_guest(link, name=name, store_token=self.store)
        else:
            url, session_id = self.session.node_url, self.session.session_id
            opened = resume_guest(url, session_id, self.resume_token, store_token=self.store)
        async with opened as self.session, trio.open_nursery() as nursery:
            nursery.start_soon(self.watch_notices)
            await self.session.wait_code()
            if self.session.code:
                tell("code", code=self.session.code)
            await self.session.approved()
            tell("approved")
            await self.hear(nursery)

    def store(self, resume_token):
        self.resume_token = resume_token

    async def open(self, is_new, node, session_type, options):
        opened = open_host(node, uuid="desk", name="Desk", key=self.key, seals=self.seals)
        async with opened as host, trio.open_nursery() as nursery:
            self.key = host.key
            if is_new:
                self.session = await host.create(session_type, **options)
                tell("link", link=self.session.link)
            else:
                self.session = host.sessions[self.session.session_id]
            nursery.start_soon(self.watch_notices)
            if self.session.status != "approved":
                prompt = await self.session.prompt()
                tell("prompt", name=prompt.device_info.name, confirm=prompt.confirm == "code")
            await self.hear(nursery)

    async def decide(self, approve, code):
        if (await self.session.decide(approve=approve, code=code)).status == "approved":
            tell("approved")

    async def send(self, data):
        if self.session is not None:  # It is there once the host is asked.
            await self.session.send(data)

    async def renew(self):
        await self.session.renew()
        tell("link", link=self.session.link)

    async def hear(self, nursery):
        nursery.start_soon(self.watch_peer)
        async for data in self.session.signals():
            tell("signal", data=data)
        raise await self.session.ended()

    async def watch_peer(self):
        online = True
        while (online := await self.session.presence_after(online)) is not None:
            tell("peer", online=online)

    async def watch_notices(self):
        async for notice in self.session.notices():
            tell("notice", notice=notice)


async def main():
    async with trio.open_nursery() as nursery:
        client = Client(nursery)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            match json.loads(line):
                case {"do": "pair", "link": link, "name": name}:
                    nursery.start_soon(client.run, client.pair, link, name)
                case {"do": "open", "node": node, "type": kind, "confirm": confirm, **more}:
                    options = {"confirm": confirm, "sealed": more["sealed"]}
                    nursery.start_soon(client.run, client.open, node, kind, options)
                case {"do": "reload"}:
                    client.scope.cancel()
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
