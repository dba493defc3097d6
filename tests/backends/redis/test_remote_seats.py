"""What two nodes keep of a client at one of them and a session at the other."""

import secrets

import pytest
import trio
from msgspec import structs

from proxim.backends.redis.remote_sessions import ANSWER_TIME
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from tests.actors.helpers import GUEST
from tests.actors.test_known_devices import CREATE
from tests.backends.redis.test_backend import LEASE, members, pairs  # noqa: F401
from tests.backends.redis.test_known_devices import SOON, asks, opens

ROUNDS = 5
SWEPT = 61


def kept(members):  # noqa: F811
    """How many pairs of a client and a session the nodes of the session and of the client know."""
    at, guest_at = members[0].member, members[1].member
    return (
        len(at.remote_connections._connections),
        len(at.remote_connections._at_session),
        len(guest_at.remote_sessions._remote_seats),
    )


@pytest.mark.parametrize("has_one_id", [True, False])
async def test_nothing_is_kept_of_sessions_that_were_removed(
    autojump_clock,
    members,  # noqa: F811
    has_one_id,
):
    host, guest = await members[0].host(), members[1].connect()
    for _ in range(ROUNDS):
        nonce = CREATE.nonce if has_one_id else tokens.encode(secrets.token_bytes(32))
        session_id = (await opens(host, structs.replace(CREATE, nonce=nonce))).session_id
        await asks(members[1], session_id, guest)
        assert guest.heard(wire.PairPending)
        await host.asks(wire.CloseSession(session_id=session_id))
        assert guest.endings[-1:] == ["closed"]
        guest.told.clear()
    await trio.sleep(SWEPT)
    assert guest.seats == {}
    assert kept(members) == (0, 0, 0)
    assert guest.closed is False


async def test_ended_session_answers_at_another_node_until_it_is_removed(
    autojump_clock,
    members,  # noqa: F811
):
    session_id = (await opens(await members[0].host())).session_id
    host = await members[1].host()
    await host.asks(wire.CloseSession(session_id=session_id))
    renewal = wire.RenewLink(session_id=session_id, token_hash=CREATE.token_hash)
    answer = await host.asks(renewal)
    assert isinstance(answer, wire.SessionEnded)
    await trio.sleep(SWEPT)
    answer = await host.asks(renewal)
    assert answer.code == "unknown_session"
    assert kept(members) == (0, 0, 0)


async def test_death_of_the_node_that_had_a_session_closes_no_host_that_has_it_again(
    autojump_clock,
    members,  # noqa: F811
):
    session_id = (await opens(await members[0].host())).session_id
    host = await members[1].host()
    await host.asks(wire.CloseSession(session_id=session_id))
    await trio.sleep(SWEPT)
    assert (await opens(host)).session_id == session_id
    assert members[1].supervisor.find(session_id)
    members[0].life.cancel()
    await trio.sleep(LEASE + SOON)
    assert host.closed is False


async def test_seat_that_is_granted_after_its_client_was_refused_is_left(
    autojump_clock,
    members,  # noqa: F811
):
    meeting = await pairs(members[0], members[0])
    meeting.guest.close()
    await trio.sleep(SOON)
    late, flush = members[1].connect(), members[1].coordinator.flush

    async def wait_and_flush(*arguments):
        await trio.sleep(ANSWER_TIME + 1)
        return await flush(*arguments)

    members[1].coordinator.flush = wait_and_flush
    refused = await late.asks(meeting.resume())
    assert refused.code == "unavailable"
    del members[1].coordinator.flush
    await trio.sleep(LEASE)
    assert late.heard(wire.Resumed) == []
    assert GUEST not in meeting.actor.session.online
    assert meeting.host.heard(wire.PeerOffline)
    assert kept(members) == (0, 0, 0)
