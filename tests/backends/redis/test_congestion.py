"""Signals between nodes that come faster than they go, on a coordinator in memory."""

import gc

import pytest
import trio
from msgspec import Raw

from proxim.actors.congestion import Congestion
from proxim.actors.relay import relay
from proxim.backends.redis import bus as bus_module
from proxim.backends.redis.outgoing import SIGNAL_BOUND, WINDOW
from proxim.backends.redis.rpc import Acknowledgement
from proxim.clock import now
from proxim.protocol import messages as wire
from proxim.protocol.errors import RateLimited
from proxim.session.events import Role
from tests.actors.helpers import GUEST, HOST
from tests.backends.redis import memory_coordinator
from tests.backends.redis.test_backend import Patient, members, pairs, talks

LARGE = Raw(b'"%b"' % (b"x" * 60_000))
ENOUGH = 2 * SIGNAL_BOUND // 60_000


def flood(connection, session_id, data=LARGE, count=ENOUGH):
    """Send signals without a pause; return what the connection was told of each."""
    told = []
    for _ in range(count):
        try:
            told.append(relay(connection, wire.Signal(session_id=session_id, data=data), now()))
        except RateLimited:
            told.append(Congestion.FULL)
    return told


async def talk_again(meeting):
    """Check that small signals cross, after all large ones have."""
    for role in Role:
        meeting[role].told.clear()
    await talks(meeting)


@pytest.mark.parametrize("sender", [HOST, GUEST])
async def test_flood_between_nodes_is_slowed_down_and_refused_and_closes_nobody(
    autojump_clock, members, monkeypatch, sender
):
    arrived, tell = [], Patient.tell

    def tells(client, message):
        if isinstance(message, wire.Signal):
            arrived.append(message.session_id)
        tell(client, message)

    monkeypatch.setattr(Patient, "tell", tells)
    greedy = await pairs(members[0], members[1])
    innocent = await pairs(members[0], members[1], key="i" * 43)
    told = flood(greedy[sender], greedy.id)
    assert told[0] is None
    assert set(told) == {None, Congestion.HIGH, Congestion.FULL}
    assert told.count(Congestion.FULL) > len(told) / 2
    # All that waits now is the flood; the innocent is neither refused nor late.
    assert flood(innocent[sender], innocent.id, Raw(b"7"), 1) == [None]
    await trio.sleep(5)
    assert arrived.index(innocent.id) < 20
    assert len(arrived) == len(told) - told.count(Congestion.FULL) + 1
    assert {meeting[role].closed for meeting in (greedy, innocent) for role in Role} == {False}
    await talk_again(innocent)
    await talk_again(greedy)


@pytest.mark.parametrize("sender", [HOST, GUEST])
async def test_refused_signal_does_not_stay_in_memory(autojump_clock, members, sender):
    meeting = await pairs(members[0], members[1])
    gc.collect()
    gc.disable()
    try:
        assert Congestion.FULL in flood(meeting[sender], meeting.id)
        assert not [each for each in gc.get_objects() if isinstance(each, RateLimited)]
    finally:
        gc.enable()


async def test_request_is_answered_while_another_session_floods(autojump_clock, members):
    greedy = [await pairs(members[0], members[1], key=f"{n}" * 43) for n in range(4)]
    for meeting in greedy:
        flood(meeting.guest, meeting.id)
    waiting = await pairs(members[0], members[1], key="i" * 43)
    await talks(waiting)


async def test_sender_never_gets_far_ahead_of_a_node_that_handles_nothing(
    autojump_clock, members, monkeypatch
):
    greedy = [await pairs(members[0], members[1], key=f"{n}" * 43) for n in range(6)]
    memory = members[0].coordinator._memory
    there = members[1].member.bus.node
    receive = memory_coordinator.MemoryCoordinator.receive

    async def hangs(coordinator, node):
        if node == there:
            await trio.sleep(2)
            return []
        return await receive(coordinator, node)

    monkeypatch.setattr(memory_coordinator.MemoryCoordinator, "receive", hangs)
    await trio.sleep(1.5)
    for meeting in greedy:
        flood(meeting.host, meeting.id)
    await trio.sleep(1)
    assert 0 < sum(map(len, memory.batches[there])) < 1.5 * WINDOW
    monkeypatch.undo()
    await trio.sleep(5)
    for meeting in greedy:
        await talk_again(meeting)


async def test_lost_acknowledgement_stops_nothing(autojump_clock, members, monkeypatch):
    meeting = await pairs(members[0], members[1])
    monkeypatch.setattr(bus_module, "_ACKNOWLEDGED_AT_ONCE", 2**60)
    for _ in range(8):
        flood(meeting.host, meeting.id)
        await trio.sleep(6)
    await talk_again(meeting)


async def test_forged_acknowledgement_is_ignored(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    members[1].member.bus.send(members[0].member.bus.node, Acknowledgement(sent=10**30))
    members[1].member.bus.send("nobody", Acknowledgement(sent=1))
    await talks(meeting)


@pytest.mark.parametrize("host_at", [0, 1, 2])
async def test_signal_that_a_client_at_another_node_has_no_room_for_is_refused(
    autojump_clock, members, host_at
):
    meeting = await pairs(members[0], members[2] if host_at != 2 else members[1])
    if host_at:
        meeting.host = members[host_at].connect()
        await meeting.host.registers()
        await trio.sleep(0.5)
    tell = meeting.guest.tell
    meeting.guest.tell = lambda message: (
        Congestion.FULL if isinstance(message, wire.Signal) else tell(message)
    )
    await meeting.host.signals(meeting.id, 1)
    await trio.sleep(0.5)
    (refusal,) = meeting.host.heard(wire.Error)
    assert (refusal.code, refusal.session_id) == ("rate_limited", meeting.id)
    assert refusal.retry_after
    assert meeting.guest.numbers == []
    meeting.guest.tell = tell
    await talks(meeting)


__all__ = ["members"]
