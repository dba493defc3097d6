import pytest
from msgspec import UNSET

from proxim.protocol import messages as wire
from proxim.protocol.messages import IceServer, Status
from proxim.session.ice import IceGrant, no_ice_servers, with_ice_servers

from .helpers import DEVICE, ID, approved, asked

TURN = IceServer("turn:a", "u", "c")


def half(lifetime):
    return IceGrant([TURN], lifetime / 2)


def refuse(lifetime):
    raise AssertionError("nobody may be given anything")


@pytest.mark.parametrize("kind", [wire.PairResult, wire.Resumed])
def test_who_is_approved_is_told_the_servers_and_how_long_they_serve(kind):
    session = approved().session
    message = (
        session.pair_result(10.0) if kind is wire.PairResult else session.resumed(session.lapses_at)
    )
    told = with_ice_servers(message, half)
    assert (told.ice_servers, told.ice_ttl) == ([TURN], message.ice_ttl / 2)


def test_fresh_servers_come_with_their_ttl():
    told = with_ice_servers(wire.IceServers(session_id=ID, ice_servers=[], ttl=8.0), half)
    assert (told.ice_servers, told.ttl) == ([TURN], 4.0)


@pytest.mark.parametrize(
    "message",
    [
        wire.PairResult(session_id=ID, status=Status.REJECTED, device_info=DEVICE),
        asked().session.resumed(1000.0),
        wire.Pong(),
    ],
)
def test_before_approval_and_in_other_messages_nothing_is_made(message):
    told = with_ice_servers(message, refuse)
    assert told is message
    assert getattr(told, "ice_servers", UNSET) is UNSET


def test_without_servers_there_are_none_for_as_long_as_the_session_lives():
    assert no_ice_servers(9.0) == IceGrant([], 9.0)
