"""The line between two seats, and that no signal overtakes another."""

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from trio.testing import MockClock, assert_no_checkpoints, wait_all_tasks_blocked

from proxim.actors.actor import Actor
from proxim.actors.congestion import Congestion
from proxim.actors.inbox import Envelope
from proxim.protocol import messages as wire
from proxim.session import events as ev
from tests.actors.helpers import GUEST, HOST, ONE_TIME, TEMPORARY, Node

DATA = b'{"sdp": [null, "\\u00e4"]}'
EITHER_SIDE = pytest.mark.parametrize("role", [HOST, GUEST])


@EITHER_SIDE
async def test_signals_on_the_line_do_not_wake_the_actor(autojump_clock, node, role):
    meeting = await node.pairs()
    with assert_no_checkpoints():
        await meeting[role].signals(meeting.id, 1, 2)
        assert meeting[role.peer].numbers == [1, 2]


async def test_signal_is_relayed_without_ref(autojump_clock, node):
    meeting = await node.pairs()
    signal = wire.Signal(session_id=meeting.id, data=Raw(DATA), ref="mine")
    with assert_no_checkpoints():
        await meeting.host.sends(signal)
        meeting.actor.close_line()
        await meeting.host.sends(signal)
        assert len(meeting.guest.heard(wire.Signal)) == 1
    await wait_all_tasks_blocked()
    for received in meeting.guest.heard(wire.Signal):
        assert (received.ref, bytes(received.data)) == (None, DATA)
    assert len(meeting.guest.heard(wire.Signal)) == 2
    assert meeting.lines == [True, True], "open again, as the inbox is empty"


async def test_line_needs_approval_and_both_sides_online(autojump_clock, node):
    meeting = await node.prompts()
    assert meeting.lines == [False, False]
    await meeting.guest.signals(meeting.id, 1)
    await meeting.decide()
    assert meeting.lines == [True, True]
    assert meeting.host.numbers == []
    await meeting.leaves(HOST)
    assert meeting.lines == [False]


@EITHER_SIDE
async def test_line_closes_when_a_side_leaves(autojump_clock, node, role):
    meeting = await node.pairs()
    gone, peer = meeting[role], meeting[role.peer]
    with assert_no_checkpoints():
        gone.close()
        assert meeting.lines == [False, False]
        await peer.signals(meeting.id, 1, 2)
    await wait_all_tasks_blocked()
    assert gone.missed == []
    assert (await meeting.returns(role)).numbers == [1, 2]


async def test_line_closes_when_a_side_is_replaced(autojump_clock, node):
    meeting = await node.pairs()
    old, new = meeting.guest, node.connect()
    with assert_no_checkpoints():
        meeting.actor.admit(GUEST, new)
        assert meeting.lines == [False, False]
        await meeting.host.signals(meeting.id, 1)
    await wait_all_tasks_blocked()
    assert (old.numbers, old.missed, new.numbers) == ([], [], [1])


@pytest.mark.parametrize("end", ["close", "expiry", "departure"])
async def test_line_closes_with_the_session(autojump_clock, node, end):
    kind, ttl = (ONE_TIME, None) if end == "departure" else (TEMPORARY, 100)
    meeting = await node.pairs(kind, ttl=ttl)
    if end == "close":
        await meeting.host.asks(meeting.close())
    elif end == "expiry":
        await trio.sleep(100)
        await wait_all_tasks_blocked()
    else:
        await meeting.leaves(HOST)
    assert set(meeting.lines) == {False}
    await meeting.guest.signals(meeting.id, 1)
    await wait_all_tasks_blocked()
    assert meeting.guest.told[-1].code == "not_approved"
    assert meeting.host.numbers == meeting.host.missed == []


# -- order -----------------------------------------------------------------------------------


async def test_no_signal_overtakes_one_sent_right_after_the_approval(autojump_clock, node):
    meeting = await node.prompts()
    await meeting.host.sends(meeting.decision())
    await meeting.host.signals(meeting.id, 0, 1, 2)
    for number in range(3, 20):
        await trio.lowlevel.checkpoint()
        await meeting.host.signals(meeting.id, number)
    await wait_all_tasks_blocked()
    assert meeting.guest.numbers == list(range(20))
    assert meeting.lines == [True, True]


async def test_no_signal_overtakes_the_backlog(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.leaves(GUEST)
    await meeting.host.signals(meeting.id, 0, 1, 2)
    guest = meeting.guest = node.connect()
    meeting.actor.ask(Envelope(ev.ResumeRequested(meeting.resume_token), guest))
    await meeting.host.signals(meeting.id, 3, 4)
    for number in range(5, 20):
        await trio.lowlevel.checkpoint()
        await meeting.host.signals(meeting.id, number)
    await wait_all_tasks_blocked()
    assert guest.numbers == list(range(20))
    assert isinstance(guest.told[0], wire.Resumed)


SIDE = st.sampled_from([HOST, GUEST])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sends"), SIDE, st.integers(1, 4)),
        st.tuples(st.sampled_from(["comes", "leaves"]), SIDE, st.just(1)),
        st.tuples(st.just("sends as the actor runs"), SIDE, st.integers(1, 6)),
        st.tuples(st.just("lets the actor run"), SIDE, st.integers(1, 3)),
        st.tuples(st.just("waits for silence"), SIDE, st.just(1)),
    ),
    max_size=40,
)


