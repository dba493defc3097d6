"""Clients that are too fast, too slow, or guess, with a mock clock."""

import pytest
import trio
import trio.testing

from proxim.net.token_bucket import TokenBucket
from proxim.protocol.messages import Pong
from proxim.settings import Settings
from tests.net.helpers import KEY, PING, TEXT, MemoryNode, frame, open_session, request, shake

HERE = "192.0.2.1"
WRONG = {"session_id": "no-such-session", "resume_token": "w"}
SMALL = frame(TEXT, b'{"type":"ping"}')


async def upgraded(memory_node, **options):
    """Return a raw stream after the handshake and the welcome."""
    stream = memory_node.plug(**options)
    await shake(stream)
    return stream


async def last_words(stream):
    """Return all bytes to the end, and the close code in the last frame."""
    heard = b"".join([chunk async for chunk in stream])
    at = heard.rindex(b"\x88")
    return heard, int.from_bytes(heard[at + 2 : at + 4])


# -- messages --------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
async def test_beyond_the_burst_messages_are_read_at_the_rate_and_none_is_lost(
    nursery, autojump_clock, at_once
):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(10, 5))
    stream, start = await upgraded(memory_node), trio.current_time()
    for _ in range(1 if at_once else 25):
        await stream.send_all(SMALL * (25 if at_once else 1))
    heard = b""
    while heard.count(b"pong") < 25:
        heard += await stream.receive_some()
    assert trio.current_time() - start == pytest.approx(2, abs=0.06)


async def test_the_burst_refills_with_time(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(10, 5))
    client, start = await memory_node.client(), trio.current_time()
    for _ in range(3):
        for _ in range(5):
            assert await client.pings()
        await trio.sleep(0.5)
    assert trio.current_time() - start == pytest.approx(1.5)


async def test_a_paused_client_that_slows_down_is_not_closed(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(10, 5))
    client = await memory_node.client()
    await client.ask("register", uuid="desk", key=KEY)
    for _ in range(10):
        for _ in range(12):
            await client.say("ping")
        for _ in range(12):
            await client.hear("pong")
        await trio.sleep(2)
    assert await client.pings()


async def test_a_client_that_stays_too_fast_is_closed_with_1008(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(10, 5))
    stream, start = await upgraded(memory_node), trio.current_time()
    await stream.send_all(frame(TEXT, b'{"type":"register","uuid":"d"}') + SMALL * 1000)
    await stream.send_all(frame(8, (1000).to_bytes(2)))
    heard, code = await last_words(stream)
    assert (code, heard.count(b"pong")) == (1008, pytest.approx(104, abs=2))
    assert trio.current_time() - start < 11.1


async def test_pings_go_on_while_messages_wait(nursery, autojump_clock):
    # The pong waits in the kernel behind the messages, for longer than the time for a pong.
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(1, 1), ping_interval=2, pong_time=1)
    client = await memory_node.client()
    await client.ask("register", uuid="desk", key=KEY)
    for _ in range(7):
        await client.say("ping")
    for _ in range(7):
        await client.hear("pong")
    assert await client.pings()


async def test_messages_before_a_close_are_answered_even_if_slowly(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(10, 5))
    stream = await upgraded(memory_node)
    await stream.send_all(SMALL * 20 + frame(8, (1000).to_bytes(2)))
    heard, code = await last_words(stream)
    assert (heard.count(b"pong"), code) == (20, 1000)


async def test_a_pause_ends_when_the_node_closes(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(0.1, 1))
    client = await memory_node.client()
    for _ in range(3):
        await client.say("ping")
    assert (await client.hear())["type"] == "pong"
    start = trio.current_time()
    (connection,) = memory_node.listener.connections
    connection.close(4000, "replaced")
    assert await client.ending() == 4000
    assert trio.current_time() == start
    await memory_node.listener.close_all(1001, "waits until none is left")
    assert trio.current_time() - start <= 1, "less than the pause, or the time for a good-bye"


# -- control frames, and the time for a message ------------------------------------------------


@pytest.mark.parametrize("opcode", [PING, 10])
async def test_too_many_control_frames_are_closed_with_1008(nursery, autojump_clock, opcode):
    memory_node = MemoryNode(nursery, controls=TokenBucket.of(1, 10))
    stream = await upgraded(memory_node)
    await stream.send_all(SMALL + frame(opcode) * 30 + SMALL)
    heard, code = await last_words(stream)
    assert (code, heard.count(b'"pong"')) == (1008, 1)
    assert heard.count(b"\x8a\x00") == (10 if opcode == PING else 0)


