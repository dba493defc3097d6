"""The exceptions of the SDK, which are raised without a group."""

import json
import math
from functools import partial

import msgspec
import pytest
import trio
import wsproto
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from proxim.client import connection, open_guest, open_host, resume_guest
from proxim.protocol import errors
from proxim.protocol import messages as wire
from tests.client.helpers import PATIENCE, asked, paired, presence, registered, scripted


async def _join(link, **device):
    async with open_guest(link, **{"name": "Phone", **device}):
        pass


@pytest.mark.parametrize("code", [*errors.REQUEST_ERRORS, "from_the_future"])
async def test_error_code_raises_the_exception_of_its_name(nursery, code):
    def answer(asked):
        if asked["type"] == "register":
            return [registered(asked)]
        error = {"type": "error", "code": code, "message": "why", "session_id": "s" * 22}
        return [{**error, "retry_after": 7.5, "ref": asked["ref"]}]

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        with pytest.raises(errors.RequestError, match="why") as raised:
            await host.list()
    assert type(raised.value) is errors.REQUEST_ERRORS.get(code, errors.RequestError)
    assert (raised.value.session_id, raised.value.retry_after) == ("s" * 22, 7.5)


async def test_malformed_request_is_a_bad_message(node):
    for fields in ({"uuid": "a b"}, {"uuid": "desk", "key": "short"}):
        with pytest.raises(errors.BadMessage):
            async with open_host(node.url, **fields):
                pass
    async with open_host(node.url, uuid="desk") as host:
        with pytest.raises(errors.BadMessage, match="ttl"):
            await host.create("temporary")
        with pytest.raises(errors.BadMessage, match="one_time, persistent, temporary, not 'once'"):
            await host.create("once")
        session = await host.create("persistent")
        with pytest.raises(errors.BadMessage, match="name"):
            await _join(session.link, name="n" * 65)


async def test_link_is_not_the_url_of_a_node(node):
    async with open_host(node.url, uuid="desk") as host:
        link = (await host.create("persistent")).link
    with pytest.raises(errors.ConnectionLost, match="a link is not the URL of a node") as raised:
        async with open_host(link, uuid="desk"):
            pass
    assert link.partition("#")[2] not in str(raised.value)


async def test_https_at_a_node_without_tls_says_that_http_may_be_right(node):
    with pytest.raises(errors.ConnectionLost, match=r"perhaps it needs http$"):
        async with open_host(node.url.replace("http", "https"), uuid="desk"):
            pass


async def test_host_sends_its_access_token(serve):
    node = await serve(access_token="secret")
    for wrong in (None, "public"):
        with pytest.raises(errors.AccessDenied):
            async with open_host(node.url, uuid="desk", access_token=wrong):
                pass
    async with open_host(node.url, uuid="desk", access_token="secret") as host:
        assert await host.list() == []


async def test_invalid_link_is_refused_before_connecting():
    with pytest.raises(errors.InvalidLink):
        await _join("http://127.0.0.1:1/join#short")


async def test_expired_link_is_refused_with_its_reason(serve):
    node = await serve(qr_ttl=0.3)
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        await trio.sleep_until(session.lapses_at)
        with pytest.raises(errors.LinkLapsed):
            await _join(session.link)


async def test_guest_learns_why_its_link_is_refused(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        with pytest.raises(errors.UnknownSession):
            await _join(session.link[:-4] + "AAAA")
        async with open_guest(session.link, name="Phone"):
            with pytest.raises(errors.TokenUsed):
                await _join(session.link)
        gone = await host.create("persistent")
        closed = await host.create("persistent")
        await closed.close()
        with pytest.raises(errors.SessionOver, match="closed"):
            await _join(closed.link)
        await gone.renew()
    with pytest.raises(errors.HostOffline):
        await _join(gone.link)


async def test_request_in_the_wrong_state_is_refused(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        with pytest.raises(errors.NotAllowed):
            await session.decide(approve=True)
    async with asked(node.url) as (session, guest):
        with pytest.raises(errors.NotAllowed):
            await session.renew()
        with pytest.raises(errors.NotApproved):
            await guest.refresh_ice()
        with pytest.raises(errors.NotRegistered):
            await guest._connection.call(wire.ListSessions(), wire.Sessions)


async def test_failure_of_the_node_is_an_internal_error(node, monkeypatch):
    monkeypatch.setattr("proxim.qr.svg", lambda link: 1 / 0)
    async with open_host(node.url, uuid="desk") as host:
        with pytest.raises(errors.InternalError):
            await host.create("persistent", qr="svg")
        await host.create("persistent")


async def test_dropped_signal_raises_at_a_later_send(node):
    async def keep_sending(session):
        with trio.fail_after(PATIENCE):
            while True:
                await session.send("nobody hears this")

    async with paired(node.url) as (session, guest):
        async with resume_guest(node.url, session.session_id, guest.resume_token):
            pass
        await presence(session, False)
        with pytest.raises(errors.PeerOffline):
            await keep_sending(session)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://" + "a" * 70 + ".invalid",
        "127.0.0.1:8765",
        "ftp://127.0.0.1",
    ],
)
async def test_unreachable_node_is_a_lost_connection(url):
    with trio.fail_after(PATIENCE), pytest.raises(errors.ConnectionLost):
        async with open_host(url, uuid="desk"):
            pass
    with trio.fail_after(PATIENCE), pytest.raises(errors.ConnectionLost):
        async with resume_guest(url, "s" * 22, "r" * 43):
            pass


