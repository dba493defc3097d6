"""A host that knows a device, and the device."""

from contextlib import asynccontextmanager

import trio
from msgspec import structs

from proxim.client import Remember, open_guest, open_host, open_visit
from proxim.client.granted import GrantKeeper
from proxim.devices.store import MemoryStore
from tests.client.helpers import PATIENCE, until
from tests.client.sealed import at


class Pair:
    """A host and a device that it knows; each has a store that outlives its programs."""

    def __init__(self, url):
        self.url = url
        self.devices, self.grants = MemoryStore(), MemoryStore()
        self.key = None

    @property
    def record(self):
        (record,) = self.devices.load()
        return record

    @property
    def grant(self):
        (grant,) = self.grants.load()
        return grant

    @asynccontextmanager
    async def host(self, url=None, **options):
        """The host's program, once it waits for the devices that it knows."""
        given = {"uuid": "desk", "name": "Desk", "key": self.key, "devices": self.devices}
        async with open_host(url or self.url, **given | options) as host:
            self.key = host.key
            yield host

    async def remember(self, host, **wish):
        """Pair once, by a code, and remember the device."""
        session = await host.create("persistent", sealed=True)
        link = at(session.link, self.url)
        async with open_guest(link, name="Phone", grants=self.grants) as guest:
            prompt = await session.prompt()
            wish = Remember(**{"name": "My phone", "days": 1} | wish)
            await prompt.approve(await guest.wait_code(), remember=wish)
            await guest.approved()
            await guest.close()
        await is_waiting(host)
        return guest

    def visit(self, grants=None):
        grants = self.grants if grants is None else grants
        (grant,) = grants.load()
        return open_visit(grant, name="Phone", grants=grants)

    @asynccontextmanager
    async def sending(self, seal, monkeypatch):
        """A visit whose request has this seal."""

        def request(self):
            secret, request = request_of(self)
            return secret, structs.replace(request, seal=seal)

        request_of = GrantKeeper.request
        monkeypatch.setattr(GrantKeeper, "request", request)
        async with self.visit() as guest:
            yield guest
        monkeypatch.undo()

    @asynccontextmanager
    async def visiting(self, host, grants=None):
        """Both sides of an approved visit, of a device with the policy ``"ask"``."""
        async with self.visit(grants) as guest:
            visit = await next_visit(host)
            await (await visit.prompt()).approve()
            await guest.approved()
            yield visit, guest


async def next_visit(host):
    with trio.fail_after(PATIENCE):
        return await host.visit()


async def is_waiting(host):
    """Wait until a new visit may begin."""
    await until(lambda: any(is_new(each) for each in host._known.visits.values()))


def is_new(visit):
    return visit.status == "pending" and visit._prompt is None


def copy_of(store):
    copied = MemoryStore()
    copied.save(store.load())
    return copied
