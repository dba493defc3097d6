"""Devices that the application of a node remembers: the node is in the same program."""

import asyncio
from contextlib import contextmanager

import pytest
import trio
import trustme

import proxim
from proxim.client import Remember, open_guest, open_visit
from proxim.devices.store import DeviceFile, GrantFile, MemoryStore
from proxim.protocol.errors import ConnectionLost
from tests.client.helpers import PATIENCE, end, hear
from tests.client.known import is_waiting, next_visit
from tests.net.test_tls import write
from tests.ports import reserved_port


@pytest.fixture
def port():
    with reserved_port() as port:
        yield port


async def remember(host, url, grants, **wish):
    """Pair once, by a code, and remember the device."""
    session = await host.create("one_time", sealed=True)
    link = f"{url}/join#{session.link.partition('#')[2]}"
    async with open_guest(link, name="Phone", grants=grants) as guest:
        prompt = await session.prompt()
        wish = Remember(**{"name": "My phone", "days": 1} | wish)
        await prompt.approve(await guest.wait_code(), remember=wish)
        await guest.approved()
    await is_waiting(host)


def visit_with(grants):
    return open_visit(grants.load()[-1], name="Phone", grants=grants)


async def test_device_comes_again_to_the_next_node_of_the_application(port, tmp_path):
    devices, grants = DeviceFile(tmp_path / "devices"), GrantFile(tmp_path / "grants")
    async with proxim.Node(port=port) as node, node.open_host(devices=devices) as host:
        await remember(host, node.url, grants)
    async with (
        proxim.Node(port=port) as node,
        node.open_host(devices=devices) as host,
        visit_with(grants) as guest,
    ):
        visit = await next_visit(host)
        await (await visit.prompt()).approve()
        await guest.approved()
        await guest.send("here again")
        assert await hear(visit, 1) == ["here again"]
        await host.rename(visit.device.id, "Old phone")
        assert [(each.name, each.is_here) for each in host.devices()] == [("Old phone", True)]
        await host.forget(visit.device.id)
        assert (await end(guest))[1] == "forgotten"
        assert host.devices() == devices.load() == []


async def test_device_comes_in_without_a_question_and_all_are_forgotten():
    grants = MemoryStore()
    async with proxim.Node(port=0) as node, node.open_host() as host:
        await remember(host, node.url, grants, policy="auto")
        async with visit_with(grants) as guest:
            visit = await next_visit(host)
            await guest.approved()
            assert visit.status == "approved"
            await guest.send("here")
            assert await hear(visit, 1) == ["here"]
            await host.forget_all()
            assert (await end(guest))[1] == "forgotten"
        assert host.devices() == []


@pytest.mark.parametrize(
    "settings",
    [
        {"public_url": "https://app.example/proxim"},
        {"access_token": "s" * 22},
        {"max_connections": 3, "connections_per_address": 1, "limit_loopback": True},
        {"join_url": "https://app.example/in", "lan": True},
    ],
    ids=lambda settings: next(iter(settings)),
)
async def test_host_reaches_its_node_whatever_the_settings_are(settings):
    grants = MemoryStore()
    async with proxim.Node(port=0, **settings) as node, node.open_host(key="k" * 22) as host:
        session = await host.create("one_time", sealed=True)
        page = settings.get("join_url") or f"{node.url}/join"
        assert session.link.startswith(f"{page}#")
        await session.close()
        await remember(host, node.local_url, grants)
        assert len(host.devices()) == 1


async def test_host_reaches_a_node_with_a_certificate(tmp_path):
    settings = write(trustme.CA().issue_cert("node.example"), tmp_path)
    async with proxim.Node(port=0, **settings) as node, node.open_host() as host:
        session = await host.create("one_time", sealed=True)
        assert session.link.startswith(f"{node.url}/join#")


async def test_end_of_the_node_ends_the_host():
    async with proxim.Node(port=0) as node:
        async with node.open_host() as host:
            session = await host.create("one_time")
            node.stop()
            with pytest.raises(ConnectionLost), trio.fail_after(PATIENCE):
                await host.visit()
            assert session.over.reason == "shutdown"
        with pytest.raises(ConnectionLost, match="does not run"):
            node.open_host()


async def test_plain_with_says_what_to_use():
    async with proxim.Node(port=0) as node:
        with pytest.raises(RuntimeError, match=r"use proxim\.run_in_thread$"), node.open_host():
            pass


# -- a node in a thread ------------------------------------------------------------------------


@contextmanager
def visiting(grants):
    with proxim.sync.open_visit(grants.load()[-1], name="Phone", grants=grants) as guest:
        yield guest


def pair_in_thread(host, grants):
    session = host.create("one_time", sealed=True)
    with proxim.sync.open_guest(session.link, name="Phone", grants=grants) as guest:
        prompt = session.prompt(timeout=PATIENCE)
        prompt.approve(guest.wait_code(), remember=Remember(name="My phone"))
        guest.approved(timeout=PATIENCE)


def test_device_comes_again_to_a_node_in_a_thread(port, tmp_path):
    devices, grants = DeviceFile(tmp_path / "devices"), GrantFile(tmp_path / "grants")
    with proxim.run_in_thread(port=port) as node, node.open_host(devices=devices) as host:
        pair_in_thread(host, grants)
    with (
        proxim.run_in_thread(port=port) as node,
        node.open_host(devices=devices) as host,
        visiting(grants) as guest,
    ):
        visit = host.visit(timeout=PATIENCE)
        visit.prompt(timeout=PATIENCE).approve()
        guest.approved(timeout=PATIENCE)
        guest.send("here again")
        assert visit.receive(timeout=PATIENCE) == "here again"
        host.rename(visit.device.id, "Old phone")
        assert [device.name for device in host.devices()] == ["Old phone"]
        host.forget_all()
        assert guest.ended(timeout=PATIENCE).reason == "forgotten"


def test_asyncio_awaits_the_host_of_a_node_in_a_thread(tmp_path):
    grants = GrantFile(tmp_path / "grants")

    async def main():
        with proxim.run_in_thread(port=0) as node:
            async with node.open_host() as host:
                session = await host.create("one_time", sealed=True)
                opened = proxim.aio.open_guest(session.link, name="Phone", grants=grants)
                async with opened as guest:
                    prompt = await session.prompt()
                    await prompt.approve(await guest.wait_code(), remember=Remember(name="Mine"))
                    await guest.approved()
                opened = proxim.aio.open_visit(grants.load()[-1], name="Phone", grants=grants)
                async with opened as guest:
                    visit = await anext(host.visits())
                    await (await visit.prompt()).approve()
                    await guest.approved()
                    await guest.send("here again")
                    assert await visit.receive() == "here again"
                    await host.forget(visit.device.id)
                    assert (await guest.ended()).reason == "forgotten"

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_node_that_stops_first_ends_the_block_of_its_host():
    with proxim.run_in_thread(port=0) as node:
        opening = node.open_host()
        with opening as host:
            node.stop()
            with pytest.raises(ConnectionLost):
                host.visit(timeout=PATIENCE)
        with pytest.raises(RuntimeError, match="call open_host again"), opening:
            pass
        with pytest.raises(ConnectionLost), node.open_host():
            pass


def test_store_that_cannot_be_read_is_an_error_at_once(tmp_path):
    (tmp_path / "devices").write_text("{")
    (tmp_path / "devices").chmod(0o600)
    devices = DeviceFile(tmp_path / "devices")
    with (
        proxim.run_in_thread(port=0) as node,
        pytest.raises(proxim.InvalidSetting),
        node.open_host(devices=devices),
    ):
        pass
