import gc
from functools import partial

import pytest

from proxim.embed.events import BOUND, Ended, Events, Missed, Paired
from proxim.protocol.errors import InternalError
from proxim.protocol.messages import Reason, SessionInfo, SessionType, Status
from proxim.session.session import Session


def told(number, status=Status.EXPIRED):
    return SessionInfo(
        session_id=str(number),
        uuid="desk",
        session_type=SessionType.ONE_TIME,
        created_at=None,
        expires_at=None,
        status=status,
        device_info=None,
        host_online=True,
        guest_online=True,
    )


async def test_every_reader_gets_every_event(autojump_clock, parlour):
    readers = [parlour.node.events() for _ in range(2)]
    session, _ = await parlour.pair_up("persistent")
    declined = await parlour.open_session(decide=lambda _: False)
    await session.close()
    await declined.close()
    for reader in readers:
        paired, ended, other = [await anext(reader) for _ in range(3)]
        assert isinstance(paired, Paired)
        assert paired.session.session_id == session.session_id
        assert paired.session.device_info.name == "Phone"
        assert isinstance(ended, Ended)
        assert ended.session.session_id == session.session_id
        assert ended.session.reason is Reason.CLOSED
        assert isinstance(other, Ended)
        assert other.session.session_id == declined.session_id


async def test_events_include_sessions_of_other_hosts(autojump_clock, parlour):
    events = parlour.node.events()
    _, _, session_id = await parlour.pair()
    event = await anext(events)
    assert (type(event), event.session.session_id) == (Paired, session_id)
    assert [info.session_id for info in parlour.node.sessions()] == [session_id]


async def test_crash_is_an_ended_event(autojump_clock, parlour, monkeypatch):
    session, _ = await parlour.pair_up()
    events = parlour.node.events()
    monkeypatch.setattr(Session, "handle", lambda *_: 1 / 0)
    with pytest.raises(InternalError):
        await session.refresh_ice()
    event = await anext(events)
    assert (type(event), event.session.reason) == (Ended, Reason.INTERNAL_ERROR)
    assert event.session.status is Status.EXPIRED


async def test_slow_reader_gets_missed_in_place_of_lost_events(autojump_clock):
    events = Events()
    slow, quick = events.read(), events.read()
    for number in range(BOUND + 7):
        events.announce(partial(told, number))
        assert (await anext(quick)).session.session_id == str(number)
    first = await anext(slow)
    assert first.session.session_id == "0"
    await anext(slow)
    events.announce(partial(told, "later"))
    rest = [await anext(slow) for _ in range(BOUND)]
    assert [event.session.session_id for event in rest[:-2]] == [str(n) for n in range(2, BOUND)]
    assert rest[-2] == Missed(7)
    assert rest[-1].session.session_id == "later"


async def test_events_end_with_the_node_once_all_are_read(autojump_clock):
    events = Events()
    reader = events.read()
    events.announce(partial(told, 1, Status.APPROVED))
    events.finish()
    assert [type(event) async for event in reader] == [Paired]
    assert [event async for event in events.read()] == []


async def test_session_is_described_only_if_somebody_reads():
    Events().announce(pytest.fail)


async def test_dropped_reader_is_freed():
    events = Events()
    reader = events.read()
    assert len(events._readers) == 1
    del reader
    gc.collect()
    assert len(events._readers) == 0