class Conversation:
    """Two sides of a new session that send signals, leave and return, with a record of the signals.

    ``sent`` has the numbers by sender. ``forgivable`` are those that a connection sent after its
    successor had asked for the seat: they are dropped if the successor got it first.
    """

    def __init__(self, meeting, nursery):
        self.meeting = meeting
        self.nursery = nursery
        self.clients = {HOST: [meeting.host], GUEST: [meeting.guest]}
        self.sent = {HOST: [], GUEST: []}
        self.at_the_door = {HOST: 0, GUEST: 0}
        self.forgivable = set()
        self.by_line = 0

    async def take(self, step, role, times):
        for _ in range(times):
            if step.startswith("sends"):
                await self.send(role)
            elif step == "leaves":
                self.clients[role][-1].close()
            elif step == "comes":
                self.at_the_door[role] += 1
                self.nursery.start_soon(self.come, role)
            if "run" in step:
                await trio.lowlevel.checkpoint()
            if step == "waits for silence":
                await wait_all_tasks_blocked()

    async def come(self, role):
        client, message = self.meeting.newcomer(role)
        self.clients[role].append(client)
        await client.sends(message)
        self.at_the_door[role] -= 1

    async def send(self, role):
        for client in self.clients[role]:
            if not client.closed and self.meeting.id in client.seats:
                number = len(self.sent[role])
                self.sent[role].append(number)
                if self.at_the_door[role]:
                    self.forgivable.add((role, number))
                self.by_line += client.seats[self.meeting.id].line is not None
                await client.signals(self.meeting.id, number)
                return

    def check(self, role):
        """Return the signals of a role that its peer has received."""
        received = [number for client in self.clients[role.peer] for number in client.numbers]
        assert received == sorted(set(received)), "out of order, or twice"
        told_too_late = [message for peer in self.clients[role.peer] for message in peer.missed]
        lost = {int(bytes(it.data)) for it in told_too_late if isinstance(it, wire.Signal)}
        answers = [message for it in self.clients[role] for message in it.told + it.missed]
        refusals = [message for message in answers if isinstance(message, wire.Error)]
        assert {refusal.code for refusal in refusals} <= {"peer_offline"}
        refused = {int(refusal.ref) for refusal in refusals}
        assert refused.isdisjoint(received)
        unaccounted = set(self.sent[role]) - set(received) - lost - refused
        assert {(role, number) for number in unaccounted} <= self.forgivable, "lost"


async def converse(steps):
    node = Node(backlog_signals=5)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.supervisor.run)
        conversation = Conversation(await node.prompts(), nursery)
        await conversation.meeting.host.sends(conversation.meeting.decision())
        for step in steps:
            await conversation.take(*step)
        for role in (HOST, GUEST):
            await conversation.take("comes", role, 1)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    for role in (HOST, GUEST):
        conversation.check(role)
    return conversation


@pytest.mark.parametrize("with_line", [True, False])
def test_each_direction_keeps_its_order_and_loses_nothing(with_line):
    @settings(max_examples=150)
    @given(STEPS)
    def holds(steps):
        trio.run(converse, steps, clock=MockClock(autojump_threshold=0))

    with pytest.MonkeyPatch.context() as patch:
        if not with_line:
            patch.setattr(Actor, "_open_line", lambda actor: None)
        holds()


async def test_conversation_uses_an_open_line(autojump_clock, monkeypatch):
    steps = [("waits for silence", HOST, 1), ("sends", HOST, 2), ("sends", GUEST, 2)]
    assert (await converse(steps)).by_line == 4
    monkeypatch.setattr(Actor, "_open_line", lambda actor: None)
    assert (await converse(steps)).by_line == 0


@pytest.mark.parametrize("has_line", [True, False])
@pytest.mark.parametrize(
    ("answer", "refused"), [(None, []), (Congestion.HIGH, []), (Congestion.FULL, ["rate_limited"])]
)
async def test_signal_that_a_slow_peer_does_not_take_is_refused(
    autojump_clock, node, answer, refused, has_line
):
    meeting = await node.prompts()
    tell = meeting.guest.tell

    def slow_tell(message):
        return answer if isinstance(message, wire.Signal) else tell(message)

    meeting.guest.tell = slow_tell
    await meeting.decide()
    if not has_line:
        meeting.actor.close_line()
    await meeting.host.signals(meeting.id, 1)
    await wait_all_tasks_blocked()
    assert [error.code for error in meeting.host.heard(wire.Error)] == refused
