import gc
import logging

import pytest
import trio
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from proxim.actors import supervisor as supervisor_module
from proxim.actors.actor import Actor
from proxim.actors.inbox import Envelope
from proxim.actors.log import log_id
from proxim.protocol import messages as wire
from proxim.protocol.messages import Reason, Status
from proxim.session import events as ev
from tests.actors.helpers import (
    DEVICE,
    GUEST,
    HOST,
    KEY,
    ONE_TIME,
    PERSISTENT,
    TEMPORARY,
    Node,
    crash_at,
)


def in_memory(session_id):
    gc.collect()
    actors = (thing for thing in gc.get_objects() if isinstance(thing, Actor))
    return any(actor.session.session_id == session_id for actor in actors)


# -- crashes ---------------------------------------------------------------------------------


async def test_crash_ends_its_session_alone(autojump_clock, node, monkeypatch, caplog):
    host = await node.host()
    sound = await node.pairs(host=host)
    broken = await node.pairs(host=host)
    crash_at(monkeypatch, broken.id)
    ending = await host.asks(wire.RefreshIce(session_id=broken.id))
    assert (ending.status, ending.reason) == (Status.EXPIRED, Reason.INTERNAL_ERROR)
    assert broken.guest.told[-1] == ending
    assert broken.actor is None
    assert [info.session_id for info in await host.lists()] == [sound.id]
    for side in (host, broken.guest):
        assert (await side.asks(broken.close())).code == "unknown_session"
    assert node.supervisor.crashes == 1
    assert node.supervisor.endings == {Reason.INTERNAL_ERROR: 1}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message.endswith("ZeroDivisionError")
    secrets = (broken.id, broken.token, broken.resume_token, KEY, DEVICE.name, DEVICE.id)
    assert not any(secret in caplog.text for secret in secrets)
    await sound.guest.signals(sound.id, 1)
    assert host.numbers == [1]


async def test_thousand_sessions_survive_a_crash(autojump_clock, node, monkeypatch):
    host = await node.host()
    tasks = trio.lowlevel.current_statistics().tasks_living
    meetings = [await node.invites(host=host) for _ in range(1001)]
    assert trio.lowlevel.current_statistics().tasks_living == tasks + 1001
    broken = meetings.pop(500)
    crash_at(monkeypatch, broken.id)
    await host.asks(wire.RefreshIce(session_id=broken.id))
    assert trio.lowlevel.current_statistics().tasks_living == tasks + 1000
    for meeting in meetings:
        await meeting.guest.sends(meeting.pair_request())
        await host.sends(meeting.decision())
    await wait_all_tasks_blocked()
    assert host.endings == [Reason.INTERNAL_ERROR]
    for meeting in meetings:
        await host.signals(meeting.id, 1)
        assert meeting.guest.numbers == [1]
    resume_tokens = {meeting.guest.told[0].resume_token for meeting in meetings}
    assert len(resume_tokens) == 1000, "each guest has its own"


async def test_requests_to_a_crashed_session_are_answered_at_once(
    autojump_clock, node, monkeypatch
):
    meeting = await node.pairs()
    crash_at(monkeypatch, meeting.id)
    receipts = [meeting.actor.ask(Envelope(ev.ShutDown())) for _ in range(3)]
    await meeting.host.sends(wire.RefreshIce(session_id=meeting.id))
    meeting.actor.close_line()
    await meeting.host.signals(meeting.id, 1)
    with trio.fail_after(1):
        await node.supervisor.drain()
        for each in receipts:
            await each.wait()
    assert meeting.actor is None


async def test_request_that_crashed_a_session_gets_an_answer(autojump_clock, node, monkeypatch):
    meeting, askers = await node.invites(), [node.connect(), node.connect()]
    crash_at(monkeypatch, meeting.id)
    async with trio.open_nursery() as nursery:
        for asker in askers:
            nursery.start_soon(asker.sends, meeting.pair_request())
    assert [len(asker.told) for asker in askers] == [1, 1]


