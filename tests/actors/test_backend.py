"""What the backend saves, and that no client is told of a change before it is saved."""

import pytest
import trio
from msgspec import UNSET, Raw
from trio.testing import wait_all_tasks_blocked

from proxim.actors.actor import SAVE_TIMEOUT
from proxim.actors.backend import Backend, SaveReceipt
from proxim.actors.inbox import Envelope
from proxim.actors.relay import leave_seats
from proxim.protocol import messages as wire
from proxim.protocol.errors import LimitReached
from proxim.protocol.messages import Reason
from proxim.session import events as ev
from proxim.session.events import Role
from proxim.session.snapshot import Snapshot
from proxim.session.state import State
from tests.actors.helpers import GUEST, HOST, ONE_TIME, PERSISTENT, TEMPORARY, crash_at


class SlowBackend(Backend):
    """Saves snapshots in memory, slowly while ``receipt`` is set."""

    def __init__(self, supervisor):
        super().__init__(supervisor)
        self.saved, self.deleted = {}, []
        self.receipt = None
        self.hands_over = False

    def save(self, actor):
        made = Snapshot.of(actor.session, actor.owner.key_hash, skew=0.0)
        self.saved[actor.session.session_id] = made
        return self.receipt

    def delete(self, actor):
        self.deleted.append(actor.session.session_id)

    def hand_over(self, actor):
        return self.hands_over and actor.session.state is State.APPROVED

    def slow(self):
        self.receipt = SaveReceipt()
        return self.receipt


@pytest.fixture
async def node(start):
    return await start(make_backend=SlowBackend)


@pytest.fixture
def backend(node):
    return node.supervisor.backend


async def test_each_change_is_saved(autojump_clock, node, backend):
    meeting = await node.invites()
    assert backend.saved[meeting.id].state == "PENDING"
    await meeting.ask()
    assert backend.saved[meeting.id].state == "PROMPTED"
    await meeting.decide()
    assert backend.saved[meeting.id].state == "APPROVED"
    assert backend.saved[meeting.id].online == tuple(Role)
    await meeting.leaves(GUEST)
    assert backend.saved[meeting.id].online == (HOST,)
    await meeting.host.asks(meeting.close())
    assert backend.saved[meeting.id].reason is Reason.CLOSED


async def test_signals_are_not_saved(autojump_clock, node, backend):
    meeting = await node.pairs()
    await meeting.leaves(GUEST)
    backend.saved.clear()
    await meeting.host.signals(meeting.id, 1, 2)
    await meeting.host.asks(wire.RefreshIce(session_id=meeting.id))
    assert backend.saved == {}


async def test_no_client_is_told_of_a_change_before_it_is_saved(autojump_clock, node, backend):
    meeting = await node.prompts()
    before = list(meeting.host.told), list(meeting.guest.told)
    kept = backend.slow()
    await meeting.host.sends(meeting.decision())
    await meeting.host.sends(wire.Signal(session_id=meeting.id, data=Raw(b"1")))
    await trio.sleep(1)
    assert (meeting.host.told, meeting.guest.told) == before
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert meeting.guest.told[-2].status == "approved"
    assert meeting.guest.numbers == [1]


async def test_session_is_not_created_before_it_is_saved(autojump_clock, node, backend, nursery):
    host = await node.host()
    kept = backend.slow()
    nursery.start_soon(host.asks, wire.CreateSession(session_type=PERSISTENT))
    await trio.sleep(0.5)
    assert not host.heard(wire.SessionCreated)
    kept.set()
    await wait_all_tasks_blocked()
    assert len(host.heard(wire.SessionCreated)) == 1


async def test_session_that_cannot_be_saved_is_not_created(autojump_clock, node, backend):
    host = await node.host()
    kept = backend.slow()
    kept.refuse(LimitReached("no room"))
    refusal = await host.asks(wire.CreateSession(session_type=PERSISTENT))
    assert refusal.code == "limit_reached"
    assert node.supervisor.actors() == []
    assert host.seats == {}
    assert backend.deleted == []


async def test_session_released_during_a_save_tells_nothing(autojump_clock, node, backend):
    meeting = await node.prompts()
    kept = backend.slow()
    await meeting.host.sends(meeting.decision(ref="yes"))
    await wait_all_tasks_blocked()
    node.supervisor.release(meeting.actor)
    kept.set()
    await wait_all_tasks_blocked()
    assert (meeting.host.told[-1].code, meeting.host.told[-1].ref) == ("unknown_session", "yes")
    assert not meeting.guest.heard(wire.PairResult)


