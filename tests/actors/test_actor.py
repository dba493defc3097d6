import gc
import math
import weakref

import pytest
import trio
from msgspec import UNSET, Raw
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from proxim.actors import timers
from proxim.actors.congestion import Congestion
from proxim.actors.inbox import IN_A_ROW, INBOX_BOUND, Envelope
from proxim.actors.relay import relay
from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, Status
from proxim.session import events as ev
from proxim.session.session import Session
from tests.actors.helpers import GUEST, HOST, ICE, ONE_TIME, TEMPORARY

EITHER_SIDE = pytest.mark.parametrize("role", [HOST, GUEST])


# -- time ------------------------------------------------------------------------------------


async def test_unanswered_prompt_ends_exactly_at_the_timeout(autojump_clock, node):
    await trio.sleep(7)
    meeting = await node.prompts()
    await trio.sleep(100)
    for side in (meeting.host, meeting.guest):
        assert side.when(wire.PairResult) == side.when(wire.SessionEnded) == [7 + 40]
        assert side.endings == [Reason.APPROVAL_TIMEOUT]


@pytest.mark.parametrize("stage", ["invites", "prompts", "pairs"])
async def test_temporary_session_ends_exactly_when_it_expires(autojump_clock, node, stage):
    meeting = await getattr(node, stage)(TEMPORARY, ttl=33.25)
    await trio.sleep(100)
    assert meeting.host.when(wire.SessionEnded) == [33.25]
    assert meeting.host.endings == [Reason.EXPIRED]


@EITHER_SIDE
@pytest.mark.parametrize("away", [math.nextafter(10, 0), 11])
async def test_grace_lasts_exactly_its_time(autojump_clock, start, role, away):
    node = await start(one_time_grace=10)
    meeting = await node.pairs(ONE_TIME)
    await meeting.leaves(role)
    await trio.sleep(away)
    await meeting.returns(role)
    await trio.sleep(15)
    peer = meeting[role.peer]
    assert peer.when(wire.SessionEnded) == ([] if away < 10 else [10])
    assert peer.endings == ([] if away < 10 else [Reason.DISCONNECTED])


async def test_every_envelope_resets_the_timer(autojump_clock, node):
    meeting = await node.invites(TEMPORARY, ttl=100)
    assert meeting.actor.session.deadline == 100
    await trio.sleep(10)
    await meeting.ask()
    assert meeting.actor.session.deadline == 50
    await trio.sleep(20)
    await meeting.decide()
    await trio.sleep(200)
    assert meeting.guest.when(wire.PairResult) == [30]
    assert meeting.guest.when(wire.SessionEnded) == [100]


async def test_actor_runs_only_for_envelopes(autojump_clock, node, monkeypatch):
    meeting = await node.pairs(TEMPORARY, ttl=1000)
    handled, handle = [], Session.handle

    def watched(session, event, now):
        handled.append((type(event), now))
        return handle(session, event, now)

    monkeypatch.setattr(Session, "handle", watched)
    await trio.sleep(999)
    assert handled == []
    await meeting.host.asks(wire.RefreshIce(session_id=meeting.id))
    await trio.sleep(500)
    assert handled == [(ev.IceRequested, 999), (ev.TimePassed, 1000)]


@pytest.mark.parametrize("woken", [True, False])
async def test_decision_at_the_deadline_is_too_late(autojump_clock, node, woken):
    meeting = await node.prompts()
    if woken:
        await trio.sleep(40)
        await wait_all_tasks_blocked()
    else:  # It is time, but the alarm has not rung yet, and the decision comes first.
        autojump_clock.jump(40)
    refusal = await meeting.host.asks(meeting.decision(ref="late"))
    assert (refusal.code, refusal.ref) == ("already_decided", "late")
    for side in (meeting.host, meeting.guest):
        assert [result.status for result in side.heard(wire.PairResult)] == [Status.EXPIRED]
        assert side.endings == [Reason.APPROVAL_TIMEOUT]


async def test_late_decision_is_refused_while_many_sessions_end(autojump_clock, node, monkeypatch):
    monkeypatch.setattr(timers, "BATCH", 1)
    host = await node.host()
    asked = [await node.prompts(host=host) for _ in range(10)]
    unasked = [await node.invites(TEMPORARY, host=host, ttl=40) for _ in range(10)]
    autojump_clock.jump(40)
    while host.endings == []:
        await trio.lowlevel.checkpoint()
    assert sum(meeting.actor.session.ended for meeting in asked + unasked) < 5
    async with trio.open_nursery() as nursery:
        for meeting in asked:
            await host.sends(meeting.decision())
        for meeting in unasked:
            nursery.start_soon(meeting.guest.sends, meeting.pair_request())
    await wait_all_tasks_blocked()
    assert [meeting.guest.endings for meeting in unasked] == [[Reason.EXPIRED]] * 10
    assert {refusal.code for refusal in host.heard(wire.Error)} == {"already_decided"}
    assert {result.status for result in host.heard(wire.PairResult)} == {Status.EXPIRED}
    assert set(host.endings) == {Reason.APPROVAL_TIMEOUT, Reason.EXPIRED}
    assert len(host.endings) == 20
    assert not host.heard(wire.PairPrompt)[10:]