async def test_register_reports_the_session_that_failed(autojump_clock, node, monkeypatch):
    meeting = await node.invites()
    crash_at(monkeypatch, meeting.id)
    newcomer = node.connect()
    await newcomer.registers()
    (error,) = newcomer.heard(wire.Error)
    assert (error.code, error.session_id) == ("internal_error", meeting.id)


async def test_events_for_a_crashed_session_are_dropped(autojump_clock, node, monkeypatch):
    meeting = await node.invites()
    crash_at(monkeypatch, meeting.id)
    for _ in range(3):
        meeting.actor.notify(ev.Swept())
    await wait_all_tasks_blocked()
    assert node.supervisor.crashes == 1
    assert meeting.host.endings == [Reason.INTERNAL_ERROR]


async def test_crash_after_the_end_is_not_a_second_end(autojump_clock, node, monkeypatch):
    meeting = await node.pairs()
    await meeting.host.asks(meeting.close())
    crash_at(monkeypatch, meeting.id)
    await meeting.host.asks(meeting.close())
    assert node.supervisor.crashes == 1
    assert node.supervisor.endings.total() == node.supervisor.endings[Reason.CLOSED] == 1


async def test_keyboard_interrupt_is_not_a_crash(autojump_clock, monkeypatch):
    node = Node()

    async def interrupt():
        async with trio.open_nursery() as nursery:
            await nursery.start(node.supervisor.run)
            meeting = await node.invites()
            crash_at(monkeypatch, meeting.id, error=KeyboardInterrupt)
            await meeting.host.asks(meeting.close())
            nursery.cancel_scope.cancel()

    with pytest.raises(BaseExceptionGroup) as caught:
        await interrupt()
    assert caught.group_contains(KeyboardInterrupt)
    assert node.supervisor.crashes == 0


# -- the sweep -------------------------------------------------------------------------------


async def test_sweep_frees_the_memory_of_ended_sessions(autojump_clock, node):
    host = await node.host()
    await trio.sleep(1)
    kept, meeting = await node.pairs(host=host), await node.pairs(host=host)
    guest, session_id = meeting.guest, meeting.id
    tasks = trio.lowlevel.current_statistics().tasks_living
    await host.asks(meeting.close())
    await trio.sleep(28.5)
    assert in_memory(session_id)
    await trio.sleep(1)
    assert not in_memory(session_id)
    assert node.supervisor.find(session_id) is None
    assert [info.session_id for info in await host.lists()] == [kept.id]
    assert (set(host.seats), guest.seats) == ({kept.id}, {})
    assert trio.lowlevel.current_statistics().tasks_living == tasks - 1
    for message in (meeting.pair_request(), meeting.resume(), meeting.close()):
        assert (await guest.asks(message)).code == "unknown_session"


@pytest.mark.parametrize("kind", [PERSISTENT, TEMPORARY])
async def test_sweep_ends_inactive_sessions(autojump_clock, node, kind):
    meeting = await node.invites(kind, ttl=10_000 if kind is TEMPORARY else None)
    await meeting.leaves(HOST)
    await trio.sleep(299)
    assert meeting.actor.session.status is Status.PENDING
    await trio.sleep(2)
    assert meeting.actor.session.reason is Reason.INACTIVE
    assert node.supervisor.endings == {Reason.INACTIVE: 1}
    await trio.sleep(30)
    assert node.supervisor.actors() == []
    assert node.supervisor._owned == {}
    assert node.supervisor.endings == {Reason.INACTIVE: 1}


async def test_actor_that_is_gone_gives_back_what_its_backlogs_had(
    autojump_clock, start, monkeypatch
):
    node = await start()
    budget = node.supervisor.terms.backlog_budget
    released, crashed = await node.pairs(), await node.pairs(host=await node.host(uuid="other"))
    for meeting in (released, crashed):
        await meeting.leaves(GUEST)
        await meeting.host.signals(meeting.id, 1, 2)
    await wait_all_tasks_blocked()
    assert budget.used == 4
    node.supervisor.release(released.actor)
    assert budget.used == 2
    crash_at(monkeypatch, crashed.id)
    await crashed.host.signals(crashed.id, 3)
    await wait_all_tasks_blocked()
    assert budget.used == 0