async def test_sweep_waits_until_the_end_is_saved_and_told(autojump_clock, node, backend):
    meeting = await node.pairs()
    kept = backend.slow()
    await meeting.host.sends(meeting.close())
    await wait_all_tasks_blocked()
    assert meeting.actor.session.ended
    await node.supervisor.sweep()
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert meeting.host.told[-1].reason is meeting.guest.told[-1].reason is Reason.CLOSED
    assert node.supervisor.endings == {Reason.CLOSED: 1}
    await node.supervisor.sweep()
    assert backend.deleted == [meeting.id]


async def test_swept_or_crashed_session_is_deleted(autojump_clock, node, backend, monkeypatch):
    meeting = await node.pairs()
    await meeting.host.asks(meeting.close())
    assert backend.deleted == []
    await trio.sleep(31)
    assert backend.deleted == [meeting.id]
    broken = await node.pairs()
    crash_at(monkeypatch, broken.id)
    await broken.host.asks(wire.RefreshIce(session_id=broken.id))
    assert backend.deleted == [meeting.id, broken.id]


@pytest.mark.parametrize("hands_over", [True, False])
async def test_approved_session_is_handed_over_or_ended(autojump_clock, node, backend, hands_over):
    backend.hands_over = hands_over
    pending, approved = (
        await node.invites(),
        await node.pairs(ONE_TIME, host=await node.host("x" * 22)),
    )
    await node.supervisor.drain()
    assert pending.host.endings == [Reason.SHUTDOWN]
    assert approved.host.endings == ([] if hands_over else [Reason.SHUTDOWN])
    assert approved.guest.endings == approved.host.endings
    assert (approved.actor is None) is hands_over


async def test_session_restored_during_the_drain_is_handed_over_again(
    autojump_clock, node, backend, nursery
):
    backend.hands_over = True
    pending = await node.invites()
    approved = await node.pairs(host=await node.host("x" * 22))
    owner, terms = approved.actor.owner, approved.actor.session.terms
    told = backend.slow()
    nursery.start_soon(node.supervisor.drain)
    await trio.sleep(1)
    assert approved.actor is None
    # A client asks this node for the session while the node is draining.
    session = backend.saved[approved.id].restore(terms, skew=0.0)
    node.supervisor.restore(session, owner)
    back = node.connect()
    backend.receipt = None
    await back.asks(approved.resume())
    told.set()
    await trio.sleep(1)
    assert pending.host.endings == [Reason.SHUTDOWN]
    assert approved.actor is None
    assert back.endings == []


async def test_session_approved_during_the_drain_is_handed_over(autojump_clock, node, backend):
    backend.hands_over = True
    meeting = await node.invites()
    await meeting.ask()
    meeting.actor.post(Envelope(ev.HostDecided(approve=True), meeting.host))
    await node.supervisor.drain()
    assert meeting.guest.heard(wire.PairResult)
    assert (meeting.host.endings, meeting.guest.endings) == ([], [])
    assert meeting.actor is None


async def test_session_is_restored(autojump_clock, node, start, backend):
    meeting = await node.pairs()
    other = await start()
    assert other.supervisor.backend.hand_over(meeting.actor) is False
    kept = backend.saved[meeting.id]
    session = kept.restore(meeting.actor.session.terms, skew=0.0)
    actor = other.supervisor.restore(session, meeting.actor.owner)
    meeting.node, meeting.host, meeting.guest = other, other.connect(), other.connect()
    resumed = await meeting.guest.asks(meeting.resume())
    assert isinstance(resumed, wire.Resumed)
    assert not resumed.host_online
    registered = await meeting.host.registers()
    assert [info.session_id for info in meeting.host.heard(wire.Registered)[0].sessions] == [
        meeting.id
    ]
    assert registered is not None
    assert meeting.lines == [True, True]
    assert actor.session.state is State.APPROVED
    await meeting.guest.signals(meeting.id, 7)
    assert meeting.host.numbers == [7]


async def test_memory_backend_waits_for_nothing_and_shares_nothing(autojump_clock, start):
    node = await start()
    meeting = await node.invites()
    backend = node.supervisor.backend
    assert type(backend) is Backend
    assert backend.save(meeting.actor) is None
    assert backend.hash_address("192.0.2.1") == "192.0.2.1"
    assert (backend.trouble, backend.exposition()) == ("", "")
    assert backend.close_reason[0] == 1001
    async with backend.opened(), trio.open_nursery() as nursery:
        await nursery.start(backend.run)
        await backend.leave()
    assert meeting.actor in node.supervisor.actors()


