"""The application as the host: it may do as much as a client on a socket, and no more."""

import pytest
import trio

from proxim.net.token_bucket import TokenBucket
from proxim.protocol.errors import (
    AlreadyDecided,
    BadMessage,
    ConnectionLost,
    InternalError,
    LimitReached,
    NotApproved,
    RateLimited,
    SessionOver,
)
from proxim.protocol.messages import Status
from proxim.session.session import Session
from tests.embed.helpers import NO_RATE, Parlour, over


async def test_both_sides_exchange_signals_in_order(autojump_clock, parlour):
    session, guest = await parlour.pair_up()
    assert (session.status, session.peer_online) == (Status.APPROVED, True)
    assert session.device_info.name == "Phone"
    for number in range(3):
        await session.send({"number": number})
        await guest.say("signal", session_id=session.session_id, data=number)
    assert [(await guest.hear("signal"))["data"] for _ in range(3)] == [
        {"number": number} for number in range(3)
    ]
    assert [await session.receive() for _ in range(3)] == [0, 1, 2]
    assert session.unread_bytes == 0


async def test_signals_of_both_sides_use_the_line(autojump_clock, parlour):
    session, guest = await parlour.pair_up()
    await session.send(1)
    await guest.hear("signal")
    seats = parlour.supervisor.find(session.session_id).seats.values()
    assert [seat.line is not None for seat in seats] == [True, True]


async def test_session_has_a_link_and_a_qr_code(parlour):
    session = await parlour.open_session(qr="svg")
    assert session.link.startswith("http://node/join#")
    assert "<svg" in session.qr_svg
    before = session.link
    await session.renew()
    assert session.link != before
    assert session.qr_svg is None


async def test_guest_learns_that_it_was_declined(autojump_clock, parlour):
    session = await parlour.open_session()
    guest = await parlour.guest(session)
    await (await session.prompt()).decline()
    assert (await guest.hear("session_ended"))["reason"] == "rejected"
    assert await over(session) == ("rejected", "rejected")


async def test_decision_after_the_timeout_is_too_late(autojump_clock, parlour):
    session = await parlour.open_session()
    await parlour.guest(session)
    prompt = await session.prompt()
    assert prompt.expires_at == pytest.approx(trio.current_time() + 40)
    await trio.sleep(40)
    with pytest.raises(AlreadyDecided):
        await prompt.approve()
    assert await over(session) == ("expired", "approval_timeout")


async def test_temporary_session_ends_on_time(autojump_clock, parlour):
    session, guest = await parlour.pair_up("temporary", ttl=60)
    began = trio.current_time()
    assert await over(session) == ("expired", "expired")
    assert trio.current_time() - began == pytest.approx(60, abs=0.1)
    assert (await guest.hear("session_ended"))["reason"] == "expired"
    with pytest.raises(SessionOver):
        await session.send(1)


async def test_no_signal_is_sent_before_approval(autojump_clock, parlour):
    session = await parlour.open_session()
    with pytest.raises(NotApproved):
        await session.send("too early")


async def test_application_sees_its_guest_join_and_leave(autojump_clock, parlour):
    session, guest = await parlour.pair_up("persistent")
    await guest.ws.aclose()
    assert await session.presence_after(True) is False
    await session.close()
    assert await session.presence_after(False) is None
    assert await over(session) == ("expired", "closed")


async def test_closing_twice_or_after_the_sweep_is_not_an_error(autojump_clock, parlour):
    session, _ = await parlour.pair_up()
    await session.close()
    await session.close()
    await parlour.supervisor.sweep()
    await session.close()
    assert parlour.node.sessions() == []


# -- limits of the connection ----------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"session_type": "temporary"},
        {"session_type": "temporary", "ttl": -1.0},
        {"session_type": "temporary", "ttl": "soon"},
        {"session_type": "one_time", "ttl": 5.0},
        {"token_hash": "short"},
        {"qr": "png"},
        {"confirm": "yes"},
    ],
    ids=str,
)
async def test_invalid_message_is_refused_like_a_frame(autojump_clock, parlour, wrong):
    with pytest.raises(BadMessage):
        await parlour.open_session(**wrong)
    assert parlour.node.sessions() == []


def nested(levels):
    return [] if levels == 1 else [nested(levels - 1)]


async def test_too_deep_or_too_large_message_is_refused(autojump_clock, parlour):
    session, guest = await parlour.pair_up()
    with pytest.raises(BadMessage, match="deep"):
        await session.send(nested(40))
    with pytest.raises(BadMessage, match="at most 65536"):
        await session.send("x" * 65536)
    await session.send("x" * 65000)
    assert len((await guest.hear("signal"))["data"]) == 65000


async def test_application_needs_no_access_token(autojump_clock, nursery):
    parlour = Parlour(nursery, settings={"access_token": "secret"})
    session, _ = await parlour.pair_up()
    assert session.status is Status.APPROVED