async def test_sweep_ends_idle_sessions(autojump_clock, start):
    node = await start(sweep_interval=3600.0, idle_days=1)
    meeting = await node.pairs()
    await meeting.leaves(GUEST)
    await meeting.leaves(HOST)
    await trio.sleep(86_400 - 3600)
    assert meeting.actor.session.status is Status.APPROVED
    await trio.sleep(3600 + 1)
    assert node.supervisor.endings == {Reason.IDLE: 1}


async def test_sweep_runs_every_sweep_interval(autojump_clock, start, monkeypatch):
    node = await start(sweep_interval=12.5)
    swept, sweep = [], node.supervisor.sweep

    async def watched():
        swept.append(trio.current_time())
        await sweep()

    monkeypatch.setattr(node.supervisor, "sweep", watched)
    await trio.sleep(51)
    assert swept == [12.5, 25, 37.5, 50]


async def test_long_sweep_lets_other_tasks_run(autojump_clock, node, monkeypatch):
    monkeypatch.setattr(supervisor_module, "SWEEP_BATCH", 3)
    host = await node.host()
    for _ in range(2):
        await node.invites(host=host)
    with assert_no_checkpoints():
        await node.supervisor.sweep()
    await node.invites(host=host)
    with assert_checkpoints():
        await node.supervisor.sweep()


@pytest.mark.parametrize("stage", ["ended", "inactive"])
async def test_session_can_crash_during_the_sweep(autojump_clock, start, monkeypatch, stage):
    monkeypatch.setattr(supervisor_module, "SWEEP_BATCH", 1)
    node = await start(sweep_interval=10_000, qr_ttl=1)
    others = [await node.invites(host=await node.host(uuid="others")) for _ in range(2)]
    meeting = await node.invites()
    await (meeting.host.asks(meeting.close()) if stage == "ended" else meeting.leaves(HOST))
    await trio.sleep(2)
    crash_at(monkeypatch, meeting.id)
    actor = meeting.actor
    actor.ask(Envelope(ev.Swept()))
    await node.supervisor.sweep()
    await wait_all_tasks_blocked()
    assert node.supervisor.crashes == 1
    assert [other.actor for other in others] == node.supervisor.actors()
    assert actor not in node.supervisor.actors()


async def test_client_that_joins_during_the_sweep_gets_no_seat(autojump_clock, node):
    meeting = await node.pairs()
    await meeting.host.asks(meeting.close())
    host, actor = node.connect(), meeting.actor
    receipt = actor.ask(Envelope(ev.HostJoined(), host))
    await node.supervisor.sweep()
    await receipt.wait()
    assert host.seats == actor.seats == {}
    assert not meeting.host.closed


# -- the drain -------------------------------------------------------------------------------


async def test_drain_tells_every_seat_of_the_shutdown(autojump_clock, node):
    meetings = [
        await prepare(kind, host=await node.host(uuid=f"desk-{kind}-{number}"))
        for number, prepare in enumerate((node.invites, node.prompts, node.pairs))
        for kind in (ONE_TIME, PERSISTENT, TEMPORARY)
    ]
    over = await node.pairs(host=await node.host(uuid="over"))
    await over.host.asks(over.close())
    await node.supervisor.drain()
    for meeting in meetings:
        assert meeting.host.endings == [Reason.SHUTDOWN]
        assert meeting.guest.endings == [Reason.SHUTDOWN] * (GUEST in meeting.actor.seats)
    assert over.host.endings == over.guest.endings == [Reason.CLOSED]
    assert node.supervisor.endings == {Reason.SHUTDOWN: 9, Reason.CLOSED: 1}


async def test_log_names_a_session_by_its_log_id(autojump_clock, node, caplog):
    caplog.set_level(logging.DEBUG, "proxim.actors")
    meeting = await node.invites()
    assert {record.session for record in caplog.records} == {log_id(meeting.id)}
    assert meeting.id not in caplog.text
