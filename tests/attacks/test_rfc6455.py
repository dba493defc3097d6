"""What a WebSocket fuzzing client tries, on an echo over the connection class of the node.

Framing, pings and pongs, reserved bits, opcodes, fragments, UTF-8, closing, and long messages in
many fragments; numbers of sections are those of RFC 6455.
"""

import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.attacks.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Gone, frame, split
from tests.attacks.target import Target

ECHO = Path(__file__).parents[2] / "bench" / "echo.py"
SIZES = [0, 1, 125, 126, 127, 128, 65_535, 65_536]
NORMAL = (1000).to_bytes(2)
EVERYTHING = "Hello-µ@ßöäüàá-UTF-8!! κόσμε €𝄞 \U0010ffff \ufffe\ufdd0 \0".encode()


@pytest.fixture(scope="module")
def echo():
    """The server: one process for all cases, at whose end it still has to be the same."""
    target = Target(program=[sys.executable, ECHO])
    yield target
    assert target.process.poll() is None
    assert target.log() == ""
    target.stop()


@pytest.fixture
def client(echo):
    before = echo.descriptors()
    with echo.raw() as client:
        yield client.upgrade()
    with echo.raw() as another:
        another.upgrade().send(frame(TEXT, b"still there"))
        assert another.frame() == (TEXT, b"still there")
    assert echo.descriptors() <= before + 2


def sends(client, data, *, chops=False):
    with suppress(Gone):
        client.drip(data) if chops else client.send(data)


def hears(client, frames):
    """The next frames are these."""
    for expected in frames:
        assert client.frame() == expected


def ends(client, code):
    """Nothing more comes but the close frame, and after it nothing at all (5.5.1)."""
    opcode, payload = client.frame()
    assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, code)
    assert client.rest() == b""


def is_answered(client, data, frames, *, chops=False):
    """What is sent brings these frames, and breaks nothing."""
    sends(client, data, chops=chops)
    hears(client, frames)
    sends(client, frame(CLOSE, NORMAL))
    ends(client, 1000)


def is_refused(client, data, code, *, chops=False):
    """What is sent brings the close frame of a broken rule."""
    sends(client, data, chops=chops)
    ends(client, code)


def greets(client):
    """A message and its echo, so that what follows is read after it."""
    client.send(frame(TEXT, b"before"))
    hears(client, [(TEXT, b"before")])


chopped = pytest.mark.parametrize("chops", [False, True], ids=["at once", "byte by byte"])

# -- framing (5.2) and many fragments (5.4) ------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_comes_back_as_it_was(client, opcode, size):
    payload = b"*" * size if opcode == TEXT else bytes(n % 256 for n in range(size))
    is_answered(client, frame(opcode, payload), [(opcode, payload)])


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_long_message_in_chops_of_997_bytes(client, opcode):
    data = frame(opcode, b"*" * 65_536)
    client.send(*(data[at : at + 997] for at in range(0, len(data), 997)), pause=0.0005)
    assert client.frame() == (opcode, b"*" * 65_536)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1300, 4096, 65_535])
def test_a_long_message_in_fragments_comes_back_as_one(client, opcode, size):
    payload = b"*" * 65_536
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    is_answered(client, b"".join(split(opcode, *parts)), [(opcode, payload)])


def test_the_mask_may_be_all_zeros(client):
    is_answered(client, frame(TEXT, b"plain", mask=bytes(4)), [(TEXT, b"plain")])


BROKEN_LENGTHS = {
    "2 bytes for a small one": b"\x81\xfe\x00\x05" + bytes(9),
    "8 bytes for a small one": b"\x81\xff" + (5).to_bytes(8) + bytes(9),
    "8 bytes where 2 would do": b"\x82\xff" + (65_535).to_bytes(8) + bytes(9),
    "the highest bit": b"\x82\xff" + (1 << 63).to_bytes(8) + bytes(9),
    "no mask": frame(TEXT, b"hello", mask=b""),
    "no mask on a ping": frame(PING, mask=b""),
}


@pytest.mark.parametrize("data", BROKEN_LENGTHS.values(), ids=BROKEN_LENGTHS)
def test_a_length_or_a_mask_that_breaks_a_rule_is_1002(client, data):
    is_refused(client, data, 1002)


# -- pings and pongs (5.5.2, 5.5.3) --------------------------------------------------------------


@chopped
@pytest.mark.parametrize("payload", [b"", b"Hello", b"\0\xff\xfe\xfd\xfc\xfb\0\xff", b"\xfe" * 125])
def test_a_ping_is_answered_with_its_payload(client, payload, chops):
    is_answered(client, frame(PING, payload), [(PONG, payload)], chops=chops)


def test_a_ping_of_126_bytes_is_1002(client):
    is_refused(client, frame(PING, b"\xfe" * 126), 1002)


@pytest.mark.parametrize("payload", [b"", b"unsolicited"])
def test_a_pong_that_nobody_asked_for_is_nothing(client, payload):
    is_answered(client, frame(PONG, payload) + frame(PING, b"p"), [(PONG, b"p")])