async def test_limits_per_owner_apply(autojump_clock, nursery):
    parlour = Parlour(nursery, settings={"sessions_per_owner": 2, "prompts_per_host": 1})
    first, second = [await parlour.open_session() for _ in range(2)]
    with pytest.raises(LimitReached):
        await parlour.open_session()
    await parlour.guest(first)
    guest = await parlour.client()
    token = second.token
    await guest.say(
        "pair_request",
        session_id=second.session_id,
        token=token,
        device_info={"name": "Other", "id": "o"},
    )
    assert (await guest.hear("error"))["code"] == RateLimited.code


async def test_no_client_can_become_the_owner(autojump_clock, parlour):
    session = await parlour.open_session("persistent")
    stranger = await parlour.client()
    await stranger.say("register", uuid=session.info.uuid, key="k" * 22)
    assert (await stranger.hear("registered"))["sessions"] == []
    answer = await stranger.ask("close_session", session_id=session.session_id)
    assert answer["code"] == "unknown_session"


async def test_application_that_sends_too_fast_waits(autojump_clock, nursery):
    parlour = Parlour(nursery, messages=TokenBucket.of(10, 20))
    session, guest = await parlour.pair_up()
    began = trio.current_time()
    for number in range(60):
        await session.send(number)
    # Twenty at once, minus the three that opened it, and ten a second.
    assert trio.current_time() - began == pytest.approx(4.3, abs=0.2)
    assert [(await guest.hear("signal"))["data"] for _ in range(60)] == list(range(60))


async def test_application_that_does_not_read_loses_only_its_session(autojump_clock, nursery):
    parlour = Parlour(nursery, outbox_size=10_000, messages=NO_RATE)
    session, guest = await parlour.pair_up("persistent")
    other, other_guest = await parlour.pair_up()
    for _ in range(12):
        await guest.say("signal", session_id=session.session_id, data="x" * 1000)
    assert await guest.hear() == {"type": "peer_offline", "session_id": session.session_id}
    with pytest.raises(ConnectionLost) as caught:
        await session.ended()
    assert caught.value.close_code == 4001
    assert await session.receive() == "x" * 1000
    for refused in (session.send(1), session.close(), session.renew()):
        with pytest.raises(ConnectionLost):
            await refused
    await other_guest.say("signal", session_id=other.session_id, data=1)
    assert await other.receive() == 1


async def test_application_that_does_not_read_many_small_signals_loses_its_session(
    autojump_clock, nursery, monkeypatch
):
    monkeypatch.setattr("proxim.client.session.MAX_UNREAD", 10)
    parlour = Parlour(nursery, messages=NO_RATE)
    session, guest = await parlour.pair_up("persistent")
    for number in range(11):
        await guest.say("signal", session_id=session.session_id, data=number)
    assert await guest.hear() == {"type": "peer_offline", "session_id": session.session_id}
    with pytest.raises(ConnectionLost, match="too slow"):
        await session.ended()
    assert [await session.receive() for _ in range(10)] == list(range(10))


async def test_application_that_reads_in_time_has_no_bound(autojump_clock, nursery):
    parlour = Parlour(nursery, outbox_size=10_000, messages=NO_RATE)
    session, guest = await parlour.pair_up()
    for _ in range(50):
        await guest.say("signal", session_id=session.session_id, data="x" * 1000)
        assert len(await session.receive()) == 1000


async def test_cancelled_open_leaves_no_session(autojump_clock, parlour, monkeypatch):
    async def never(*_, **__):
        await trio.sleep_forever()

    monkeypatch.setattr("proxim.actors.invitations.Invitations.make", never)
    with trio.move_on_after(1):
        await parlour.open_session(qr="svg")
    assert parlour.node.sessions() == []


async def test_crash_of_the_node_reaches_the_caller(autojump_clock, parlour, monkeypatch, caplog):
    async def crash(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("proxim.actors.hosting.Hosting.create_session", crash)
    with pytest.raises(InternalError):
        await parlour.open_session()
    assert "ZeroDivisionError" in caplog.text


async def test_crashed_session_ends_for_the_application(autojump_clock, parlour, monkeypatch):
    session, _ = await parlour.pair_up()
    monkeypatch.setattr(Session, "handle", lambda *_: 1 / 0)
    with pytest.raises(InternalError):
        await session.refresh_ice()
    assert await over(session) == ("expired", "internal_error")


async def test_ice_servers_are_refreshed_before_they_expire(autojump_clock, nursery):
    settings = {"turn": ("turn:turn.example",), "turn_secret": "secret", "turn_ttl": 100}
    parlour = Parlour(nursery, settings=settings)
    session, _ = await parlour.pair_up("persistent")
    given = [server.username for server in session.ice_servers]
    assert given
    await trio.sleep(74)
    assert [server.username for server in session.ice_servers] == given
    await trio.sleep(2)
    assert [server.username for server in session.ice_servers] != given
