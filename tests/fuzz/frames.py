"""Coverage-guided fuzzing of the frame codec, with wsproto as the judge of what is right.

    python -m tests.fuzz.frames [-max_total_time=20] [corpus directories]

The first byte says where the rest is cut into reads. However that is, ``FrameCodec`` finds what
wsproto finds in the whole, in the same order and with the same close codes.
"""

import sys
from itertools import pairwise

import atheris

with atheris.instrument_imports(include=["proxim", "wsproto"]):
    from wsproto.connection import Connection, ConnectionType
    from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

    from proxim.net.frames import FrameCodec, PongFrame, Received
    from proxim.net.limits import Limits

NO_BOUND = 1 << 64
SEEDS = [
    b"\x00\x81\x85\0\0\0\0hello",
    b"\x01\x01\x81\0\0\0\0a\x89\x81\0\0\0\0p\x80\x81\0\0\0\0b",
    b"\x03\x82\xfe\0\x7e\x01\x02\x03\x04" + b"x" * 126,
    b"\x07\x88\x82\0\0\0\0\x03\xe8\x81\x80\0\0\0\0",
    b"\x02\x81\x84\0\0\0\0\xf0\x9d\x84\x9e",
]


def plain(found: Received) -> object:
    """What was found, as values that compare."""
    match found:
        case CloseConnection():
            return "close", int(found.code)
        case Ping() | Pong():
            return type(found).__name__, bytes(found.payload)
        case PongFrame(frame):
            assert frame[:2] == bytes([0x8A, len(frame) - 2])
            return "Ping", frame[2:]
    return found


def fed(reads: list[bytes]) -> tuple[list[object], bool]:
    """What the codec finds, and whether it waits for more of a frame."""
    codec = FrameCodec(Limits(message_size=NO_BOUND, message_fragments=NO_BOUND))
    return [plain(each) for read in reads for each in codec.feed(read)], bool(codec._unread)


def judged(data: bytes) -> list[object]:
    """The same by wsproto alone."""
    oracle = Connection(ConnectionType.SERVER)
    oracle.receive_data(data)
    found: list[object] = []
    parts: list[str | bytes] = []
    for event in oracle.events():
        if isinstance(event, TextMessage | BytesMessage):
            parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
            if event.message_finished:
                found.append(type(parts[0])().join(parts))
                parts = []
        else:
            found.append(plain(event))
            if isinstance(event, CloseConnection):
                break
    return found


def judge(data: bytes) -> None:
    step, data = (data[0] % 16 or len(data)) if data else 1, data[1:]
    reads = [data[a:b] for a, b in pairwise([*range(0, len(data), step), len(data)])]
    found, waits = fed(reads)
    expected = judged(data)
    if waits and len(expected) == len(found) + 1 and expected[-1][0] == "close":  # type: ignore[index]
        # What is wrong within a frame that is not whole yet is told when it is.
        expected.pop()
    assert found == expected, (reads, found, expected)


def main() -> None:
    for seed in SEEDS:
        judge(seed)
    atheris.Setup(sys.argv, judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
