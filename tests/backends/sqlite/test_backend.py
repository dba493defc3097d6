"""Sessions are restored after a restart, and a failing disk does not stop the node."""

import threading
from hashlib import sha256

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.backends.sqlite.file import DiskError
from proxim.protocol import messages as wire
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import PairCancel, Reason, Status
from tests.actors.helpers import DEVICE, GUEST, HOST, KEY, ONE_TIME, TEMPORARY
from tests.actors.test_sealed import SEALED, sealed_request
from tests.backends.sqlite.conftest import KEY as STORE_KEY
from tests.backends.sqlite.conftest import Life, until


async def back(life, meeting):
    """Return the host of a restored session, and the session object that it gets."""
    host = await life.node.host()
    (registered,) = host.heard(wire.Registered)
    infos = {info.session_id: info for info in registered.sessions}
    return host, infos.get(meeting.id)


async def test_restored_approved_session_lets_the_guest_resume(live):
    first = await live()
    meeting = await first.node.pairs()
    await first.die()
    second = await live()
    _, info = await back(second, meeting)
    assert info.status is Status.APPROVED
    guest = second.node.connect()
    resumed = await guest.asks(meeting.resume())
    assert isinstance(resumed, wire.Resumed)
    assert resumed.host_online


async def test_restored_session_knows_the_newest_resume_token_and_the_superseded(live):
    first = await live()
    meeting = await first.node.pairs()
    oldest = meeting.resume_token
    for _ in range(2):
        await meeting.returns(GUEST)
        meeting.resume_token = meeting.guest.heard(wire.Resumed)[0].resume_token
    await first.die()
    second = await live()
    resumed = await second.node.connect().asks(meeting.resume())
    assert isinstance(resumed, wire.Resumed)
    assert resumed.resume_token != meeting.resume_token
    meeting.resume_token = oldest
    ended = await second.node.connect().asks(meeting.resume())
    assert ended.reason is Reason.TOKEN_REUSED


async def test_new_resume_token_is_on_the_disk_once_it_is_told(live):
    first = await live()
    meeting = await first.node.pairs()
    await meeting.returns(GUEST)
    meeting.resume_token = meeting.guest.heard(wire.Resumed)[0].resume_token
    await first.die()
    second = await live()
    assert isinstance(await second.node.connect().asks(meeting.resume()), wire.Resumed)


async def test_restored_session_with_confirm_needs_the_code_of_its_guest(live):
    first = await live()
    host = await first.node.host()
    create = wire.CreateSession(session_type="persistent", confirm="code")
    created = await host.asks(create)
    await first.die()
    second = await live()
    host = await second.node.host()
    (info,) = host.heard(wire.Registered)[0].sessions
    assert info.confirm == "code"
    ask = {"session_id": info.session_id, "token": created.token, "device_info": DEVICE}
    pending = await second.node.connect().asks(wire.PairRequest(**ask))
    decision = {"session_id": info.session_id, "approve": True}
    assert (await host.asks(wire.PairDecision(**decision))).code == "not_allowed"
    result = await host.asks(wire.PairDecision(**decision, code=pending.code))
    assert result.status is Status.APPROVED


async def test_restored_sealed_session_has_its_seals_and_no_name(live):
    first = await live()
    host = await first.node.host()
    created = await host.asks(wire.CreateSession(**SEALED))
    session_id = created.session.session_id
    pending = await first.node.connect().asks(sealed_request(session_id))
    writes = len(first.disk.writes)
    await host.sends(wire.PairAck(session_id=session_id, seal="ack"))
    await host.asks(wire.PairDecision(session_id=session_id, approve=True, seal="answer"))
    assert len(first.disk.writes) == writes + 1, "an ack waits for no disk"
    await first.die()
    second = await live()
    host = await second.node.host()
    (info,) = host.heard(wire.Registered)[0].sessions
    assert (info.seal, info.device_info.name) == (1, "Sealed device")
    resume = wire.Resume(session_id=session_id, resume_token=pending.resume_token)
    resumed = await second.node.connect().asks(resume)
    assert (resumed.ack, resumed.seal) == ("ack", "answer")
    again = await second.node.connect().asks(sealed_request(session_id))
    assert again.code == "token_used"
    assert host.heard(wire.Contested) == []


async def test_restored_pending_session_has_a_link_that_works_once(live):
    first = await live()
    meeting = await first.node.invites()
    await first.die()
    second = await live()
    host, info = await back(second, meeting)
    assert (info.status, info.device_info) == (Status.PENDING, None)
    guest = second.node.connect()
    assert isinstance(await guest.asks(meeting.pair_request()), wire.PairPending)
    assert host.heard(wire.PairPrompt)
    await second.die()
    third = await live()
    again = await third.node.connect().asks(meeting.pair_request())
    assert again.code == "token_used"


