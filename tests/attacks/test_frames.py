"""Frames that break a rule, or never end, against a node in service."""

import time
from contextlib import suppress

import pytest

from tests.attacks.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Gone, frame, split

BIG = b"x" * 65_537
RULES = {
    "unmasked": (frame(TEXT, b"{}", mask=b""), 1002),
    "reserved bits": (frame(TEXT, b"{}", reserved=4), 1002),
    "compressed, which nobody agreed on": (frame(TEXT, b"\xaaV\x2a\x01\0", reserved=4), 1002),
    "unknown opcode": (frame(3, b"{}"), 1002),
    "fragmented ping": (frame(PING, fin=False), 1002),
    "overlong ping": (frame(PING, b"x" * 126), 1002),
    "continuation of nothing": (frame(CONTINUATION, b"{}"), 1002),
    "a message within a message": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    "a close of one byte": (frame(CLOSE, b"x"), 1002),
    "a close code that may not be sent": (frame(CLOSE, (1005).to_bytes(2)), 1002),
    "a length in too many bytes": (b"\x81\xff" + (5).to_bytes(8) + bytes(9), 1002),
    "a length with its highest bit": (b"\x81\xff" + bytes([255] * 8) + bytes(9), 1002),
    "no UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "no UTF-8 in a fragment": (frame(TEXT, b"\xff\xfe", fin=False), 1007),
    "oversize": (frame(BINARY, BIG), 1009),
    "oversize by a header alone": (frame(TEXT, length=1 << 40), 1009),
    "oversize in fragments": (b"".join(split(TEXT, *[b"x" * 30_000] * 3)), 1009),
    "65 fragments": (b"".join(split(TEXT, *[b"x"] * 65)), 1008),
    "empty fragments without end": (
        frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 70,
        1008,
    ),
}


@pytest.mark.parametrize("registered", [False, True], ids=["a stranger", "a host"])
@pytest.mark.parametrize(("data", "code"), RULES.values(), ids=RULES)
def test_who_breaks_a_rule_is_told_by_the_close_code(node, data, code, registered):
    with node.host() if registered else node.peer() as client:
        client.send(data)
        assert client.code() == code
        assert client.rest() == b""


GARBAGE = {
    "all bytes": bytes(range(256)) * 256,
    "zeros": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "a head": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1000,
    "oversize, and a ping": frame(TEXT, BIG) + frame(PING),
    "oversize twice": frame(TEXT, BIG) * 2,
    "a close, and more": frame(CLOSE, b"\x03\xe8") + frame(PING) + frame(TEXT, b"{}") * 100,
    "close on close": frame(CLOSE, b"\x03\xe8") * 1000,
    "pings, and a close": frame(PING, b"x" * 125) * 15 + frame(CLOSE),
    "a reserved bit within a burst": frame(TEXT, b'{"type":"ping"}') * 50 + frame(TEXT, reserved=1),
}


@pytest.mark.parametrize("how", ["reading", "reset", "half closed"])
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_one_connection_and_no_other(node, data, how):
    with node.peer() as client:
        with suppress(Gone):
            client.send(data)
        if how == "reset":
            client.reset()
        else:
            if how == "half closed":
                with suppress(OSError):
                    client.socket.shutdown(1)
            assert client.code() in (None, 0, 1000, 1002, 1007, 1008, 1009)


def test_a_frame_may_come_byte_by_byte(node):
    with node.peer() as client:
        client.drip(frame(TEXT, b'{"type":"ping","ref":"%s"}' % (b"p" * 60)))
        assert client.hear() == {"type": "pong", "ref": "p" * 60}


def test_control_frames_come_through_within_a_message(node):
    with node.peer() as client:
        first, last = split(TEXT, b'{"type":', b'"ping"}')
        client.send(first, frame(PING, b"now"))
        assert client.frame() == (PONG, b"now")
        client.send(last)
        assert client.hear() == {"type": "pong"}


@pytest.mark.parametrize("size", [65_536, 65_535, 126])
def test_a_message_of_the_largest_size_is_taken(node, size):
    with node.host(uuid="large") as client:
        node.invite(client, "one_time")  # Who holds a seat may say more.
        text = b'{"type":"ping","x":"' + b"x" * (size - 22) + b'"}'
        assert len(text) == size
        client.text(text)
        assert client.hear() == {"type": "pong"}


def test_who_answers_no_good_bye_is_cut(node):
    with node.peer() as client:
        client.send(frame(TEXT, b"\xff"))
        began = time.monotonic()
        assert client.code() == 1007
        client.rest()
        assert time.monotonic() - began < 15