async def test_approval_is_announced_once_it_is_saved(autojump_clock, start):
    announced = []
    node = await start(
        make_backend=SlowBackend, announce=lambda describe: announced.append(describe())
    )
    meeting = await node.prompts()
    kept = node.supervisor.backend.slow()
    await meeting.host.sends(meeting.decision())
    await trio.sleep(1)
    assert announced == []
    kept.set()
    await wait_all_tasks_blocked()
    assert [(each.session_id, each.status) for each in announced] == [(meeting.id, "approved")]


async def test_request_whose_save_takes_long_is_refused_once(autojump_clock, start):
    node = await start(make_backend=SlowBackend)
    meeting = await node.prompts()
    kept = node.supervisor.backend.slow()
    await meeting.host.sends(meeting.decision(ref="yes"))
    await trio.sleep(3 * SAVE_TIMEOUT + 1)
    assert [error.code for error in meeting.host.heard(wire.Error)] == ["unavailable"]
    kept.set()
    await wait_all_tasks_blocked()
    assert meeting.host.heard(wire.PairResult)[0].status == "approved"


@pytest.mark.parametrize("role", list(Role))
async def test_side_that_was_refused_a_seat_takes_none_once_it_is_saved(
    autojump_clock, node, backend, role
):
    meeting = await node.pairs()
    await meeting.leaves(role)
    kept = backend.slow()
    client, message = meeting.newcomer(role)
    client.patience = 2 * SAVE_TIMEOUT
    await client.sends(message)
    assert [error.code for error in client.heard(wire.Error)] == ["unavailable"]
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert set(meeting.actor.seats) == meeting.actor.session.online == {role.peer}
    assert client.seats == {}
    assert not client.heard(wire.Resumed)
    assert isinstance(meeting[role.peer].told[-1], wire.PeerOffline)


@pytest.mark.parametrize("role", list(Role))
async def test_kept_signals_wait_for_the_next_newcomer_if_the_first_is_refused(
    autojump_clock, node, backend, role
):
    meeting = await node.pairs()
    await meeting.leaves(role)
    await meeting[role.peer].signals(meeting.id, 1, 2, 3)
    kept = backend.slow()
    client, message = meeting.newcomer(role)
    client.patience = 2 * SAVE_TIMEOUT
    await client.sends(message)
    await meeting[role.peer].signals(meeting.id, 4)
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert client.numbers == []
    assert (await meeting.returns(role)).numbers == [1, 2, 3, 4]
    assert len(meeting.actor.session.backlogs[role]) == 0


async def test_refused_host_is_not_told_of_the_prompt(autojump_clock, node, backend):
    meeting = await node.prompts()
    await meeting.leaves(HOST)
    kept = backend.slow()
    client, message = meeting.newcomer(HOST)
    client.patience = 2 * SAVE_TIMEOUT
    await client.sends(message)
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert not client.heard(wire.PairPrompt)
    assert meeting.actor.seats.keys() == {GUEST}


async def test_request_that_was_refused_for_being_late_keeps_its_error(autojump_clock, node):
    meeting = await node.pairs()
    receipt = meeting.actor.ask(Envelope(ev.ResumeRequested("wrong", "new"), node.connect()))
    late = LimitReached("late")
    receipt.refuse(late)
    await wait_all_tasks_blocked()
    assert receipt.refusal is late


async def test_signal_after_a_refused_newcomer_is_refused_once_the_backlog_is_full(
    autojump_clock, start
):
    node = await start(make_backend=SlowBackend, backlog_signals=3)
    backend = node.supervisor.backend
    meeting = await node.pairs()
    await meeting.leaves(GUEST)
    await meeting.host.signals(meeting.id, 1, 2, 3)
    kept = backend.slow()
    client, message = meeting.newcomer(GUEST)
    client.patience = 2 * SAVE_TIMEOUT
    await client.sends(message)
    await meeting.host.signals(meeting.id, 4)
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    errors = meeting.host.heard(wire.Error)
    assert [(error.code, error.session_id, error.ref) for error in errors] == [
        ("peer_offline", meeting.id, "4")
    ]
    assert [error.code for error in client.heard(wire.Error)] == ["unavailable"]
    assert (await meeting.returns(GUEST)).numbers == [1, 2, 3]


