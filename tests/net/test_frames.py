from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import XorMaskerSimple

from proxim.net import frames, masking
from proxim.net.frames import FrameCodec, PongFrame, text_frame
from proxim.net.limits import Limits
from tests.net.helpers import BINARY, CLOSE, PING, TEXT, frame

CONTINUATION, PONG = 0, 10
SIZES = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 65535, 65536]
NO_BOUND = 1 << 64
A_LOT = 1 << 20


@pytest.fixture(
    autouse=True,
    scope="module",
    params=[
        pytest.param(
            masking.apply_mask,
            marks=pytest.mark.skipif(not masking.IS_COMPILED, reason="needs the extra `speed`"),
            id="in C",
        ),
        pytest.param(masking.in_python, id="in Python"),
    ],
)
def unmasked(request):
    """Run each test with the library's unmasking and with the Python code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "apply_mask", request.param)
        yield


def shaped(opcode, payload=b"", *, fin=True, reserved=0, mask=b"\x1f\x9a\x00\xff", form=None):
    """Return a client's frame, valid or not; ``form`` is the number of bytes of its length."""
    size = len(payload)
    form = form if form is not None else 0 if size < 126 else 2 if size < 65536 else 8
    masked = bytes(XorMaskerSimple(mask).process(payload)) if mask else payload
    second = {0: size & 0x7F, 2: 126, 8: 127}[form] | bool(mask) << 7
    length = (size % 256**form).to_bytes(form) if form else b""
    return bytes([fin << 7 | reserved << 4 | opcode, second]) + length + mask + masked


def plain(found):
    """Return what was decoded as values that can be compared."""
    match found:
        case CloseConnection():
            return "close", int(found.code)
        case Ping() | Pong():
            return type(found).__name__, bytes(found.payload)
        case PongFrame(frame):
            # The pong repeats the payload of its ping: unmasked, and at most 125 bytes long.
            assert frame[:2] == bytes([0x8A, len(frame) - 2])
            return "Ping", frame[2:]
    return found


def fed(data, cuts=(), bound=A_LOT, fragments=64):
    codec = FrameCodec(Limits(message_size=bound, message_fragments=fragments))
    edges = [0, *sorted(cuts), len(data)]
    return [plain(each) for a, b in pairwise(edges) for each in codec.feed(data[a:b])]


def judged(data):
    """Decode the same with wsproto only."""
    oracle = Connection(ConnectionType.SERVER)
    oracle.receive_data(data)
    found, parts = [], []
    for event in oracle.events():
        if isinstance(event, TextMessage | BytesMessage):
            parts.append(event.data)
            if event.message_finished:
                found.append(type(event.data)().join(parts))
                parts = []
        else:
            found.append(plain(event))
            if isinstance(event, CloseConnection):
                break
    return found