async def test_other_server_is_a_lost_connection(node):
    with trio.fail_after(PATIENCE), pytest.raises(errors.ConnectionLost, match="404"):
        async with open_host(f"{node.url}/elsewhere", uuid="desk"):
            pass


async def test_server_that_closes_at_once_is_a_lost_connection(nursery):
    listeners = await nursery.start(trio.serve_tcp, trio.aclose_forcefully, 0)
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    with trio.fail_after(PATIENCE), pytest.raises(errors.ConnectionLost):
        async with open_host(url, uuid="desk"):
            pass


async def test_refusal_before_a_close_is_raised_alone(nursery):
    def answer(asked):
        error = {"type": "error", "code": "rate_limited", "message": "slowly", "retry_after": 9}
        return [{**error, "ref": asked["ref"]}, 1008]

    url = await scripted(nursery, answer)
    with pytest.raises(errors.RateLimited) as raised:
        async with open_host(url, uuid="desk"):
            pass
    assert raised.value.retry_after == 9


@pytest.mark.parametrize("expects", [True, False], ids=["channel", "signals"])
async def test_signal_that_cannot_be_decoded_ends_no_program(nursery, expects):
    text = b'{"type":"signal","session_id":"%b","data":%b}'
    # Of some of these depths a message can be read, and not be decoded by a deeper stack.
    nested = (b'{"rtc":' + b"[" * depth + b"]" * depth + b"}" for depth in range(850, 1000, 4))
    frames = [text % (b"s" * 22, data) for data in (b'{"rtc":"\xff"}', b'"\xff"', *nested)]

    def answer(asked):
        about = {"session_id": "s" * 22, "device_info": asked["device_info"]}
        pending = {"type": "pair_pending", "resume_token": "r" * 65, "expires_in": 40}
        approved = {"type": "pair_result", "status": "approved", **about}
        good = {"type": "signal", "session_id": "s" * 22, "data": "good"}
        return [{**pending, **about, "ref": asked["ref"]}, approved, *frames, good]

    link = f"{await scripted(nursery, answer)}/join#{'s' * 22}.{'t' * 43}"
    async with open_guest(link, name="Phone") as guest:
        if expects:
            guest.expect_channel()
        with trio.fail_after(PATIENCE):
            assert await guest.receive() == "good"


async def test_too_large_message_is_refused_before_it_is_sent(node):
    async with paired(node.url) as (session, guest):
        with pytest.raises(errors.BadMessage, match="65504 bytes"):
            await session.send("x" * 70_000)
        await session.send("x" * 65_000)
        with trio.fail_after(PATIENCE):
            assert await guest.receive() == "x" * 65_000


@pytest.mark.parametrize("value", ["1e999", "9" * 5000, "[" * 31 + "]" * 31])
async def test_any_json_value_of_the_other_side_is_received(node, value):
    async with paired(node.url) as (session, guest):
        signal = wire.Signal(session_id=session.session_id, data=msgspec.Raw(value.encode()))
        await guest._connection.send_one_way(signal)
        await guest.send("after")
        with trio.fail_after(PATIENCE):
            await session.receive()
            assert await session.receive() == "after"


async def test_exception_of_the_block_is_raised_as_it_is(node):
    cause = KeyError("why")
    with pytest.raises(ZeroDivisionError) as raised:
        async with open_host(node.url, uuid="desk"):
            raise ZeroDivisionError from cause
    assert raised.value.__cause__ is cause


async def test_exception_group_of_the_block_stays_a_group(node):
    own = ExceptionGroup("mine", [ValueError("one")])
    with pytest.raises(ExceptionGroup) as raised:
        async with open_host(node.url, uuid="desk"):
            raise own
    assert raised.value is own


async def test_cancelled_block_leaves_quickly(node, monkeypatch):
    monkeypatch.setattr(connection, "CLOSE_TIME", 30)
    started = trio.current_time()
    with trio.move_on_after(0.1) as scope:
        async with open_host(node.url, uuid="desk") as host:
            await (await host.create("persistent")).prompt()
    assert scope.cancelled_caught
    assert trio.current_time() - started < 20


async def test_ping_that_crosses_the_close_frame_does_no_harm(nursery, monkeypatch):
    monkeypatch.setattr(connection, "CLOSE_TIME", math.inf)

    async def serve(stream):
        node = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        while True:
            node.receive_data(await stream.receive_some())
            for event in node.events():
                match event:
                    case Request():
                        reply = node.send(AcceptConnection(subprotocol="proxim.v1"))
                    case TextMessage(data=data):
                        reply = node.send(TextMessage(json.dumps(registered(json.loads(data)))))
                    case CloseConnection():
                        await stream.send_all(b"\x89\x00")
                        await trio.sleep_forever()
                await stream.send_all(reply)

    listen = partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
    (listener,) = await nursery.start(listen)
    port = listener.socket.getsockname()[1]
    with trio.fail_after(PATIENCE):
        async with open_host(f"http://127.0.0.1:{port}", uuid="desk"):
            pass