@pytest.mark.parametrize("kind", [ONE_TIME, TEMPORARY])
async def test_only_persistent_sessions_are_written(live, kind):
    life = await live()
    meeting = await life.node.pairs(kind)
    assert life.disk.writes == [1]  # the row that tells the key
    await life.die()
    assert (await back(await live(), meeting))[1] is None


async def test_closed_session_is_not_restored(live):
    life = await live()
    meeting = await life.node.pairs()
    await meeting.host.asks(meeting.close())
    await life.die()
    second = await live()
    assert (await back(second, meeting))[1] is None
    assert len(second.disk.rows()) == 1


async def test_rejected_session_is_not_restored(live):
    life = await live()
    meeting = await life.node.prompts()
    await meeting.host.asks(meeting.decision(approve=False))
    await life.die()
    assert (await back(await live(), meeting))[1] is None


async def test_cancelled_request_is_not_restored(live):
    life = await live()
    meeting = await life.node.prompts()
    await meeting.guest.asks(PairCancel(session_id=meeting.id))
    await life.die()
    assert (await back(await live(), meeting))[1] is None


async def test_stopped_node_ends_only_sessions_that_are_not_restored(live):
    life = await live()
    # Each has its own owner, and so its own host.
    pending, prompted, brief = [await life.node.host(letter * 22) for letter in "abc"]
    approved, pending = await life.node.pairs(), await life.node.invites(host=pending)
    prompted = await life.node.prompts(host=prompted)
    brief = await life.node.pairs(ONE_TIME, host=brief)
    await life.stop()
    assert approved.host.endings + pending.host.endings == []
    assert prompted.host.endings == brief.host.endings == [Reason.SHUTDOWN]
    second = await live()
    _, info = await back(second, approved)
    assert info.status is Status.APPROVED
    assert second.node.supervisor.find(prompted.id) is None
    await second.node.host("a" * 22)
    guest = second.node.connect()
    assert isinstance(await guest.asks(pending.pair_request()), wire.PairPending)


async def test_file_reveals_nothing_about_a_session(live, tmp_path):
    life = await live()
    meeting = await life.node.pairs()
    await life.die()
    written = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    public = (meeting.id, DEVICE.name, DEVICE.id, "desk", "persistent", "APPROVED")
    # The owner's key and the store's key are the same letter, repeated.
    secrets = (meeting.token, meeting.resume_token, min(KEY, STORE_KEY))
    for telling in (*public, *secrets):
        assert telling.encode() not in written
        assert sha256(telling.encode()).digest() not in written


async def test_restored_device_is_named_by_its_id(live):
    life = await live()
    meeting = await life.node.pairs()
    await life.die()
    _, info = await back(await live(), meeting)
    assert (info.device_info.name, info.device_info.id) == (DEVICE.id, DEVICE.id)


async def test_no_client_is_told_of_a_change_before_it_is_written(live):
    life = await live()
    meeting = await life.node.prompts()
    life.disk.gate = threading.Event()
    await meeting.host.sends(meeting.decision())
    await wait_all_tasks_blocked(0.05)
    assert not meeting.host.heard(wire.PairResult)
    life.disk.gate.set()
    await until(
        lambda: meeting.host.heard(wire.PairResult) and meeting.guest.heard(wire.PairResult)
    )


async def test_changes_during_a_write_are_written_together(live):
    life = await live()
    hosts = [await life.node.host(key=f"{n:022}") for n in range(20)]
    life.disk.gate = threading.Event()
    create = wire.CreateSession(session_type="persistent")
    async with trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(host.asks, create)
        await wait_all_tasks_blocked(0.05)
        life.disk.gate.set()
    assert sum(life.disk.writes) == 1 + 20
    assert len(life.disk.writes) <= 4


async def test_presence_is_not_written(live):
    life = await live()
    meeting = await life.node.pairs()
    written = list(life.disk.writes)
    await meeting.leaves(GUEST)
    await meeting.leaves(HOST)
    await wait_all_tasks_blocked(0.05)
    assert life.disk.writes == written


async def test_failing_disk_is_logged_once_and_written_later(live, caplog):
    life = await live()
    life.disk.trouble = DiskError("database or disk is full")
    meeting = await life.node.pairs()
    assert life.backend.is_failing
    assert "proxim_store_failing 1.0" in life.backend.exposition()
    await until(lambda: life.backend.failures > 2)
    assert [record.getMessage() for record in caplog.records] == [
        "the store fails, and sessions live in memory only for now: database or disk is full"
    ]
    life.disk.trouble = None
    await until(lambda: not life.backend.is_failing)
    told = life.backend.exposition()
    assert "proxim_store_failing 0.0" in told
    assert "proxim_store_owed 0.0" in told
    assert "proxim_store_sessions 1.0" in told
    assert "works again" in caplog.records[-1].getMessage()
    await life.die()
    assert (await back(await live(), meeting))[1].status is Status.APPROVED


