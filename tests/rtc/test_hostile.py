"""What the other side may cause by its signals."""

from functools import partial
from types import SimpleNamespace

import pytest
import trio

from proxim.protocol.errors import Unreachable
from proxim.rtc import connector
from proxim.rtc.loop import Loop, load
from proxim.rtc.negotiation import MAX_MEDIA, MAX_STARTS
from tests.client.helpers import PATIENCE, hear, paired, until
from tests.rtc.helpers import channels, is_open, joined

RUBBISH = [
    {},
    {"from": 1},
    {"from": "x", "description": {"type": "offer", "sdp": "rubbish"}},
    {"from": "x", "description": {"type": "answer", "sdp": "v=0\r\nm=\r\na=ice-ufrag:\r\n"}},
    {"from": "x", "description": {"type": "offer", "sdp": "v=0\r\nm=application 9 X 0\r\n"}},
    {
        "from": "x",
        "description": {
            "type": "offer",
            "sdp": "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
            "a=max-message-size:1\r\n",
        },
    },
    {"from": "x", "candidate": {"candidate": "candidate:rubbish", "sdpMid": 7}},
    {"from": "x", "candidate": {"candidate": 7}},
    {"from": "x", "candidate": 7},
    {"from": "x", "candidate": None},
    {"unavailable": 1},
]


@pytest.mark.parametrize("role", ["host", "guest"])
async def test_rubbish_does_not_keep_the_sides_from_connecting(node, role, monkeypatch):
    monkeypatch.setattr(connector, "CONNECT_TIME", {"host": 5.0, "guest": 5.0})
    async with paired(node.url) as (session, guest), trio.open_nursery() as nursery:
        victim, other = (session, guest) if role == "host" else (guest, session)
        nursery.start_soon(victim.channel)
        await until(lambda: victim._peering and victim._peering._connector)
        for rtc in RUBBISH:
            await other.send({"rtc": rtc})
        await channels(session, guest)


async def test_rubbish_for_a_connection_is_ignored(node):
    async with joined(node.url) as (host, guest, session, other):
        name, to = guest._connector._negotiation.name, host._connector._negotiation.name
        for rtc in RUBBISH:
            await other.send({"rtc": {**rtc, "from": name, "to": to, "unavailable": False}})
        await other.send("after")
        assert await hear(session, 1) == ["after"]
        await host.send("still")
        with trio.fail_after(PATIENCE):
            assert await guest.receive() == "still"


async def test_signals_that_wait_are_bounded(node):
    async with joined(node.url) as (host, *_):
        connecting = host._connector
        for _ in range(2 * connector.MAX_WAITING):
            connecting.receive({"from": "x", "to": "nobody"})
        assert connecting._waiting == connector.MAX_WAITING
        await until(lambda: connecting._waiting == 0)
        assert host.is_open


async def test_side_that_starts_again_and_again_is_not_followed(node):
    async with joined(node.url) as (host, _, session, other):
        connections = set()
        for number in range(60):
            answer = {"type": "answer", "sdp": "rubbish"}
            await other.send({"rtc": {"from": f"x{number}", "description": answer}})
            await other.send("next")
            assert await hear(session, 1) == ["next"]
            await until(lambda: host._connector._waiting == 0)
            connections.add(host._connector._negotiation.name)
        assert len(connections) <= MAX_STARTS + 1


async def test_side_without_webrtc_that_connects_nevertheless_is_answered(node):
    async with paired(node.url) as (session, guest), trio.open_nursery() as nursery:
        session.refuse_channel()
        assert await hear(guest, 1) == [{"rtc": {"unavailable": True}}]
        for _ in range(3):
            await guest.send({"rtc": {"from": "x"}})
        await guest.send("chat")
        assert await hear(session, 1) == ["chat"]
        assert await hear(guest, 1) == [{"rtc": {"unavailable": True}}]
        with trio.fail_after(PATIENCE), pytest.raises(Unreachable):
            await guest.channel()
        nursery.cancel_scope.cancel()


async def test_side_that_sends_too_much_gets_a_new_connection(node):
    async with joined(node.url) as (host, guest, *_):
        sctp, loop = guest._connector._connection._pc.sctp, guest._connector._loop
        earlier = host._connector._connection

        async def send():
            await sctp._send(1000, 50, b"\3" + bytes(2000))  # The label of a data channel.

        await loop.call(send)
        await until(lambda: host._connector._connection not in (earlier, None))
        await is_open(host, True)
        await is_open(guest, True)
        await guest.send("still")
        with trio.fail_after(PATIENCE):
            assert await host.receive() == "still"


async def test_media_of_several_offers_are_bounded_together():
    """aiortc adds the media of each offer to those of the earlier ones."""

    def offer(first):
        section = (
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0\r\na=mid:{}\r\na=rtcp-mux\r\n"
            "a=sendrecv\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        session = (
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=setup:actpass\r\n"
            "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
            f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n"
        )
        media = (section.format(first + number) for number in range(MAX_MEDIA))
        return {"type": "offer", "sdp": session + "".join(media)}

    loop, aiortc = Loop.enter(), await load()
    gate = SimpleNamespace(attach=lambda _: None)
    callbacks = {"on_state": lambda *_: None, "on_channel": lambda *_: None}
    make = partial(aiortc.Connection.make, [], relay_only=False, gate=gate, **callbacks)
    connection = await loop.call(make)
    try:
        answer = await loop.call(connection.answer, offer(0))
        assert answer["sdp"].count("m=audio") == MAX_MEDIA
        with pytest.raises(ValueError, match="too many media"):
            await loop.call(connection.answer, offer(100))
    finally:
        await loop.call(connection.close)
        loop.leave()
