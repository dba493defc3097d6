"""After random clients at three nodes, with a Redis that is away now and then, nothing is left."""

import random
import secrets
from functools import partial

import pytest
import trio
from msgspec import Raw

from proxim.actors.limits import LimitSettings
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.session import events as ev
from tests.actors.helpers import DEVICE, PERSISTENT
from tests.backends.redis.memory_coordinator import Memory
from tests.backends.redis.test_backend import MemberNode

SEEDS = range(6)
CLIENTS, STEPS = 8, 40
LIMITS = LimitSettings(
    sessions_per_owner=6, standing_per_owner=5, sessions_per_address=12, max_prompts=20
)
TOKEN = "t" * 43
HASH = tokens.encode(tokens.digest(TOKEN))
AWAY = (0.5, 4.0, 8.0)
"""Seconds without Redis: less and more than a request waits for, and nearly a lease."""


class World:
    """Three nodes, and what the clients of the test know of each other's sessions."""

    def __init__(self, nodes, seed):
        self.nodes = nodes
        self.random = random.Random(seed)
        self.nonces = [tokens.encode(secrets.token_bytes(32)) for _ in range(6)]
        self.ids = []
        self.seats = []

    def note(self, message):
        match message:
            case wire.SessionCreated():
                self.ids = [*self.ids, message.session.session_id][-8:]
            case wire.PairPending():
                self.seats = [*self.seats, (message.session_id, message.resume_token)][-8:]

    def as_host(self, session_id):
        nonce = self.random.choice([None, *self.nonces])
        ttl = self.random.choice([None, 500.0])
        open_one = wire.CreateSession(
            session_type=PERSISTENT, token_hash=HASH, nonce=nonce, link_ttl=ttl
        )
        decision = wire.PairDecision(session_id=session_id, approve=self.random.random() < 0.8)
        close = wire.CloseSession(session_id=session_id)
        return self.random.choice([open_one, open_one, decision, decision, close])

    def as_guest(self, session_id):
        asked = self.random.choice([session_id, *self.ids])
        ask = wire.PairRequest(session_id=asked, token=TOKEN, device_info=DEVICE)
        requests = [ask, ask, wire.CloseSession(session_id=session_id)]
        if self.seats:
            seat, token = self.random.choice(self.seats)
            requests.append(wire.Resume(session_id=seat, resume_token=token))
        return self.random.choice(requests)


async def behaves(world, number):
    """Be a host or a guest, at one node after the other."""
    chance, is_host = world.random, number % 2 == 0
    client = None
    for _ in range(STEPS):
        await trio.sleep(chance.choice([0, 0.01, 0.3, 1, 5]))
        if client is None or client.closed or chance.random() < 0.1:
            if client is not None:
                client.close()
            client = chance.choice(world.nodes).connect(f"192.0.2.{number}")
            client.patience = 30.0
            if is_host:
                await client.sends(wire.Register(uuid="desk", key=f"{number}" * 43))
        session_id = chance.choice([*client.seats, *world.ids, "x" * 22])
        request = (world.as_host if is_host else world.as_guest)(session_id)
        if chance.random() < 0.2:
            request = wire.Signal(session_id=session_id, data=Raw(b"1"))
        before = len(client.told)
        await client.sends(request)
        for message in client.told[before:]:
            world.note(message)
    client.close()


async def cuts(world, seed):
    """Let one node after the other be without Redis for a while."""
    chance = random.Random(seed)
    while True:
        await trio.sleep(chance.choice([2, 10, 30]))
        coordinator = chance.choice(world.nodes).coordinator
        coordinator.is_cut = True
        await trio.sleep(chance.choice(AWAY))
        coordinator.is_cut = False


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_left_of_sessions_that_were_removed(autojump_clock, nursery, seed):
    memory = Memory()
    nodes = [MemberNode(memory, limit_settings=LIMITS) for _ in range(3)]
    for node in nodes:
        await nursery.start(node.live)
    world = World(nodes, seed)
    async with trio.open_nursery() as cutting:
        cutting.start_soon(cuts, world, seed)
        async with trio.open_nursery() as playing:
            for number in range(CLIENTS):
                playing.start_soon(partial(behaves, world, number))
        cutting.cancel_scope.cancel()
    for node in nodes:
        node.coordinator.is_cut = False
    await trio.sleep(30)
    for node in nodes:
        for actor in node.supervisor.actors():
            actor.notify(ev.CloseRequested(None))
    await trio.sleep(130)
    for node in nodes:
        supervisor, member, limits = node.supervisor, node.member, node.supervisor.limits
        left = {
            "sessions": supervisor.actors(),
            "owners": supervisor._owned,
            "sources": supervisor._sources,
            "sessions of addresses": +limits.sessions._held,
            "sessions of networks": limits.session_networks._held,
            "prompts of hosts": +limits.prompts._held,
            "prompts of networks": limits.prompt_networks._held,
            "backlogs": supervisor.terms.backlog_budget.used,
            "clients of other nodes": member.remote_connections._connections,
            "their sessions": member.remote_connections._at_session,
            "seats at other nodes": member.remote_sessions._remote_seats,
            "records": member.write_queue._entries,
            "reserved ids": member.write_queue._reserved,
            "searches": member.registry._finding,
        }
        assert {what: each for what, each in left.items() if each} == {}
        assert supervisor.crashes == 0
