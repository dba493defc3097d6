"""Who waits while QR codes are drawn."""

import json
import statistics
import time
from contextlib import AsyncExitStack

import pytest
import trio

from proxim import node as node_module
from proxim import qr
from proxim.net.limits import Limits
from proxim.net.token_bucket import TokenBucket
from proxim.node import Node
from proxim.settings import Settings
from tests.net.helpers import (
    KEY,
    TEXT,
    MemoryNode,
    connected,
    dial,
    frame,
    open_session,
    read_until,
    shake,
)


def message(kind, **fields):
    return frame(TEXT, json.dumps({"type": kind, **fields}).encode())


def draw_at_once(monkeypatch):
    """Draw without a thread, during which the clock of a test would jump on."""

    async def here(function, *args):
        return function(*args)

    monkeypatch.setattr(node_module, "in_own_thread", here)
    monkeypatch.setattr(qr, "svg", str)


async def opened(stream, uuid="desk"):
    """Open a session on a raw stream; return the answer."""
    await shake(stream)
    register = message("register", uuid=uuid, key=KEY)
    await stream.send_all(register + message("create_session", session_type="persistent"))
    heard = await read_until(stream, b'"session_created"', b"}")
    return json.loads(heard[heard.index(b'{"type":"session_created"') :])


@pytest.fixture
async def node():
    """A node with a low limit on drawings, and none on messages."""
    limits = Limits(messages=TokenBucket.of(0, 1))
    node = Node(Settings(port=0, allow_host=("node",), drawings_per_owner=5), limits=limits)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        yield node
        node.stop()


async def test_an_owner_gets_only_so_many_codes_in_a_minute(nursery, autojump_clock, monkeypatch):
    draw_at_once(monkeypatch)
    memory_node = MemoryNode(nursery, settings=Settings(drawings_per_owner=3))
    host, same, other = [await memory_node.client() for _ in range(3)]
    session_id, _ = await open_session(host)
    asked = {"session_id": session_id, "qr": "svg"}
    for _ in range(3):
        assert "qr_svg" in await host.ask("renew_link", **asked)
        await trio.sleep(1)
    refused = await host.ask("renew_link", ref="r", **asked)
    assert (refused["code"], refused["ref"]) == ("rate_limited", "r")
    assert refused["retry_after"] == pytest.approx(57, abs=1)
    # The owner counts, not the connection; a link without a drawing is not refused.
    await same.ask("register", uuid="desk", key=KEY, seats=[])
    created = await same.ask("create_session", session_type="persistent", qr="svg")
    assert created["code"] == "rate_limited"
    assert (await host.ask("renew_link", session_id=session_id))["type"] == "link_renewed"
    await other.ask("register", uuid="another", key=KEY)
    assert "qr_svg" in await other.ask("create_session", session_type="persistent", qr="svg")
    await trio.sleep(57)
    assert "qr_svg" in await host.ask("renew_link", **asked)
    assert memory_node.supervisor.stats.refusals["drawings_per_owner"] == 2


async def test_who_changes_its_owner_gets_four_times_as_many_codes(nursery, monkeypatch):
    draw_at_once(monkeypatch)
    memory_node = MemoryNode(nursery, settings=Settings(drawings_per_owner=3))
    greedy, other = [await memory_node.client(peer=f"203.0.113.{number}") for number in (1, 2)]
    asked = {"session_type": "persistent", "qr": "svg"}
    for number in range(12):
        await greedy.ask("register", uuid=f"desk-{number}")
        assert "qr_svg" in await greedy.ask("create_session", **asked)
    await greedy.ask("register", uuid="desk-12")
    assert (await greedy.ask("create_session", **asked))["code"] == "rate_limited"
    await other.ask("register", uuid="another")
    assert "qr_svg" in await other.ask("create_session", **asked)


async def test_neighbour_who_has_many_codes_drawn_keeps_nobody_from_a_link(nursery, monkeypatch):
    draw_at_once(monkeypatch)
    memory_node = MemoryNode(nursery, settings=Settings(drawings_per_owner=1))
    greedy, other = [await memory_node.client(peer="203.0.113.1") for _ in range(2)]
    asked = {"session_type": "persistent", "qr": "svg"}
    for number in range(4):
        await greedy.ask("register", uuid=f"desk-{number}")
        assert "qr_svg" in await greedy.ask("create_session", **asked)
    await other.ask("register", uuid="another")
    assert (await other.ask("create_session", **asked))["code"] == "rate_limited"
    assert (await other.ask("create_session", session_type="persistent"))["link"]


async def test_a_renewed_link_counts_for_the_owner_of_its_session(nursery, monkeypatch):
    draw_at_once(monkeypatch)
    memory_node = MemoryNode(nursery, settings=Settings(drawings_per_owner=3))
    host = await memory_node.client()
    session_id, _ = await open_session(host)
    for number in range(3):
        await host.ask("register", uuid=f"desk-{number}")
        assert "qr_svg" in await host.ask("renew_link", session_id=session_id, qr="svg")
    await host.ask("register", uuid="desk-3")
    refused = await host.ask("renew_link", session_id=session_id, qr="svg")
    assert refused["code"] == "rate_limited"
    assert "qr_svg" in await host.ask("create_session", session_type="persistent", qr="svg")


async def test_a_renewal_that_the_guest_asks_for_counts_for_nobody(nursery, monkeypatch):
    draw_at_once(monkeypatch)
    memory_node = MemoryNode(nursery, settings=Settings(drawings_per_owner=1))
    host, guest, session_id = await memory_node.pair()
    await guest.ask("register", uuid="guest")
    asked = {"session_id": session_id, "qr": "svg"}
    for _ in range(3):
        assert (await guest.ask("renew_link", **asked))["code"] == "not_allowed"
    for client in (host, guest):
        assert "qr_svg" in await client.ask("create_session", session_type="persistent", qr="svg")


@pytest.mark.real_time
async def test_pipelined_renewals_on_four_connections_delay_no_other_client(node, monkeypatch):
    drawn, waits = [], []
    draw = qr.svg
    monkeypatch.setattr(qr, "svg", lambda link: drawn.append(1) or draw(link))
    async with AsyncExitStack() as stack:
        bystander = await stack.enter_async_context(connected(node))
        await bystander.ask("register", uuid="bystander")
        for number in range(4):
            stream = await stack.enter_async_context(dial(node))
            session_id = (await opened(stream, uuid=f"desk-{number}"))["session"]["session_id"]
            await stream.send_all(message("renew_link", session_id=session_id, qr="svg") * 200)
        refusals = node.supervisor.stats.refusals
        with trio.fail_after(30):
            while refusals["drawings_per_owner"] < 4 * 195:
                before = time.perf_counter()
                assert await bystander.pings()
                waits.append(time.perf_counter() - before)
    assert len(drawn) == 20
    assert statistics.median(waits) < 0.1