# -- what a client may send -------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_text_of_any_size_is_unmasked(size):
    text = "é" * (size // 2) + "x" * (size % 2)
    data = shaped(TEXT, text.encode())
    assert fed(data) == [text] == judged(data)


@pytest.mark.parametrize("payload", [b"", b"x" * 5, b"x" * 126])
def test_a_frame_may_arrive_in_any_pieces(payload):
    data = shaped(TEXT, payload) + shaped(PING, b"p") + shaped(BINARY, payload)
    whole = [payload.decode(), ("Ping", b"p"), payload]
    assert fed(data, range(len(data))) == whole
    assert all(fed(data, [cut]) == whole for cut in range(len(data)))


@pytest.mark.parametrize("cut", [None, 1, 4000])
def test_frames_of_one_read_keep_their_order(cut):
    kinds = [(shaped(TEXT, b"%d" % n), shaped(BINARY, b"%d" % n), shaped(PING, b"%d" % n))[n % 3]
             for n in range(999)]  # fmt: skip
    found = fed(b"".join(kinds), [] if cut is None else [cut])
    assert found == [(f"{n}", b"%d" % n, ("Ping", b"%d" % n))[n % 3] for n in range(999)]


@pytest.mark.parametrize("size", SIZES)
def test_text_is_encoded_as_wsproto_encodes_it(size):
    payload = b"x" * size
    sent = Connection(ConnectionType.SERVER).send(TextMessage(data=payload.decode()))
    assert text_frame(payload) == sent


def test_fragments_make_one_message_with_control_frames_between_them():
    euro = "€".encode()
    data = b"".join([
        shaped(TEXT, b"a" + euro[:1], fin=False),
        shaped(PING, b"1"),
        shaped(CONTINUATION, b"", fin=False),
        shaped(PONG),
        shaped(CONTINUATION, euro[1:]),
        shaped(TEXT, b"next"),
        shaped(BINARY, b"\xff", fin=False),
        shaped(CONTINUATION, b"\xfe"),
    ])  # fmt: skip
    found = [("Ping", b"1"), ("Pong", b""), "a€", "next", b"\xff\xfe"]
    assert fed(data) == fed(data, range(len(data))) == found


# -- bounds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    ("sizes", "fits"),
    [([10], 1), ([11], 0), ([4, 6], 1), ([4, 7], 0), ([10, 0], 1), ([10, 1], 0), ([3, 3, 4], 1)],
)
def test_all_fragments_count_in_the_size_of_a_message(opcode, sizes, fits):
    data = b"".join(
        shaped(CONTINUATION if n else opcode, b"x" * size, fin=n == len(sizes) - 1)
        for n, size in enumerate(sizes)
    )
    whole = b"x" * sum(sizes) if opcode == BINARY else "x" * sum(sizes)
    assert fed(data, bound=10) == [whole if fits else ("close", 1009)]
    assert fed(data * 2, bound=10)[-1] == (whole if fits else ("close", 1009))


def test_a_character_split_over_two_fragments_counts_in_the_size():
    euro = "€".encode()
    data = shaped(TEXT, b"ab" + euro[:2], fin=False) + shaped(CONTINUATION, euro[2:] + b"x")
    assert fed(data, bound=6) == ["ab€x"]
    assert fed(data, bound=5) == [("close", 1009)]


def test_a_message_that_is_too_big_is_refused_by_its_header():
    assert fed(shaped(TEXT, b"x" * 11)[:6], bound=10) == [("close", 1009)]


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_a_control_frame_does_not_count_in_the_message_around_it(opcode):
    name = {PING: "Ping", PONG: "Pong"}[opcode]
    data = shaped(TEXT, b"x" * 10, fin=False) + shaped(opcode, b"p") + shaped(CONTINUATION)
    assert fed(data, bound=10) == [(name, b"p"), "x" * 10]


def test_the_number_of_fragments_is_limited():
    def data(count):
        return shaped(TEXT, fin=False) + shaped(0, fin=False) * (count - 2) + shaped(0)

    assert fed(data(5) * 3, fragments=5) == [""] * 3
    assert fed(data(6), fragments=5) == [("close", 1008)]


# -- violations --------------------------------------------------------------------------------