@pytest.mark.parametrize("begun", [SMALL[:1], SMALL[:9], frame(TEXT, b"{", fin=False)])
@pytest.mark.parametrize("before", [b"", SMALL])
async def test_the_time_for_an_incomplete_message_is_limited(
    nursery, autojump_clock, begun, before
):
    memory_node = MemoryNode(nursery, introduction_time=100)
    stream = await upgraded(memory_node)
    await trio.sleep(1)
    await stream.send_all(before + begun)
    await trio.sleep(9)
    (connection,) = memory_node.listener.connections
    assert not connection.closed
    await trio.sleep(1.1)
    assert connection.closed
    assert (await last_words(stream))[1] == 1008


async def test_each_message_has_its_own_time(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, introduction_time=100)
    stream = await upgraded(memory_node)
    rest = SMALL[9:] + SMALL[:9]
    await stream.send_all(SMALL[:9])
    for _ in range(5):
        await trio.sleep(6)
        await stream.send_all(rest)
    await stream.send_all(SMALL[9:] + frame(8, (1000).to_bytes(2)))
    heard, code = await last_words(stream)
    assert (code, heard.count(b"pong")) == (1000, 6)


# -- the outbox ------------------------------------------------------------------------------


async def test_a_whole_backlog_is_not_counted_in_the_outbox(nursery, autojump_clock):
    memory_node = MemoryNode(nursery)
    host, guest = await memory_node.client(), await memory_node.client()
    session_id, token = await open_session(host)
    device = {"name": "Phone", "id": "phone-1"}
    asked = {"session_id": session_id, "token": token, "device_info": device}
    resume_token = (await guest.ask("pair_request", **asked))["resume_token"]
    await host.say("pair_decision", session_id=session_id, approve=True)
    await host.hear("pair_result")
    await trio.aclose_forcefully(guest.ws._stream)
    await host.hear("peer_offline")
    for _ in range(64):
        await host.say("signal", session_id=session_id, data="x" * 4094)
    assert await host.pings()
    slow = await memory_node.client(pair=trio.testing.lockstep_stream_pair)
    await slow.say("resume", session_id=session_id, resume_token=resume_token)
    assert (await host.hear())["type"] == "peer_online"
    connections = memory_node.listener.connections
    (connection,) = (each for each in connections if each.seats and not each.owner)
    assert connection._outbox.size > 256 * 1024
    # The full outbox size is allowed on top of the backlog, and no more.
    for _ in range(4):
        await host.say("signal", session_id=session_id, data="y" * 60_000)
    assert await host.pings()
    assert not connection.closed
    await host.say("signal", session_id=session_id, data="y" * 60_000)
    assert (await host.hear())["type"] == "peer_offline"


async def test_a_burst_of_messages_is_not_too_many(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, outbox_messages=10)
    stream = await upgraded(memory_node)
    await stream.send_all(SMALL * 150)
    heard = b""
    while heard.count(b"pong") < 150:
        heard += await stream.receive_some()


async def test_too_many_queued_messages_are_closed_with_4001(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, outbox_messages=10)
    ours, theirs = trio.testing.lockstep_stream_pair()
    stream = await upgraded(memory_node, pair=lambda: (ours, theirs))
    await stream.send_all(SMALL * 10)
    await trio.sleep(1)
    (connection,) = memory_node.listener.connections
    assert not connection.closed
    await stream.send_all(SMALL * 5)
    await trio.sleep(0.2)
    assert connection.closed
    assert connection._ws.closed.code == 4001
    queued = connection._outbox.size
    connection.tell(Pong())
    await trio.sleep(0.2)
    assert connection._outbox.size == queued, "the close frame is still there"


# -- guesses ---------------------------------------------------------------------------------


async def test_a_wrong_guess_delays_only_its_connection_and_pings_go_on(nursery, autojump_clock):
    memory_node = MemoryNode(
        nursery, settings=Settings(guesses_per_address=20, restart_time=0.0), ping_interval=3
    )
    start = trio.current_time()
    waits = []
    for _ in range(10):
        client = await memory_node.client(peer=HERE)
        before = trio.current_time()
        assert (await client.ask("resume", **WRONG))["code"] == "unknown_session"
        waits.append(trio.current_time() - before)
    wanted = [0.1 * 2**n for n in range(8)] + [25, 25]
    assert waits == pytest.approx(wanted, rel=0.01)
    assert start < trio.current_time()


async def test_messages_behind_a_wrong_guess_wait_with_it(nursery, autojump_clock):
    memory_node = MemoryNode(nursery)
    client, other = await memory_node.client(peer=HERE), await memory_node.client(peer=HERE)
    start = trio.current_time()
    await client.say("resume", **WRONG)
    await trio.testing.wait_all_tasks_blocked()
    await client.say("ping", ref="behind")
    assert await other.pings()
    assert trio.current_time() == start
    assert (await client.hear())["code"] == "unknown_session"
    assert (await client.hear())["ref"] == "behind"
    assert trio.current_time() - start == pytest.approx(0.1)