# -- the end ---------------------------------------------------------------------------------


async def test_ended_session_answers_until_the_sweep(autojump_clock, node):
    meeting = await node.pairs()
    assert (await meeting.host.asks(meeting.close())).reason is Reason.CLOSED
    for _ in range(2):
        assert (await meeting.guest.asks(meeting.resume())).reason is Reason.CLOSED
        assert (await meeting.returns(GUEST)).endings == [Reason.CLOSED]
        assert [info.reason for info in await meeting.host.lists()] == [Reason.CLOSED]
    await trio.sleep(30)
    await wait_all_tasks_blocked()
    assert (await meeting.guest.asks(meeting.resume())).code == "unknown_session"
    assert (await meeting.host.asks(meeting.close())).code == "unknown_session"
    assert await meeting.host.lists() == []
    assert meeting.host.endings == [Reason.CLOSED]


async def test_host_that_missed_the_end_can_ask_until_the_sweep(autojump_clock, node):
    meeting = await node.pairs(TEMPORARY, ttl=10)
    await meeting.leaves(HOST)
    await trio.sleep(11)
    host = await node.host()
    assert [info.reason for info in host.heard(wire.Registered)[0].sessions] == [Reason.EXPIRED]
    assert (await host.asks(meeting.close())).reason is Reason.EXPIRED


# -- seats -----------------------------------------------------------------------------------


@EITHER_SIDE
async def test_newer_connection_closes_the_older_one_with_4000(autojump_clock, node, role):
    meeting = await node.pairs()
    old, peer = meeting[role], meeting[role.peer]
    new = await meeting.returns(role)
    assert (old.close_code, new.close_code, peer.close_code) == (4000, None, None)
    assert old.seats == {}
    await peer.signals(meeting.id, 1)
    await new.signals(meeting.id, 2)
    assert (old.numbers, new.numbers, peer.numbers) == ([], [1], [2])
    assert not peer.heard(wire.PeerOffline)
    told = [wire.PeerOnline(session_id=meeting.id, replaced=True)] if role is GUEST else []
    assert peer.heard(wire.PeerOnline) == told


async def test_replaced_connection_frees_its_other_seats(autojump_clock, node):
    host = await node.host()
    first, second = await node.pairs(host=host), await node.prompts(host=host)
    second.guest.close()
    second.guest = first.guest
    await first.guest.asks(second.resume())
    await first.returns(GUEST)
    assert not second.actor.session.describe().guest_online
    assert first.actor.session.describe().guest_online


async def test_connection_keeps_a_seat_that_it_asks_for_again(autojump_clock, node):
    meeting = await node.pairs()
    told = list(meeting.host.told)
    assert isinstance(await meeting.guest.asks(meeting.resume()), wire.Resumed)
    assert meeting.host.told == told, "the host is told only of another connection"
    await meeting.host.registers()
    await meeting.host.signals(meeting.id, 1)
    assert meeting.guest.numbers == [1]
    assert not meeting.host.closed
    assert not meeting.guest.closed


@EITHER_SIDE
async def test_late_message_of_a_replaced_connection_is_dropped(autojump_clock, node, role):
    meeting = await node.pairs()
    old, told = meeting[role], len(meeting[role.peer].told)
    new = node.connect()
    came = ev.HostJoined() if role is HOST else ev.ResumeRequested(meeting.resume_token)
    receipt = meeting.actor.ask(Envelope(came, new))
    old.seats[meeting.id].line = None
    await old.sends(meeting.close())
    await old.signals(meeting.id, 1)
    old.close()
    await receipt.wait()
    await wait_all_tasks_blocked()
    replaced = [wire.PeerOnline(session_id=meeting.id, replaced=True)] if role is GUEST else []
    assert meeting[role.peer].told[told:] == replaced
    assert meeting.actor.seats[role].connection is new
    assert meeting.actor.session.online == {HOST, GUEST}


# -- the inbox -------------------------------------------------------------------------------