VIOLATIONS = {
    "unmasked": (shaped(TEXT, b"x", mask=b""), 1002),
    "unmasked, longer": (shaped(TEXT, b"x" * 200, mask=b""), 1002),
    "reserved bit": (shaped(TEXT, b"x", reserved=4), 1002),
    "reserved bit, longer": (shaped(TEXT, b"x" * 200, reserved=1), 1002),
    "opcode": (shaped(3, b"x"), 1002),
    "control opcode": (shaped(11), 1002),
    "control in fragments": (shaped(PING, fin=False), 1002),
    "long control": (shaped(PING, b"x" * 126), 1002),
    "length in 2 for 1": (shaped(TEXT, b"x", form=2), 1002),
    "length in 8 for 2": (shaped(BINARY, b"x" * 200, form=8), 1002),
    "length beyond 63 bits": (b"\x81\xff" + b"\xff" * 12, 1002),
    "stray continuation": (shaped(CONTINUATION, b"x"), 1002),
    "text in text": (shaped(TEXT, b"x", fin=False) + shaped(TEXT, b"x"), 1002),
    "close of 1 byte": (shaped(CLOSE, b"x"), 1002),
    "close with a reserved code": (shaped(CLOSE, (1006).to_bytes(2)), 1002),
    "close with a broken reason": (shaped(CLOSE, b"\x03\xe8\xff"), 1007),
    "not UTF-8": (shaped(TEXT, b"\xff"), 1007),
    "UTF-8 cut short": (shaped(TEXT, b"\xe2\x82"), 1007),
    "a surrogate": (shaped(TEXT, b"\xed\xa0\x80"), 1007),
    "not UTF-8 in a fragment": (shaped(TEXT, fin=False) + shaped(CONTINUATION, b"\xff"), 1007),
    "no violation: a close": (shaped(CLOSE, (4321).to_bytes(2) + b"bye"), 4321),
    "no violation: a close without a code": (shaped(CLOSE), 1005),
}


@pytest.mark.parametrize(("data", "code"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_protocol_error_has_its_code_and_is_the_last_event(data, code):
    before, after = shaped(TEXT, b"before"), shaped(TEXT, b"after") + shaped(PING)
    whole = before + data + after
    for cuts in [(), [len(before)], [len(before + data)], range(len(whole))]:
        assert fed(whole, cuts) == ["before", ("close", code)]


def test_a_broken_frame_is_broken_however_much_comes_with_it():
    assert fed(shaped(TEXT, b"x", mask=b"") + b"x" * 20, bound=10) == [("close", 1002)]


@pytest.mark.parametrize("head", [b"\x81\x7e", b"\xc1\xfe", b"\x81\x7f"])
def test_bytes_inside_a_broken_frame_are_not_decoded(head):
    data = head + shaped(TEXT, b"smuggled in")
    assert fed(data) == fed(data, [2]) == [("close", 1002)]


# -- the shape of wsproto ----------------------------------------------------------------------


def test_the_state_is_that_of_wsproto():
    codec = FrameCodec(Limits(message_size=10, message_fragments=64))
    assert not codec.client
    assert codec.state is ConnectionState.OPEN
    codec.feed(shaped(CLOSE))
    assert codec.state is ConnectionState.REMOTE_CLOSING
    codec.send(CloseConnection(code=1000))
    assert codec.state is ConnectionState.CLOSED

    codec = FrameCodec(Limits(message_size=10, message_fragments=64))
    assert codec.send(CloseConnection(code=4001, reason="r")) == b"\x88\x03\x0f\xa1r"
    assert codec.state is ConnectionState.LOCAL_CLOSING
    assert codec.feed(shaped(TEXT, b"late")) == ["late"]
    codec.feed(shaped(CLOSE))
    assert codec.state is ConnectionState.CLOSED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x03\xe8",
        b"\x03\xe9",
        b"\x0f\xa1bye",
        b"\x0f\xa0" + "ä€".encode(),
        b"\x0f\xa0" + b"x" * 123,
    ],
)
def test_a_close_is_answered_as_wsproto_answers_it(payload):
    codec = FrameCodec(Limits(message_size=A_LOT, message_fragments=64))
    oracle = Connection(ConnectionType.SERVER)
    oracle.receive_data(shaped(CLOSE, payload))
    [expected], [close] = oracle.events(), codec.feed(shaped(CLOSE, payload))
    assert (close.code, close.reason) == (expected.code, expected.reason)
    assert codec._wsproto is None
    assert codec.send(close.response()) == oracle.send(expected.response())
    assert codec.state is oracle.state is ConnectionState.CLOSED