async def test_a_burst_behind_a_wrong_guess_is_only_read_more_slowly(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, messages=TokenBucket.of(10, 5))
    client = await memory_node.client(peer=HERE)
    await client.say("resume", **WRONG)
    for _ in range(12):
        await client.say("ping")
    assert (await client.hear())["code"] == "unknown_session"
    for _ in range(12):
        await client.hear("pong")


async def test_a_client_that_leaves_during_a_delay_is_gone_at_once(nursery, autojump_clock):
    memory_node = MemoryNode(nursery)
    client = await memory_node.client(peer=HERE)
    start = trio.current_time()
    await client.say("resume", **WRONG)
    await trio.testing.wait_all_tasks_blocked()
    await trio.aclose_forcefully(client.ws._stream)
    await trio.testing.wait_all_tasks_blocked()
    assert not memory_node.listener.connections
    assert trio.current_time() == start


# -- places ----------------------------------------------------------------------------------


async def test_the_connections_of_an_address_are_limited(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, connections_per_address=2)
    clients = [await memory_node.client(peer=HERE) for _ in range(2)]
    async with memory_node.plug(peer=HERE) as third:
        assert b" 503 " in await third.receive_some()
    await memory_node.client(peer="192.0.2.2")
    await trio.aclose_forcefully(clients[0].ws._stream)
    await trio.testing.wait_all_tasks_blocked()
    await memory_node.client(peer=HERE)


async def test_few_refused_connections_are_open_at_once(nursery):
    memory_node = MemoryNode(nursery, connections_per_address=1, linger_time=10_000)
    await memory_node.client(peer=HERE)
    refused = [memory_node.plug(peer=HERE) for _ in range(64)]
    for stream in refused:
        assert b" 503 " in await stream.receive_some()
    assert await memory_node.plug(peer=HERE).receive_some() == b""
    await memory_node.client(peer="192.0.2.2")
    await refused[0].aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert b" 503 " in await memory_node.plug(peer=HERE).receive_some()


async def test_the_connections_of_a_node_are_limited(nursery):
    memory_node = MemoryNode(nursery, max_connections=2)
    for _ in range(2):
        client = await memory_node.client()
    assert (await memory_node.ask(request())).status == 503
    assert (await memory_node.ask(request("GET", "/healthz"))).status == 200
    await trio.aclose_forcefully(client.ws._stream)
    await trio.testing.wait_all_tasks_blocked()
    await memory_node.client()


async def test_behind_a_proxy_the_reported_address_is_limited(nursery):
    settings = Settings(trusted_proxy=("10.0.0.0/8",))
    memory_node = MemoryNode(nursery, settings=settings, connections_per_address=1)

    async def knock(address):
        stream = memory_node.plug(peer="10.0.0.1")
        await stream.send_all(request(X_Forwarded_For=address))
        return (await stream.receive_some())[9:12], stream

    status, held = await knock("192.0.2.1")
    assert (status, (await knock("192.0.2.1"))[0], (await knock("192.0.2.2"))[0]) == (
        b"101",
        b"503",
        b"101",
    )
    await trio.aclose_forcefully(held)


async def test_a_proxy_on_this_machine_that_reports_no_address_is_limited_itself(nursery, caplog):
    settings = Settings(trusted_proxy=("127.0.0.1",))
    memory_node = MemoryNode(nursery, settings=settings, connections_per_address=2)
    for headers in ({}, {"X_Real_IP": ""}):
        stream = memory_node.plug(peer="127.0.0.1")
        await stream.send_all(request(**headers))
        assert b" 101 " in await stream.receive_some()
    assert (await memory_node.ask(request(), "127.0.0.1")).status == 503
    (record,) = caplog.records
    assert "a trusted proxy does not report" in record.message


async def test_a_websocket_through_an_unlisted_proxy_is_warned_about(memory_node, caplog):
    for _ in range(2):
        stream = memory_node.plug(peer="127.0.0.1")
        await stream.send_all(request(X_Forwarded_For="192.0.2.1"))
        assert b" 101 " in await stream.receive_some()
    (record,) = caplog.records
    assert (record.levelname, "not in trusted_proxy" in record.message) == ("WARNING", True)


async def test_a_session_counts_for_the_address_of_its_host(nursery):
    memory_node = MemoryNode(nursery, settings=Settings(sessions_per_address=1))
    host = await memory_node.client(peer=HERE)
    await open_session(host)
    answer = await host.ask("create_session", session_type="persistent")
    assert answer["code"] == "limit_reached"