@chopped
def test_ten_pings_have_ten_answers_in_order(client, chops):
    payloads = [b"payload-%d" % number for number in range(10)]
    data = b"".join(frame(PING, each) for each in payloads)
    is_answered(client, data, [(PONG, each) for each in payloads], chops=chops)


# -- reserved bits and opcodes (5.2) -------------------------------------------------------------


@chopped
@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_a_reserved_bit_is_1002_after_what_came_before(client, opcode, reserved, chops):
    greets(client)
    data = frame(opcode, NORMAL, reserved=reserved) + frame(PING)
    is_refused(client, data, 1002, chops=chops)


@pytest.mark.parametrize("payload", [b"", b"payload"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_a_reserved_opcode_is_1002_after_what_came_before(client, opcode, payload):
    greets(client)
    is_refused(client, frame(opcode, payload) + frame(PING), 1002)


@pytest.mark.parametrize(
    ("end", "code"), [(frame(CLOSE, NORMAL), 1000), (frame(3), 1002)], ids=["close", "reserved"]
)
def test_what_was_asked_before_the_end_is_answered_also_in_the_same_read(client, end, code):
    sends(client, frame(TEXT, b"before") + end)
    hears(client, [(TEXT, b"before")])
    ends(client, code)


# -- fragments (5.4) -----------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_never_in_fragments(client, opcode):
    is_refused(client, b"".join(split(opcode, NORMAL, b"y")), 1002)


A, B = frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b")
FRAGMENTS = {
    "two": ([A, B], [(TEXT, b"ab")]),
    "a ping between": ([A, frame(PING, b"p"), B], [(PONG, b"p"), (TEXT, b"ab")]),
    "a pong between": ([A, frame(PONG, b"p"), B], [(TEXT, b"ab")]),
    "empty ones": (split(TEXT, b"", b"", b""), [(TEXT, b"")]),
    "an empty end": (split(BINARY, b"a", b""), [(BINARY, b"a")]),
    "pings all over": (
        [part for each in split(TEXT, *[b"f"] * 5) for part in (frame(PING, b"p"), each)],
        [*[(PONG, b"p")] * 5, (TEXT, b"f" * 5)],
    ),
    "64 of them": (split(TEXT, *[b"f"] * 64), [(TEXT, b"f" * 64)]),
}
BROKEN = {
    "65 of them": (split(TEXT, *[b"f"] * 65), 1008),
    "a close between": ([A, frame(CLOSE, NORMAL), B], 1000),
    "the end of nothing": ([frame(CONTINUATION, b"x")], 1002),
    "the middle of nothing": ([frame(CONTINUATION, b"x", fin=False)], 1002),
    "a message within a message": ([A, frame(TEXT, b"b")], 1002),
    "another kind within a message": ([A, frame(BINARY, b"b")], 1002),
    "a begin within a message": ([A, frame(TEXT, b"b", fin=False)], 1002),
}


@chopped
@pytest.mark.parametrize(("parts", "frames"), FRAGMENTS.values(), ids=FRAGMENTS)
def test_fragments_make_one_message(client, parts, frames, chops):
    is_answered(client, b"".join(parts), frames, chops=chops)


@chopped
@pytest.mark.parametrize(("parts", "code"), BROKEN.values(), ids=BROKEN)
def test_fragments_in_disorder_break_a_rule(client, parts, code, chops):
    is_refused(client, b"".join(parts), code, chops=chops)


@pytest.mark.parametrize("fin", [True, False])
def test_a_message_that_is_whole_cannot_be_continued(client, fin):
    client.send(A, B)
    hears(client, [(TEXT, b"ab")])
    is_refused(client, frame(CONTINUATION, b"x", fin=fin), 1002)


def test_what_follows_a_broken_rule_is_not_read(client):
    is_refused(client, frame(CONTINUATION) + frame(TEXT, b"later"), 1002)


# -- UTF-8 (8.1) ---------------------------------------------------------------------------------

VALID = [
    "",
    "κόσμε",
    "\x7f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff",
    "\ud7ff\ue000\ufffd\ufffe\uffff\ufdd0\U0001fffe\U0010fffe",
    "\0",
    "\ufeff bom",
]


@pytest.mark.parametrize("text", VALID, ids=ascii)
def test_text_is_unicode_to_its_last_corner(client, text):
    payload = text.encode()
    octets = [payload[at : at + 1] for at in range(len(payload))] or [b""]
    data = frame(TEXT, payload) + b"".join(split(TEXT, *octets))
    is_answered(client, data, [(TEXT, payload)] * 2)


@chopped
def test_text_may_be_cut_within_a_character(client, chops):
    data = b"".join(
        b"".join(split(TEXT, EVERYTHING[:cut], EVERYTHING[cut:])) for cut in range(len(EVERYTHING))
    )
    is_answered(client, data, [(TEXT, EVERYTHING)] * len(EVERYTHING), chops=chops)


INVALID = {
    "a continuation alone": b"\x80",
    "continuations alone": b"\x80\xbf" * 3,
    "every continuation": bytes(range(0x80, 0xC0)),
    "a begin alone": b"\xc3 ",
    "all begins": b" ".join(bytes([each]) for each in range(0xC0, 0xFE)),
    "the last byte missing": "𝄞".encode()[:-1],
    "two missing": "𝄞".encode()[:-2],
    "missing within": "κό".encode()[:-1] + "σμε".encode(),
    "FE": b"\xfe",
    "FF": b"\xff",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "an overlong slash": b"\xc0\xaf",
    "an overlong slash of three": b"\xe0\x80\xaf",
    "an overlong slash of four": b"\xf0\x80\x80\xaf",
    "an overlong NUL": b"\xc0\x80",
    "the largest overlong": b"\xf0\x8f\xbf\xbf",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "far beyond Unicode": b"\xf7\xbf\xbf\xbf",
    "a surrogate": b"\xed\xa0\x80",
    "the last surrogate": b"\xed\xbf\xbf",
    "a surrogate pair": b"\xed\xa0\x80\xed\xb0\x80",
    "edited": "κόσμε".encode() + b"\xed\xa0\x80edited",
}


@pytest.mark.parametrize("payload", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("form", ["whole", "fragments", "byte by byte"])
def test_text_that_is_no_utf8_is_1007(client, payload, form):
    octets = [payload[at : at + 1] for at in range(len(payload))]
    data = b"".join(split(TEXT, *octets[:60])) if form == "fragments" else frame(TEXT, payload)
    if form == "fragments" and len(octets) > 60:
        data = b"".join(split(TEXT, payload[:7], payload[7:]))
    is_refused(client, data, 1007, chops=form == "byte by byte")


def test_what_is_no_utf8_is_told_before_the_message_is_whole(client):
    client.send(frame(TEXT, "κόσμε".encode(), fin=False))
    client.send(frame(CONTINUATION, b"\xf4\x90\x80\x80", fin=False))
    ends(client, 1007)


def test_binary_need_not_be_utf8(client):
    is_answered(client, frame(BINARY, b"\xff\xfe"), [(BINARY, b"\xff\xfe")])


@pytest.mark.parametrize("cut", range(1, len(EVERYTHING)))
def test_every_beginning_of_a_text_is_text_or_1007(client, cut):
    payload = EVERYTHING[:cut]
    try:
        payload.decode()
    except UnicodeDecodeError:
        is_refused(client, frame(TEXT, payload), 1007)
    else:
        is_answered(client, frame(TEXT, payload), [(TEXT, payload)])


# -- closing (5.5.1, 7.4) ------------------------------------------------------------------------


def test_the_close_comes_after_all_that_was_sent(client):
    texts = [b"%d" % number * 1000 for number in range(20)]
    is_answered(
        client, b"".join(frame(TEXT, each) for each in texts), [(TEXT, each) for each in texts]
    )


@pytest.mark.parametrize(
    "after",
    [frame(CLOSE, NORMAL), frame(TEXT, b"x"), frame(PING), frame(BINARY), b"garbage" * 9],
    ids=["close", "text", "ping", "binary", "garbage"],
)
def test_nothing_is_answered_after_a_close(client, after):
    sends(client, frame(CLOSE, NORMAL) + after)
    ends(client, 1000)


def test_a_close_without_a_code_is_answered_without_one_or_with_1000(client):
    sends(client, frame(CLOSE))
    opcode, payload = client.frame()
    assert opcode == CLOSE
    assert payload in (b"", NORMAL)


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, *range(1007, 1014), 3000, 3999, 4000, 4999]
)
@pytest.mark.parametrize("reason", [b"", b"why", "é€𝄞".encode(), b"x" * 123], ids=len)
def test_a_close_code_that_may_be_sent_comes_back(client, code, reason):
    sends(client, frame(CLOSE, code.to_bytes(2) + reason))
    ends(client, code)


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
)
def test_a_close_code_that_may_not_be_sent_is_1002(client, code):
    is_refused(client, frame(CLOSE, code.to_bytes(2)), 1002)


BAD_CLOSES = {
    "one byte": (b"x", 1002),
    "a reason of 124 bytes": (NORMAL + b"x" * 124, 1002),
    "a reason of no UTF-8": (NORMAL + INVALID["edited"], 1007),
}


@pytest.mark.parametrize(("payload", "code"), BAD_CLOSES.values(), ids=BAD_CLOSES)
def test_a_close_that_breaks_a_rule_is_answered_with_its_code(client, payload, code):
    is_refused(client, frame(CLOSE, payload), code)


# -- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [(), (1,), (65_536,), (10, 20, 30)])
def test_a_message_of_more_than_64_kib_is_1009_in_however_many_fragments(client, cuts):
    payload = b"x" * 65_537
    parts = [payload[a:b] for a, b in pairwise([0, *cuts, len(payload)])]
    is_refused(client, b"".join(split(BINARY, *parts)), 1009)


def test_what_would_be_too_much_is_told_by_its_header_alone(client):
    is_refused(client, frame(BINARY, length=1 << 62), 1009)