@pytest.mark.real_time
async def test_slow_disk_delays_no_client_for_long(live, caplog):
    life = await live(write_timeout=0.3)
    life.disk.gate = threading.Event()
    meeting = await life.node.pairs()
    assert life.backend.is_failing
    assert "no answer within 0.3 seconds" in caplog.text
    life.disk.gate.set()
    await until(lambda: not life.backend.unsaved and not life.backend.is_failing)
    await life.die()
    assert (await back(await live(), meeting))[1].status is Status.APPROVED


async def test_unsaved_changes_are_written_when_the_node_stops(live):
    life = await live()
    life.disk.trouble = DiskError("disk I/O error")
    meeting = await life.node.invites()
    life.disk.trouble = None
    life._nursery.cancel_scope.cancel()
    await life._ended.wait()
    assert (await back(await live(), meeting))[1].status is Status.PENDING


async def test_unsaved_session_ends_with_the_node(live):
    life = await live()
    life.disk.trouble = DiskError("disk I/O error")
    meeting = await life.node.pairs()
    await life.node.supervisor.drain()
    assert meeting.host.endings == [Reason.SHUTDOWN]


async def test_wrong_key_is_refused_and_changes_nothing(live):
    life = await live()
    meeting = await life.node.pairs()
    await life.die()
    await refused(life.disk.path)
    assert (await back(await live(), meeting))[1].status is Status.APPROVED


async def refused(path):
    told = f"store_key: {path} was encrypted with another key; give that one, or move"
    with pytest.raises(InvalidSetting, match=told):
        async with Life(path, key="o" * 32).backend.opened():
            raise AssertionError("it was let in")


async def test_wrong_key_is_refused_without_the_check_row(live):
    life = await live()
    meeting = await life.node.pairs()
    life.disk.write({b"check": None})
    await life.die()
    await refused(life.disk.path)
    assert (await back(await live(), meeting))[1].status is Status.APPROVED


async def test_damaged_row_is_logged_and_kept(live, caplog):
    life = await live()
    meeting = await life.node.pairs()
    other = await life.node.pairs()
    name = life.backend._cipher.name(meeting.id)
    row = life.disk.rows()[name]
    life.disk.write({name: row[:-1] + bytes([row[-1] ^ 1])})
    await life.die()
    second = await live()
    assert (await back(second, meeting))[1] is None
    assert second.node.supervisor.find(other.id) is not None
    assert "cannot be read" in caplog.text
    assert name in second.disk.rows()


async def test_guest_gets_no_new_resume_token_while_the_disk_fails(live):
    life = await live()
    meeting = await life.node.pairs()
    life.disk.trouble = DiskError("the disk is full")
    await meeting.host.asks(wire.CreateSession(session_type="persistent"))
    await until(lambda: life.backend.is_failing)
    await meeting.returns(GUEST)
    assert meeting.guest.heard(wire.Resumed)[0].resume_token == wire.UNSET
    life.disk.trouble = None
    await until(lambda: not life.backend.is_failing)
    await meeting.returns(GUEST)
    assert meeting.guest.heard(wire.Resumed)[0].resume_token != wire.UNSET


@pytest.mark.parametrize("fault", ["slow", "full"])
async def test_guest_gets_no_new_resume_token_at_the_first_write_that_fails(live, fault):
    life = await live()
    meeting = await life.node.pairs()
    if fault == "slow":
        life.disk.gate = threading.Event()
        life.backend._write_timeout = 0.05
    else:
        life.disk.trouble = DiskError("the disk is full")
    await meeting.returns(GUEST)
    assert life.backend.is_failing
    assert meeting.guest.heard(wire.Resumed)[0].resume_token == wire.UNSET
    if fault == "slow":
        life.disk.gate.set()
        life.backend._write_timeout = 60.0
    life.disk.trouble = None
    await until(lambda: not life.backend.is_failing)
    await meeting.returns(GUEST)
    assert meeting.guest.heard(wire.Resumed)[0].resume_token != wire.UNSET


async def test_boot_is_that_of_the_file(live, tmp_path):
    life = await live()
    before = life.backend.boot
    await life.stop()
    life = await live()
    assert life.backend.boot == before
    await life.stop()
    (tmp_path / "sessions.db").unlink()
    assert (await live()).backend.boot != before
