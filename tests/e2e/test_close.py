"""Close codes and the end of a node."""

import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from .client import INTRODUCTION, PATIENCE, PHONE, Node, Pair, Peer


@pytest.fixture
def leaving() -> Iterator[Node]:
    """A node that a test stops."""
    node = Node()
    yield node
    node.close_peers()
    node.stop()


def test_a_message_of_max_message_bytes_is_read_and_one_more_byte_closes_1009(node: Node) -> None:
    peer = node.host()
    peer.create()
    limit = peer.welcome["max_message_bytes"]
    ping = '{"type":"ping","pad":"%s"}'
    peer.ws.send(ping % ("x" * (limit - len(ping) + 2)))
    peer.expect("pong")
    peer.ws.send(ping % ("x" * (limit - len(ping) + 3)))
    assert peer.closed() == 1009


BROKEN = {
    "a reserved opcode": bytes([0x83, 0x80, 0, 0, 0, 0]),
    "an unmasked frame": bytes([0x81, 0x02]) + b"{}",
    "a reserved bit": bytes([0xC1, 0x82, 0, 0, 0, 0]) + b"{}",
}


@pytest.mark.parametrize("frame", BROKEN.values(), ids=BROKEN)
def test_broken_websocket_rules_close_1002(node: Node, frame: bytes) -> None:
    peer = node.peer()
    peer.ws.socket.sendall(frame)
    assert peer.closed() == 1002


def test_invalid_utf8_closes_1007(node: Node) -> None:
    peer = node.peer()
    peer.ws.send(b'{"type":"\xff\xfe"}', text=True)
    assert peer.closed() == 1007


def test_a_newer_connection_takes_the_guest_seat_and_the_older_closes_4000(
    node: Node, session_type: str
) -> None:
    pair = Pair(node, session_type).approve()
    older = pair.guest
    assert pair.resume()["session"]["status"] == "approved"
    assert older.closed() == 4000
    pair.host.expect("peer_online", session_id=pair.id, replaced=True)
    pair.host.send("signal", session_id=pair.id, data="to the newer")
    pair.guest.expect("signal", data="to the newer")


def test_a_newer_register_takes_the_host_seats_and_the_older_closes_4000(
    node: Node, session_type: str
) -> None:
    pair = Pair(node, session_type)
    older = pair.host
    assert pair.register()["status"] == "pending"
    assert older.closed() == 4000
    pair.host.expect("pair_prompt", session_id=pair.id)
    pair.approve()


def test_a_connection_that_does_not_read_closes_4001(approved: Pair) -> None:
    data = "x" * 60_000
    for _ in range(100):
        for _ in range(10):
            approved.host.send("signal", session_id=approved.id, data=data)
        approved.host.ask("pong", "ping")
        if approved.host.inbox:
            break
    approved.host.expect("peer_offline", session_id=approved.id)
    with pytest.raises(ConnectionClosed):
        list(iter(lambda: approved.guest.expect("signal"), None))
    assert approved.guest.closed() == 4001
    assert approved.resume()["session"]["status"] == "approved"


@pytest.mark.real_time
def test_who_does_not_introduce_itself_in_time_closes_4002(quick: Node) -> None:
    host = quick.host()
    guest = quick.peer()
    guest.pair(host.create())
    host.expect("pair_prompt")
    begun = time.monotonic()
    silent, pinging = quick.peer(), quick.peer()
    pinging.ask("pong", "ping")
    assert silent.closed() == 4002
    assert time.monotonic() - begun >= INTRODUCTION, "early"
    assert pinging.closed() == 4002
    for side in (host, guest):
        side.expect("pair_result", status="expired")
        side.expect("session_ended", reason="approval_timeout")
        side.quiet()


def test_sigterm_ends_every_session_then_closes_and_exits_0(leaving: Node) -> None:
    approved = [Pair(leaving, kind).approve() for kind in ("one_time", "persistent", "temporary")]
    prompted = Pair(leaving)
    idle, stranger = leaving.host(), leaving.peer()
    waiting = idle.create()["session"]["session_id"]
    begun = time.monotonic()
    leaving.terminate()
    for pair in approved:
        for side in (pair.host, pair.guest):
            expect_shutdown(side, pair.id)
    for side in (prompted.host, prompted.guest):
        side.expect("pair_result", session_id=prompted.id, status="expired")
        expect_shutdown(side, prompted.id)
    expect_shutdown(idle, waiting)
    assert stranger.closed() in (1001, 1012)
    assert leaving.process.wait(PATIENCE) == 0
    assert time.monotonic() - begun < 8, "which it has at most"


def expect_shutdown(side: Peer, session_id: str) -> None:
    side.expect("session_ended", session_id=session_id, status="expired", reason="shutdown")
    assert side.closed() in (1001, 1012)


def test_a_device_name_is_carried_as_it_is(node: Node) -> None:
    host, guest = node.host(), node.peer()
    device = {**PHONE, "name": "Ada\u2019s \U0001f4f1 <b>&amp;"}
    guest.pair(host.create(), device)
    assert host.expect("pair_prompt")["device_info"] == device