@pytest.mark.parametrize("data", [frame(TEXT, b"x" * 11), frame(TEXT, b"\xff"), frame(3)])
def test_a_peer_that_broke_a_rule_is_answered(data):
    codec = FrameCodec(Limits(message_size=10, message_fragments=64))
    codec.feed(data)
    assert codec.state is ConnectionState.REMOTE_CLOSING
    assert codec.send(CloseConnection(code=1002)) == b"\x88\x02\x03\xea"


def test_an_idle_codec_keeps_nothing_of_wsproto():
    codec = FrameCodec(Limits(message_size=A_LOT, message_fragments=64))
    codec.send(Ping())
    for data in (shaped(TEXT, b"x"), shaped(BINARY, b"x"), shaped(PING), shaped(PONG)):
        codec.feed(data)
        assert codec._wsproto is None
    codec.feed(shaped(TEXT, fin=False))
    assert codec._wsproto is not None
    codec.feed(shaped(CONTINUATION))
    assert codec._wsproto is None


# -- wsproto as the oracle ---------------------------------------------------------------------

PAYLOADS = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=6).map(str.encode),
    st.sampled_from([b"x" * 125, b"x" * 126, b"\x03\xe8", b"\x0f\xa1bye", "€".encode()[:2]]),
)
POLITE = st.builds(
    shaped, st.sampled_from([0, 0, TEXT, TEXT, BINARY, PING, PONG]), PAYLOADS, fin=st.booleans()
)
RUDE = st.builds(
    shaped,
    st.integers(0, 15),
    PAYLOADS,
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 1, 2, 4, 7]),
    mask=st.one_of(st.just(b""), st.binary(min_size=4, max_size=4)),
    form=st.sampled_from([None, None, 0, 2, 8]),
)
HEADS = st.sampled_from([b"\x81\x7e", b"\xc1\xfe", b"\x82\x7f", b"\x81\xfe", b"\x81\xff"])
WHOLE = st.builds(shaped, st.sampled_from([TEXT, BINARY]), PAYLOADS)


@st.composite
def streams(draw):
    """Draw the bytes of a client that may break rules, in pieces."""
    frames = draw(st.lists(st.one_of(WHOLE, WHOLE, POLITE, POLITE, RUDE, HEADS), max_size=10))
    data = bytearray(b"".join(frames))
    if data and draw(st.booleans()):
        for at in draw(st.lists(st.integers(0, len(data) * 8 - 1), max_size=3)):
            data[at // 8] ^= 1 << at % 8
        del data[draw(st.integers(0, len(data))) :]
    cuts = draw(st.one_of(st.just(range(len(data))), st.lists(st.integers(0, len(data)))))
    return bytes(data), sorted(cuts)


@settings(max_examples=150)
@given(streams())
def test_any_stream_is_decoded_as_wsproto_decodes_it(stream):
    is_judged_as_wsproto_judges_it(stream)


@pytest.mark.full("many examples")
@settings(max_examples=600)
@given(streams())
def test_many_streams_are_decoded_as_wsproto_decodes_them(stream):
    is_judged_as_wsproto_judges_it(stream)


def is_judged_as_wsproto_judges_it(stream):
    data, cuts = stream
    codec = FrameCodec(Limits(message_size=NO_BOUND, message_fragments=A_LOT))
    found = [
        plain(each)
        for start, stop in pairwise([0, *cuts, len(data)])
        for each in codec.feed(data[start:stop])
    ]
    expected = judged(data)
    if codec._unread and expected[-1:] != found[-1:] and isinstance(expected[-1], tuple):
        assert expected.pop()[0] == "close"
    assert found == expected


@pytest.mark.parametrize("size", [119, 120, 121, 127, 133])
def test_a_length_of_eight_bytes_has_to_be_long(size):
    whole = shaped(TEXT, b"x" * 65536)
    assert fed(whole[:size]) == []
    assert fed(whole, cuts=[size]) == ["x" * 65536]
