"""The seats of a connection: several at once, each until the connection closes."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.actors.inbox import Envelope
from proxim.protocol import messages as wire
from proxim.session import events as ev
from tests.actors.helpers import DEVICE, GUEST, HOST, ICE, PERSISTENT


async def test_connection_can_be_host_and_guest_of_two_sessions(autojump_clock, node):
    client, other = await node.host(uuid="both"), await node.host(uuid="other")
    hosted = [await node.pairs(host=client) for _ in range(2)]
    joined = []
    for _ in range(2):
        meeting = await node.invites(host=other)
        meeting.guest = client
        await meeting.ask()
        await meeting.decide()
        joined.append(meeting)
    for number, meeting in enumerate(hosted + joined):
        await client.signals(meeting.id, number)
    assert [meeting.guest.numbers for meeting in hosted] == [[0], [1]]
    assert other.numbers == [2, 3]
    assert (await client.asks(joined[0].decision())).code == "not_allowed"
    client.close()
    await wait_all_tasks_blocked()
    for side in (hosted[0].guest, hosted[1].guest, other):
        assert isinstance(side.told[-1], wire.PeerOffline)
    assert len(other.heard(wire.PeerOffline)) == 2


async def test_host_cannot_be_its_own_guest_nor_use_up_the_link(autojump_clock, node):
    meeting = await node.invites()
    refusal = await meeting.host.asks(meeting.pair_request())
    assert (refusal.code, refusal.session_id) == ("not_allowed", meeting.id)
    assert isinstance(await meeting.guest.asks(meeting.pair_request()), wire.PairPending)


async def test_guest_that_registers_as_the_owner_does_no_harm(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.guest.registers()
    await meeting.guest.asks(meeting.close())
    await trio.sleep(60)
    assert meeting.actor is None
    assert isinstance(await node.connect().asks(wire.Ping()), wire.Pong)


async def test_guest_that_registered_as_the_owner_leaves_no_seat_behind(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.guest.registers()
    await meeting.leaves(GUEST)
    assert (GUEST in meeting.actor.session.online) is (GUEST in meeting.actor.seats) is False


async def test_message_right_after_resume_has_its_seat(autojump_clock, node):
    meeting = await node.pairs()
    guest, resume = meeting.newcomer(GUEST)
    await guest.sends(resume)
    await guest.signals(meeting.id, 1, 2)
    await wait_all_tasks_blocked()
    assert meeting.host.numbers == [1, 2]
    assert [type(message) for message in guest.told] == [wire.Resumed]
    assert guest.told[0].ice_servers == [ICE]


async def test_message_right_after_register_has_its_seat(autojump_clock, node):
    meetings = [await node.prompts()]
    meetings.append(await node.prompts(host=meetings[0].host))
    host, register = meetings[0].newcomer(HOST)
    await host.sends(register)
    for meeting in meetings:
        await host.sends(meeting.decision(ref="mine"))
    await wait_all_tasks_blocked()
    assert [result.ref for result in host.heard(wire.PairResult)] == ["mine", "mine"]
    assert host.heard(wire.Error) == []


async def test_message_right_after_create_session_has_its_seat(autojump_clock, node):
    host = await node.host()
    await host.sends(wire.CreateSession(session_type=PERSISTENT))
    session_id = host.told[-1].session.session_id
    await host.sends(wire.RenewLink(session_id=session_id))
    await host.sends(wire.CloseSession(session_id=session_id))
    await wait_all_tasks_blocked()
    assert [type(message) for message in host.told[-2:]] == [wire.LinkRenewed, wire.SessionEnded]


# -- clients that leave during a request -----------------------------------------------------


@pytest.mark.parametrize("kind", [ev.PairRequested, ev.ResumeRequested, ev.HostJoined])
async def test_client_that_leaves_while_asking_for_a_seat_gets_none(autojump_clock, node, kind):
    meeting = await (node.invites() if kind is ev.PairRequested else node.prompts())
    role = HOST if kind is ev.HostJoined else GUEST
    await meeting.leaves(role)
    client, event = (
        node.connect(),
        {
            ev.PairRequested: lambda: ev.PairRequested(meeting.token, DEVICE, "resume-token"),
            ev.ResumeRequested: lambda: ev.ResumeRequested(meeting.resume_token),
            ev.HostJoined: ev.HostJoined,
        }[kind](),
    )
    receipt = meeting.actor.ask(Envelope(event, client))
    client.close()
    await receipt.wait()
    await wait_all_tasks_blocked()
    assert (role in meeting.actor.session.online) is (role in meeting.actor.seats) is False


async def test_host_that_leaves_before_its_session_opens_holds_no_seat(autojump_clock, node):
    host = await node.host()
    async with trio.open_nursery() as nursery:
        node.drawing = trio.Event()
        nursery.start_soon(host.sends, wire.CreateSession(session_type=PERSISTENT, qr="svg"))
        await wait_all_tasks_blocked()
        host.close()
        node.drawing.set()
    await wait_all_tasks_blocked()
    assert not any(HOST in actor.session.online for actor in node.supervisor.actors())


async def test_renewal_for_a_removed_session_is_refused(autojump_clock, node):
    meeting = await node.invites()
    async with trio.open_nursery() as nursery:
        node.drawing = trio.Event()
        renew = wire.RenewLink(session_id=meeting.id, qr="svg", ref="mine")
        nursery.start_soon(meeting.host.sends, renew)
        await wait_all_tasks_blocked()
        await node.supervisor.drain()
        await node.supervisor.sweep()
        node.drawing.set()
    refusal = meeting.host.told[-1]
    assert (refusal.code, refusal.ref) == ("unknown_session", "mine")
