import pytest

from proxim.protocol import messages as wire
from proxim.protocol.messages import IceServer
from proxim.session import events as ev
from proxim.session.events import Reply, Tell
from proxim.session.ice import IceGrant, no_ice_servers, with_ice_servers

from .helpers import GUEST, HOST, ID, RESUME, Meeting, approved, asked

TURN = IceServer("turn:a", "u", "c")


def lifetimes(meeting):
    """Return the lifetimes of the ICE servers of the last messages."""
    sent = [each for each in meeting.effects if isinstance(each, Reply | Tell)]
    return [each.ice_lifetime for each in sent if each.ice_lifetime is not None]


@pytest.mark.parametrize("kind", [wire.PairResult, wire.Resumed])
def test_approved_peer_gets_ice_servers_and_their_ttl(kind):
    session = approved().session
    message = session.pair_result() if kind is wire.PairResult else session.resumed(1000.0)
    told = with_ice_servers(message, IceGrant([TURN], 5.0))
    assert isinstance(told, kind)
    assert (told.ice_servers, told.ice_ttl) == ([TURN], 5.0)


def test_refreshed_servers_come_with_their_ttl():
    message = wire.IceServers(session_id=ID, ice_servers=[], ttl=8.0)
    told = with_ice_servers(message, IceGrant([TURN], 4.0))
    assert (told.ice_servers, told.ttl) == ([TURN], 4.0)


def test_approval_resume_and_refresh_bring_ice_servers():
    meeting = asked()
    meeting.decides()
    assert len(lifetimes(meeting)) == 2
    meeting.hand(ev.ResumeRequested(RESUME))
    assert len(lifetimes(meeting)) == 1
    for side in (HOST, GUEST):
        meeting.asks_ice(side)
        assert len(lifetimes(meeting)) == 1


def test_no_ice_servers_before_approval():
    meeting = Meeting()
    meeting.asks()
    assert lifetimes(meeting) == []
    meeting.hand(ev.ResumeRequested(RESUME))
    assert lifetimes(meeting) == []
    meeting.asks_ice(GUEST)
    assert lifetimes(meeting) == []
    meeting.decides(approve=False)
    assert lifetimes(meeting) == []


def test_empty_grant_lasts_as_long_as_the_session():
    assert no_ice_servers(9.0) == IceGrant([], 9.0)
