"""Attacks by one peer on a real socket, while another client checks that the node answers."""

import logging
import socket
import struct
from contextlib import suppress

import pytest
import trio

from tests.net.helpers import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    connected,
    dial,
    frame,
    get,
    open_session,
    parse,
    read_all,
    request,
    shake,
)

HELLO = frame(TEXT, b'{"type":"register","uuid":"attacker"}')
BIG = b"x" * 65_537
"""Barely over the limit, so that the next frame is still in the same read."""


async def reset(stream):
    """Close the socket with a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
    await trio.lowlevel.checkpoint()


async def scrape(node):
    async with dial(node) as stream:
        await stream.send_all(get("/metrics", host="127.0.0.1"))
        lines = parse(await read_all(stream)).body.splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


# -- attacks: each is a function that takes a node -------------------------------------------


def opening(data, then=read_all):
    """Send bytes instead of a correct request."""

    async def attack(node):
        async with dial(node) as stream:
            await stream.send_all(data)
            await then(stream)

    return attack


def frames(*data, then=read_all):
    """Send bytes after a handshake, all in one write."""

    async def attack(node):
        async with dial(node) as stream:
            await shake(stream)
            with suppress(trio.BrokenResourceError):
                await stream.send_all(b"".join(data))
                await then(stream)

    return attack


def asking(text):
    """Send a text that could crash a handler; it is refused, and the connection goes on."""

    async def attack(node):
        async with connected(node) as client:
            # A client with a seat may send larger messages.
            await open_session(client)
            await client.ws.send_message(text)
            assert (await client.hear())["code"] == "bad_message"
            assert await client.pings()

    return attack


def pouring(data):
    """Send frames until the node closes, without reading its answers."""

    async def attack(node):
        async with dial(node) as stream:
            await shake(stream)
            await stream.send_all(HELLO)
            with suppress(trio.BrokenResourceError):
                for _ in range(100_000):
                    await stream.send_all(data)
                raise AssertionError("the node takes it without end")

    return attack


async def empty_fragments(node):
    """Send a message that never ends and never grows, and answer pings."""
    async with connected(node) as client:
        await client.ask("register", uuid="attacker")
        with suppress(trio.BrokenResourceError):
            for opcode in [TEXT] + [0] * 80:
                async with client.ws._stream_lock:
                    await client.ws._stream.send_all(
                        frame(opcode, fin=False) + frame(0, fin=False) * 1000
                    )
        await client.ending()


ATTACKS = {
    "non-ASCII subprotocol": opening(request(Sec_WebSocket_Protocol="\xff")),
    "non-ASCII extension": opening(request(Sec_WebSocket_Extensions="\xe9"), then=reset),
    "non-ASCII host": opening(request(Host="\xff"), then=reset),
    "plain GET, then reset": opening(get("/"), then=reset),
    "GET of /ws, then reset": opening(get("/ws"), then=reset),
    "handshake, then reset": opening(request(), then=reset),
    "reset at once": opening(b"", then=reset),
    "half a head, then silence": opening(b"GET /ws HTTP/1.1\r\nHost:"),
    "nothing but silence": opening(b""),
    "garbage": opening(bytes(range(256)) * 64),
    "TLS to a plain port": opening(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512)),
    "oversized head": opening(request(X=20_000 * "x")),
    "endless head": opening(b"GET / HTTP/1.1\r\n" + 9_000 * b"x: y\r\n"),
    "thousands of header fields": opening(b"GET / HTTP/1.1\r\n" + 2_500 * b"a:\r\n" + b"\r\n"),
    "oversize, and a Ping": frames(frame(TEXT, BIG), frame(PING)),
    "oversize twice": frames(frame(TEXT, BIG), frame(TEXT, BIG)),
    "oversize in a frame that never ends": frames(frame(TEXT, BIG * 40)[:-1]),
    "a promise of 2**62 bytes": frames(b"\x81\xff" + (2**62).to_bytes(8, "big") + bytes(4) + BIG),
    "endless empty fragments": empty_fragments,
    "invalid UTF-8": frames(frame(TEXT, b"\xff\xfe")),
    "unmasked frame": frames(frame(TEXT, b"{}", masked=False)),
    "reserved bits": frames(frame(TEXT, b"{}", reserved=4)),
    "unknown opcode": frames(frame(3, b"{}")),
    "fragmented Ping": frames(frame(PING, fin=False)),
    "overlong Ping": frames(frame(PING, b"x" * 200)),
    "continuation of nothing": frames(frame(0, b"{}")),
    "Close of one byte": frames(frame(CLOSE, b"x")),
    "Close twice": frames(frame(CLOSE, b"\x03\xe8"), frame(CLOSE, b"\x03\xe8")),
    "Close, and more": frames(frame(CLOSE, b"\x03\xe8"), frame(PING), frame(TEXT, b"{}")),
    "garbage frames": frames(bytes(range(256)) * 8),
    "reset within a message": frames(frame(TEXT, b"{" * 1000)[:500], then=reset),
    "reset after a message": frames(frame(TEXT, b'{"type":"ping"}') * 50, then=reset),
    "deep nesting": asking('{"type":' + "[" * 30_000),
    "deep nesting in a signal": asking(
        '{"type":"signal","session_id":"x","data":' + "[" * 30_000 + "]" * 30_000 + "}"
    ),
    "deep nesting in ref": asking('{"type":"ping","ref":' + "[" * 30_000 + "]" * 30_000 + "}"),
    "lone surrogate": asking('{"type":"ping","ref":"\\ud800"}'),
    "lone surrogate in a name": asking('{"type":"pair_request","device_info":{"name":"\\udc00"}}'),
    "a number past all bounds": asking('{"type":"create_session","ttl":1' + "0" * 5000 + "}"),
    "never reading answers": pouring(frame(TEXT, b'{"type":"ping"}') * 1000),
    "never reading pongs": pouring(frame(PING, b"p" * 125) * 100),
}


@pytest.mark.real_time
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_one_peer_harms_no_other(hasty_node, attack, caplog):
    caplog.set_level(logging.DEBUG, "proxim")
    async with connected(hasty_node) as bystander:
        assert await bystander.ask("register", uuid="bystander")
        with trio.fail_after(30):
            await attack(hasty_node)
        with trio.fail_after(5):
            assert await bystander.pings()
        with trio.fail_after(30):
            while (await scrape(hasty_node))["proxim_connections"] != "1.0":
                assert await bystander.pings()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


RULES = {
    "unmasked": (frame(TEXT, b"{}", masked=False), 1002),
    "reserved bits": (frame(TEXT, b"{}", reserved=4), 1002),
    "fragmented Ping": (frame(PING, fin=False), 1002),
    "invalid UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "oversize": (frame(TEXT, BIG), 1009),
    "oversize by far": (frame(BINARY, BIG * 40), 1009),
}


@pytest.mark.parametrize(("data", "code"), RULES.values(), ids=RULES)
async def test_a_protocol_error_has_its_close_code(node, data, code):
    async with dial(node) as stream, trio.open_nursery() as nursery:
        await shake(stream)
        # No end may reset the connection: on some systems the close code would be lost.
        nursery.start_soon(stream.send_all, data)
        with trio.fail_after(30):
            heard = await read_all(stream)
        assert heard[:1] == b"\x88"
        assert int.from_bytes(heard[2:4], "big") == code