@EITHER_SIDE
async def test_full_inbox_refuses_requests_but_not_departures(autojump_clock, node, role):
    meeting = await node.pairs()
    asker = meeting[role.peer]
    refresh = wire.RefreshIce(session_id=meeting.id, ref="r")
    with assert_no_checkpoints():
        # The first one is handed to the waiting actor, and does not count as in the inbox.
        for _ in range(1 + INBOX_BOUND):
            await asker.sends(refresh)
        assert not asker.heard(wire.Error)
        await asker.sends(refresh)
        (refusal,) = asker.heard(wire.Error)
        meeting[role].close()
    assert (refusal.code, refusal.ref, refusal.session_id) == ("rate_limited", "r", meeting.id)
    assert refusal.retry_after > 0
    await wait_all_tasks_blocked()
    assert len(asker.heard(wire.IceServers)) == 1 + INBOX_BOUND
    assert isinstance(asker.told[-1], wire.PeerOffline)


class Steps(trio.abc.Instrument):
    """Counts the steps of all actors' tasks."""

    count = 0

    def before_task_step(self, task):
        self.count += task.name == "actor"


async def test_actor_handles_what_waits_in_a_row_and_then_leaves_others_their_turn(
    autojump_clock, node
):
    meeting = await node.pairs()
    trio.lowlevel.add_instrument(steps := Steps())
    for _ in range(4 * IN_A_ROW):
        await meeting.host.sends(wire.RefreshIce(session_id=meeting.id))
    await wait_all_tasks_blocked()
    trio.lowlevel.remove_instrument(steps)
    assert len(meeting.host.heard(wire.IceServers)) == 4 * IN_A_ROW
    assert 4 <= steps.count <= 4 * 2 + 1


@EITHER_SIDE
async def test_sender_of_signals_is_slowed_down_while_many_wait(autojump_clock, node, role):
    meeting = await node.pairs()
    meeting.actor.close_line()
    signal = wire.Signal(session_id=meeting.id, data=Raw(b"7"))

    def send(count):
        return [relay(meeting[role], signal, trio.current_time()) for _ in range(count)]

    with assert_no_checkpoints():
        told = send(INBOX_BOUND)
    assert told == sorted(told, key=[None, Congestion.HIGH].index)
    assert 16 < told.count(None) < 64
    await wait_all_tasks_blocked()
    assert meeting[role.peer].numbers == [7] * INBOX_BOUND
    assert send(2) == [None, None], "the line is open again"


async def test_request_without_sender_gets_no_answer_and_no_seat(autojump_clock, node):
    meeting = await node.pairs()
    seats, told = dict(meeting.actor.seats), meeting.host.told + meeting.guest.told
    meeting.actor.notify(ev.IceRequested())
    meeting.actor.notify(ev.HostJoined())
    await wait_all_tasks_blocked()
    assert meeting.actor.seats == seats
    assert meeting.host.told + meeting.guest.told == told


async def test_reply_goes_to_the_requester_with_its_ref(autojump_clock, node):
    meeting = await node.prompts()
    result = await meeting.host.asks(meeting.decision(ref="mine"))
    assert (result.status, result.ref) == (Status.APPROVED, "mine")
    assert meeting.guest.told[-1].ref is UNSET
    ended = await meeting.guest.asks(meeting.close(ref="yours"))
    assert (ended.ref, meeting.host.told[-1].ref) == ("yours", UNSET)


async def test_each_side_gets_ice_servers_and_their_ttl(autojump_clock, node):
    meeting = await node.pairs(TEMPORARY, ttl=100.0)
    for side in (meeting.host, meeting.guest):
        (result,) = side.heard(wire.PairResult)
        assert (result.ice_servers, result.ice_ttl) == ([ICE], 50.0)
        fresh = await side.asks(wire.RefreshIce(session_id=meeting.id))
        assert (fresh.ice_servers, fresh.ttl) == ([ICE], 50.0)


# -- memory ----------------------------------------------------------------------------------


@pytest.fixture
def no_collector():
    """The node collects garbage rarely: nothing large may wait for that."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_refused_signal_is_not_kept_by_its_refusal(autojump_clock, node, no_collector):
    meeting = await node.invites()
    for _ in range(3):
        await meeting.host.signals(meeting.id, 1)
    await wait_all_tasks_blocked()
    assert not [each for each in gc.get_objects() if isinstance(each, ev.SignalSent)]


@EITHER_SIDE
async def test_connection_that_left_is_not_kept_by_its_seat(
    autojump_clock, node, no_collector, role
):
    meeting = await node.pairs()
    client = weakref.ref(meeting[role])
    await meeting.leaves(role)
    del meeting
    await wait_all_tasks_blocked()
    assert client() is None