async def test_refused_newcomer_does_not_empty_the_seat_that_another_holds(
    autojump_clock, node, backend
):
    meeting = await node.pairs()
    holder, kept = meeting.guest, backend.slow()
    client, message = meeting.newcomer(GUEST)
    client.patience = 2 * SAVE_TIMEOUT
    await client.sends(message)
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert meeting.actor.seats[GUEST].connection is holder
    assert meeting.actor.session.online == frozenset(Role)


async def test_client_that_leaves_during_a_save_has_left_after_it(autojump_clock, node, backend):
    meeting = await node.prompts()
    kept = backend.slow()
    await node.router.route(meeting.host, meeting.decision(approve=True))
    await wait_all_tasks_blocked()
    leave_seats(meeting.guest)
    # Longer than any request waits for its answer.
    await trio.sleep(SAVE_TIMEOUT + 1)
    assert meeting.actor.session.online == frozenset(Role)
    backend.receipt = None
    kept.set()
    await wait_all_tasks_blocked()
    assert meeting.actor.session.online == {HOST}


async def test_close_ignores_a_seat_that_was_freed(autojump_clock, node):
    meeting = await node.pairs()
    seat = meeting.guest.seats.pop(meeting.id)
    meeting.actor.close()
    assert meeting.guest.seats == {}
    assert seat.actor is meeting.actor


async def test_ended_sessions_do_not_count_as_alive(autojump_clock, node):
    meeting = await node.pairs()
    await node.invites()
    assert node.supervisor.stats.alive == 2
    await meeting.host.asks(meeting.close())
    assert node.supervisor.stats.alive == 1


@pytest.mark.parametrize("waiting", [True, False])
async def test_released_actor_leaves_no_timer(autojump_clock, start, waiting):
    node = await start(make_backend=SlowBackend)
    meeting = await node.prompts()
    receipt = node.supervisor.backend.slow()
    await meeting.host.sends(meeting.decision())
    await wait_all_tasks_blocked()
    if waiting:
        await meeting.host.sends(wire.RefreshIce(session_id=meeting.id))
    node.supervisor.release(meeting.actor)
    receipt.set()
    await wait_all_tasks_blocked()
    assert len(node.supervisor._timers) == 0


@pytest.mark.parametrize("request_type", [wire.Signal, wire.RefreshIce])
async def test_end_that_a_late_request_finds_is_saved_before_it_is_told(
    autojump_clock, node, backend, request_type
):
    meeting = await node.pairs(TEMPORARY, ttl=10.0)
    saving = backend.slow()
    # The clock jumps over the deadline, and the request comes before the timer.
    autojump_clock.autojump_threshold = float("inf")
    autojump_clock.jump(10)
    fields = {"data": Raw(b"1")} if request_type is wire.Signal else {}
    await meeting.host.sends(request_type(session_id=meeting.id, **fields))
    await wait_all_tasks_blocked()
    assert backend.saved[meeting.id].reason is Reason.EXPIRED
    assert meeting.host.endings == meeting.guest.endings == []
    saving.set()
    await wait_all_tasks_blocked()
    assert meeting.host.endings == meeting.guest.endings == [Reason.EXPIRED]


async def test_backend_that_cannot_save_gives_no_new_resume_token(
    autojump_clock, node, backend, monkeypatch
):
    meeting = await node.pairs()
    monkeypatch.setattr(SlowBackend, "trouble", "the disk is full")
    assert (await meeting.returns(GUEST)).told[0].resume_token == UNSET
    monkeypatch.undo()
    meeting.resume_token = (await meeting.returns(GUEST)).told[0].resume_token
    assert (await meeting.returns(GUEST)).told[0].resume_token != UNSET


async def test_new_resume_token_is_saved_before_it_is_told(autojump_clock, node, backend):
    meeting = await node.pairs()
    saving = backend.slow()
    guest, resume = meeting.newcomer(GUEST)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guest.sends, resume)
        await wait_all_tasks_blocked()
        assert guest.told == []
        assert len(backend.saved[meeting.id].successors) == 1
        saving.set_saved()
    assert guest.told[0].resume_token != UNSET


async def test_new_resume_token_is_not_told_if_it_was_not_saved_in_time(
    autojump_clock, node, backend
):
    meeting = await node.pairs()
    saving = backend.slow()
    guest, resume = meeting.newcomer(GUEST)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guest.sends, resume)
        await wait_all_tasks_blocked()
        saving.set()
    assert guest.told[0].resume_token == UNSET
    assert guest.told[0].ice_servers
    assert meeting.actor.session.successors == ()
    backend.receipt = None
    assert isinstance((await meeting.returns(GUEST)).told[0], wire.Resumed)
