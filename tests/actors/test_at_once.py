"""Rules for events of several connections at the same moment."""

import secrets

import pytest
import trio
from msgspec import Raw
from trio.testing import wait_all_tasks_blocked

from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.protocol.tokens import SESSION_ID_BYTES
from proxim.session.events import Role
from tests.actors.helpers import KEY

GUEST = Role.GUEST


async def test_no_signal_crosses_after_the_deadline_with_a_late_timer(autojump_clock, node):
    meeting = await node.pairs(SessionType.TEMPORARY, ttl=10.0)
    assert meeting.lines == [True, True]
    # The clock jumps over the deadline, and this task runs before the actor does.
    autojump_clock.autojump_threshold = float("inf")
    autojump_clock.jump(10)
    await meeting.host.signals(meeting.id, 1)
    await wait_all_tasks_blocked()
    assert meeting.guest.numbers == []
    assert meeting.guest.endings == [Reason.EXPIRED]


async def test_signal_sent_after_a_close_does_not_overtake_it(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.host.sends(meeting.close())
    await meeting.host.signals(meeting.id, 1)
    await wait_all_tasks_blocked()
    assert meeting.guest.numbers == []
    assert [error.code for error in meeting.host.heard(wire.Error)] == ["not_approved"]


async def test_owner_closes_without_taking_the_seat(autojump_clock, node):
    meeting = await node.pairs()
    other = node.connect()
    await other.sends(wire.Register(uuid="desk", key=KEY, seats=[]))
    reply = await other.asks(meeting.close(ref="r"))
    assert (reply.ref, reply.reason) == ("r", Reason.CLOSED)
    assert meeting.host.endings == meeting.guest.endings == [Reason.CLOSED]
    assert not meeting.host.closed


async def test_another_owner_cannot_close(autojump_clock, node):
    meeting = await node.pairs()
    other = node.connect()
    await other.registers("another-key-of-the-same-uuid")
    assert (await other.asks(meeting.close())).code == "unknown_session"
    assert meeting.guest.endings == []


async def test_host_that_registers_during_a_close_is_told_of_the_end(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.guest.sends(meeting.close())
    later = node.connect()
    await later.sends(wire.Register(uuid="desk", key=KEY))
    await wait_all_tasks_blocked()
    (registered,) = later.heard(wire.Registered)
    assert [info.status for info in registered.sessions] == [Status.APPROVED]
    assert later.endings == [Reason.CLOSED]


async def test_host_that_registers_during_a_decision_is_told_the_result(autojump_clock, node):
    meeting = await node.prompts()
    await meeting.host.sends(meeting.decision())
    later = node.connect()
    await later.sends(wire.Register(uuid="desk", key=KEY))
    await wait_all_tasks_blocked()
    assert [result.status for result in later.heard(wire.PairResult)] == [Status.APPROVED]


async def test_host_that_registers_again_is_told_of_an_end_and_a_decision_once(
    autojump_clock, node
):
    meeting = await node.prompts()
    for message in (meeting.decision(), wire.Register(uuid="desk", key=KEY)):
        await meeting.host.sends(message)
    await wait_all_tasks_blocked()
    assert [result.status for result in meeting.host.heard(wire.PairResult)] == [Status.APPROVED]
    await meeting.guest.sends(meeting.close())
    await meeting.host.sends(wire.Register(uuid="desk", key=KEY))
    await wait_all_tasks_blocked()
    assert meeting.host.endings == [Reason.CLOSED]


async def test_backlog_is_not_sent_to_a_closed_connection(autojump_clock, node):
    meeting = await node.pairs()
    meeting.guest.close()
    await wait_all_tasks_blocked()
    await meeting.host.signals(meeting.id, 1, 2)
    gone, message = meeting.newcomer(GUEST)
    gone.close()
    await gone.sends(message)
    _, message = meeting.newcomer(GUEST)
    await meeting.guest.asks(message)
    assert meeting.guest.numbers == [1, 2]


async def test_seats_are_taken_one_by_one_as_the_outbox_has_room(autojump_clock, node):
    first = await node.pairs()
    meetings = [first, await node.pairs(host=first.host)]
    for meeting in meetings:
        meeting.host.close()
    await wait_all_tasks_blocked()
    for meeting in meetings:
        await meeting.guest.signals(meeting.id, 1)
    later = node.connect()
    room, asked = trio.Event(), []

    async def wait_for_room():
        asked.append(len(later.heard(wire.Signal)))
        if len(asked) == 2:
            await room.wait()

    later.wait_for_room = wait_for_room
    async with trio.open_nursery() as nursery:
        nursery.start_soon(later.sends, wire.Register(uuid="desk", key=KEY))
        await wait_all_tasks_blocked()
        assert (asked, len(later.heard(wire.Signal))) == ([0, 1], 1)
        room.set()
    await wait_all_tasks_blocked()
    assert len(later.heard(wire.Signal)) == 2


async def test_requests_waiting_during_the_sweep_are_answered(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.host.asks(meeting.close())
    # The request is in the inbox, and the sweep comes before the actor handles it.
    await meeting.guest.sends(wire.RefreshIce(session_id=meeting.id, ref="r"))
    await node.supervisor.sweep()
    await wait_all_tasks_blocked()
    (error,) = meeting.guest.heard(wire.Error)
    assert (error.ref, error.code, error.session_id) == ("r", "unknown_session", meeting.id)


async def test_session_opened_during_the_drain_ends_too(autojump_clock, node):
    meeting = await node.pairs()
    late = await node.host(uuid="late")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.supervisor.drain)
        nursery.start_soon(late.sends, wire.CreateSession(session_type=SessionType.PERSISTENT))
    assert late.endings == meeting.host.endings == [Reason.SHUTDOWN]


async def test_session_id_has_no_leading_dash(autojump_clock, node, monkeypatch):
    drawn = iter([b"\xfb" * 16, b"\xf8" * 16, b"\x00" * 16])
    fresh = secrets.token_bytes
    host = await node.host()
    monkeypatch.setattr(
        "proxim.actors.invitations.secrets.token_bytes",
        lambda size: next(drawn) if size == SESSION_ID_BYTES else fresh(size),
    )
    created = await host.asks(wire.CreateSession(session_type=SessionType.PERSISTENT))
    assert created.session.session_id == "A" * 22


@pytest.mark.parametrize("data", [b"1e999", b"[[[[1]]]]", b'"\\u0000"'])
async def test_signal_is_relayed_byte_for_byte(autojump_clock, node, data):
    meeting = await node.pairs()
    await meeting.host.sends(wire.Signal(session_id=meeting.id, data=Raw(data)))
    (signal,) = meeting.guest.heard(wire.Signal)
    assert bytes(signal.data) == data


async def test_session_swept_while_its_host_registers_takes_no_seat(autojump_clock, node):
    first = await node.pairs()
    second = await node.pairs(host=first.host)
    await first.host.asks(second.close())
    later = node.connect()
    room = trio.Event()
    later.wait_for_room = room.wait
    async with trio.open_nursery() as nursery:
        nursery.start_soon(later.sends, wire.Register(uuid="desk", key=KEY))
        await wait_all_tasks_blocked()
        await node.supervisor.sweep()
        room.set()
    await wait_all_tasks_blocked()
    assert list(later.seats) == [first.id]
    assert later.heard(wire.Error) == []
