import gc
import json

import pytest
import trio
import trio.testing
from trio_websocket import wrap_client_stream

from proxim.actors.actor import Actor
from proxim.actors.limits import FIRST_DELAY
from proxim.actors.router import Router
from proxim.net.connection import SocketConnection
from proxim.protocol.messages import Pong
from tests.net.helpers import KEY, TEXT, MemoryNode, dial, frame, open_session, shake

WELCOME_KEYS = {
    *("type", "protocol", "server", "approval_timeout", "max_message_bytes", "features", "seal"),
    *("join_url", "boot"),
}
DEVICE = {"name": "Phone", "id": "phone-1"}


def padded(size, fill="x"):
    """Return a ping of exactly ``size`` bytes."""
    start, end = '{"type":"ping","pad":"', '"}'
    room = size - len(start) - len(end)
    text = start + fill * (room // len(fill.encode())) + " " * (room % len(fill.encode())) + end
    assert len(text.encode()) == size
    return text


async def test_the_welcome_is_the_first_message(memory_node):
    ws = await wrap_client_stream(memory_node.nursery, memory_node.plug(), "node", "/ws")
    await ws.send_message('{"type":"ping"}')
    assert json.loads(await ws.get_message()).keys() == WELCOME_KEYS
    assert json.loads(await ws.get_message()) == {"type": "pong"}


async def test_a_binary_frame_is_a_bad_message(memory_node):
    client = await memory_node.client()
    await client.ws.send_message(b'{"type":"ping","ref":"r"}')
    error = await client.hear()
    assert (error["type"], error["code"], error["ref"]) == ("error", "bad_message", "r")
    assert await client.pings()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"ping"', "{}", '{"type":"nope"}'])
async def test_invalid_text_is_a_bad_message(memory_node, text):
    client = await memory_node.client()
    await client.ws.send_message(text)
    assert (await client.hear())["code"] == "bad_message"
    assert await client.pings()


async def test_the_error_for_a_bad_message_has_its_ref_and_names_the_field(memory_node):
    client = await memory_node.client()
    error = await client.ask("create_session", session_type="weekly", ref="r1")
    assert (error["code"], error["ref"]) == ("bad_message", "r1")
    assert "session_type" in error["message"]


@pytest.mark.parametrize("fill", ["x", "\N{EURO SIGN}", "\N{WATER BUFFALO}"])
async def test_a_message_is_measured_in_bytes(memory_node, fill):
    client = await memory_node.client()
    await open_session(client)
    await client.ws.send_message(padded(65536, fill))
    assert (await client.hear())["type"] == "pong"
    await client.ws.send_message(padded(65537, fill))
    assert await client.ending() == 1009


async def test_without_a_seat_a_message_has_to_be_small(memory_node):
    client = await memory_node.client()
    await client.ask("register", uuid="desk", key=KEY)
    await client.ws.send_message(padded(8192))
    assert (await client.hear())["type"] == "pong"
    await client.ws.send_message(padded(8193))
    assert await client.ending() == 1009


async def test_requests_that_come_at_once_leave_other_clients_their_turn(memory_node, monkeypatch):
    post, routed = Router._post, []

    def noted(router, connection, message):
        routed.append(message.ref)
        return post(router, connection, message)

    monkeypatch.setattr(Router, "_post", noted)
    greedy, other = memory_node.plug(), await memory_node.client()
    await shake(greedy)
    burst = b"".join(frame(TEXT, b'{"type":"ping","ref":"%d"}' % n) for n in range(100))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(greedy.send_all, burst)
        nursery.start_soon(other.pings)
    while len(routed) < 101:
        await trio.testing.wait_all_tasks_blocked()
    assert routed.index("p") < 50


async def test_a_client_that_does_not_introduce_itself_is_closed_with_4002(
    memory_node, autojump_clock
):
    client = await memory_node.client()
    start = trio.current_time()
    with trio.move_on_after(9.9):
        await client.ending()
    assert await client.pings()
    assert await client.ending() == 4002
    assert trio.current_time() - start == pytest.approx(10)


async def test_a_registered_client_may_be_silent(memory_node, autojump_clock):
    client = await memory_node.client()
    await client.ask("register", uuid="desk", key=KEY)
    with trio.move_on_after(3600):
        await client.ending()
    assert await client.pings()


async def test_without_a_pong_a_client_is_disconnected_and_its_peer_is_told(
    memory_node, autojump_clock
):
    host, _guest, session_id = await memory_node.pair()
    start = trio.current_time()
    # The guest reads nothing, so its third message keeps its client from answering pings.
    for number in range(3):
        await host.say("signal", session_id=session_id, data=number)
    assert await host.hear() == {"type": "peer_offline", "session_id": session_id}
    assert trio.current_time() - start == pytest.approx(20 + 20)
    await trio.testing.wait_all_tasks_blocked()
    assert len(memory_node.listener.connections) == 1


async def test_later_pings_do_not_prolong_the_time_for_a_pong(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, ping_interval=2, pong_time=7)
    host, _guest, session_id = await memory_node.pair()
    start = trio.current_time()
    for number in range(3):
        await host.say("signal", session_id=session_id, data=number)
    assert await host.hear() == {"type": "peer_offline", "session_id": session_id}
    assert trio.current_time() - start == pytest.approx(2 + 7)


async def test_a_slow_reader_is_closed_with_4001_and_delays_no_other(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, outbox_size=200_000)
    host, guest, session_id = await memory_node.pair(pair=trio.testing.lockstep_stream_pair)
    start = trio.current_time()
    for _ in range(9):
        await host.say("signal", session_id=session_id, data="x" * 50_000)
    assert await host.hear() == {"type": "peer_offline", "session_id": session_id}
    assert await host.pings()
    assert trio.current_time() == start
    assert await guest.ending() == 4001


async def test_a_slow_reader_is_closed_sooner_when_all_outboxes_are_nearly_full(
    nursery, autojump_clock
):
    memory_node = MemoryNode(nursery, max_outbox_bytes=32 * 60_000)
    host, guest, session_id = await memory_node.pair(pair=trio.testing.lockstep_stream_pair)
    for _ in range(2):
        await host.say("signal", session_id=session_id, data="x" * 50_000)
    assert await host.hear() == {"type": "peer_offline", "session_id": session_id}
    assert await guest.ending() == 4001
    assert memory_node.supervisor.stats.refusals == {"max_outbox_bytes": 1}


async def test_a_client_that_never_reads_is_disconnected(nursery, autojump_clock):
    memory_node = MemoryNode(nursery)
    host, _guest, session_id = await memory_node.pair(pair=trio.testing.lockstep_stream_pair)
    start = trio.current_time()
    for _ in range(3):
        await host.say("signal", session_id=session_id, data="x" * 50_000)
    assert (await host.hear())["type"] == "peer_offline"
    assert trio.current_time() - start == pytest.approx(10)


async def test_an_ended_connection_is_freed_without_the_garbage_collector(node):
    def there():
        return sum(isinstance(each, SocketConnection) for each in gc.get_objects())

    gc.collect()
    before = there()
    gc.disable()
    try:
        for _ in range(3):
            async with dial(node) as stream:
                await shake(stream)
                await stream.send_all(frame(TEXT, b'{"type":"ping"}'))
                await stream.receive_some()
        # Looking at all objects takes longer than waiting.
        for _ in range(20):
            await trio.sleep(0.1)
            if there() <= before:
                break
        assert there() <= before
    finally:
        gc.enable()


async def test_a_crashed_request_is_an_internal_error_and_the_connection_goes_on(
    memory_node, caplog, monkeypatch
):
    client = await memory_node.client()
    await client.ask("register", uuid="desk", key=KEY)
    with monkeypatch.context() as broken:
        broken.setattr(memory_node.supervisor, "open", None)
        error = await client.ask("create_session", session_type="persistent", ref="r")
    assert (error["code"], error["ref"]) == ("internal_error", "r")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert (await client.ask("create_session", session_type="persistent"))["link"]


async def test_a_refusal_names_its_session(memory_node):
    client = await memory_node.client()
    error = await client.ask("signal", session_id="s" * 22, data=1, ref="r")
    assert (error["code"], error["session_id"]) == ("unknown_session", "s" * 22)


@pytest.mark.parametrize("politely", [True, False])
async def test_an_ended_connection_leaves_its_seats(memory_node, politely):
    host, guest, session_id = await memory_node.pair()
    if politely:
        await guest.ws.aclose()
    else:
        await trio.aclose_forcefully(guest.ws._stream)
    assert await host.hear() == {"type": "peer_offline", "session_id": session_id}
    await trio.testing.wait_all_tasks_blocked()
    assert len(memory_node.listener.connections) == 1


async def test_a_replaced_connection_gets_earlier_messages_and_then_4000(memory_node):
    first, second = await memory_node.client(), await memory_node.client()
    session_id, _ = await open_session(first)
    await first.say("ping", ref="last")
    assert (await first.hear())["ref"] == "last"
    await second.ask("register", uuid="desk", key=KEY)
    assert await first.ending() == 4000
    assert (await second.ask("list_sessions"))["sessions"][0]["session_id"] == session_id


async def test_a_client_that_is_closed_while_asking_gets_no_seat(memory_node, monkeypatch):
    host, guest = await memory_node.client(), await memory_node.client()
    session_id, token = await open_session(host)
    ask = Actor.ask

    def ask_and_close(actor, envelope):
        taken = ask(actor, envelope)
        envelope.sender.close(4001, "too slow")
        return taken

    monkeypatch.setattr(Actor, "ask", ask_and_close)
    await guest.say("pair_request", session_id=session_id, token=token, device_info=DEVICE)
    assert await guest.ending() == 4001
    monkeypatch.undo()
    await host.say("list_sessions")
    assert (await host.hear("sessions"))["sessions"][0]["guest_online"] is False


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_follows_a_request_to_pair_is_handled_after_its_answer(
    memory_node, monkeypatch, at_once
):
    host, guest = await memory_node.client(), await memory_node.client()
    session_id, token = await open_session(host)
    may_answer, receive = trio.Event(), Actor._receive

    async def receive_late(actor, envelope):
        await may_answer.wait()
        await receive(actor, envelope)

    monkeypatch.setattr(Actor, "_receive", receive_late)
    request = {"type": "pair_request", "session_id": session_id, "token": token}
    texts = [json.dumps(request | {"device_info": DEVICE}), '{"type":"ping","ref":"behind"}']
    frames = [frame(TEXT, text.encode()) for text in texts]
    for part in [b"".join(frames)] if at_once else frames:
        await guest.ws._stream.send_all(part)
        await trio.testing.wait_all_tasks_blocked()
    may_answer.set()
    assert [(await guest.hear())["type"] for _ in range(2)] == ["pair_pending", "pong"]


@pytest.mark.parametrize("follows", [True, False])
async def test_wrong_token_is_refused_late_and_what_follows_it_later(
    memory_node, autojump_clock, follows
):
    host, guest = await memory_node.client(), await memory_node.client(peer="192.0.2.1")
    session_id, _ = await open_session(host)
    began = trio.current_time()
    fields = {"session_id": session_id, "token": "w" * 43, "device_info": DEVICE}
    await guest.say("pair_request", **fields)
    await trio.testing.wait_all_tasks_blocked()
    if follows:
        await guest.say("ping")
    assert (await guest.hear())["code"] == "unknown_session"
    assert trio.current_time() - began == pytest.approx(FIRST_DELAY)
    if follows:
        assert (await guest.hear())["type"] == "pong"


async def test_signals_cross_unchanged_and_in_order(memory_node):
    host, guest, session_id = await memory_node.pair()
    odd = ['{"b":1,"a":[ 1.0,1e2 ]}', '"\\ud83d\\ude00\\u0000"', "null"]
    for data in odd * 20:
        await host.ws.send_message(
            f'{{"data":{data},"type":"signal","session_id":"{session_id}","ref":"r"}}'
        )
    for data in odd * 20:
        text = await guest.ws.get_message()
        assert data in text
        assert "ref" not in json.loads(text)


@pytest.mark.parametrize("end", ["lost", "crashed", "left"])
async def test_telling_an_ended_connection_does_nothing(
    memory_node, autojump_clock, monkeypatch, end
):
    client = await memory_node.client()
    (connection,) = memory_node.listener.connections
    if end == "crashed":
        monkeypatch.setattr("proxim.net.reader._decode", None)
        monkeypatch.setattr("proxim.net.reader.send_refusal", None)
        await client.say("ping")
    elif end == "left":
        await client.ws.aclose()
    else:
        # The pong of the client is ignored.
        await client.ask("register", uuid="desk", key=KEY)
        monkeypatch.setattr("proxim.net.websocket.Pong", type(None))
    await memory_node.listener.close_all(1001, "waits until none is left")
    assert connection.closed
    connection.tell(Pong())
    connection.close(4000, "")
