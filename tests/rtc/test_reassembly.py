"""What the packets of the other side may cost: the chunks of SCTP, without a network."""

import asyncio
from types import SimpleNamespace

import pytest
from aiortc.rtcsctptransport import ForwardTsnChunk, InboundStream, RTCSctpTransport
from hypothesis import given, settings
from hypothesis import strategies as st

from proxim.rtc import gate as gates
from proxim.rtc import reassembly
from proxim.rtc.gate import LimitExceeded
from proxim.rtc.reassembly import MAX_OUT_OF_ORDER, Stream
from tests.rtc.sctp import FIRST, LAST, UNORDERED, chunk, hear, opening


@st.composite
def deliveries(draw):
    """Chunks of messages with consecutive numbers, which may wrap around, in any order."""
    tsn = draw(st.sampled_from([7, 2**32 - 5]))
    unordered = draw(st.sampled_from([0, UNORDERED]))  # A data channel has only one kind.
    found = []
    for seq, fragments in enumerate(draw(st.lists(st.integers(1, 4), max_size=6))):
        for number in range(fragments):
            flags = (FIRST if number == 0 else 0) | (LAST if number == fragments - 1 else 0)
            seq = 0 if unordered else seq
            found.append(chunk(tsn, flags | unordered, b"%d" % tsn, seq=seq))
            tsn += 1
    return draw(st.permutations(found))


@given(deliveries())
@settings(max_examples=60)
def test_stream_returns_the_messages_of_aiortc(chunks):
    ours, theirs = Stream(), InboundStream()
    heard, expected = [], []
    for each in chunks:
        ours.add_chunk(each)
        theirs.add_chunk(each)
        heard += ours.pop_messages()
        expected += theirs.pop_messages()
        if each.flags & UNORDERED:
            assert set(expected) <= set(heard)  # aiortc may return a message later.
        else:
            assert heard == expected
            assert ours.reassembly == theirs.reassembly
    assert sorted(heard) == sorted(expected)
    assert ours.reassembly == []


@given(st.lists(st.integers(-3, 40), max_size=60))
@settings(max_examples=60)
def test_numbers_are_marked_as_by_aiortc(numbers):
    async def run():
        both = [RTCSctpTransport(SimpleNamespace(state="new")) for _ in range(2)]
        for each in both:
            each._last_received_tsn = 99
        for number in numbers:
            tsn = 100 + number
            ours = reassembly.mark_received(both[0], tsn)
            assert ours == both[1]._mark_received(tsn)
            assert both[0]._last_received_tsn == both[1]._last_received_tsn
            assert both[0]._sack_misordered == both[1]._sack_misordered

    asyncio.run(run())


def test_messages_come_through_in_their_order():
    late = chunk(1000, FIRST, b"a")
    rest = [chunk(1001, 0, b"b"), chunk(1002, LAST, b"c"), chunk(1003, FIRST | LAST, b"d", seq=1)]
    assert hear(*rest[::-1], late) == ["abc", "d"]


def test_largest_message_comes_through():
    piece = bytes(1160)
    pieces = [chunk(1001 + number, 0, piece) for number in range(224)]
    heard = hear(chunk(1000, FIRST, piece), *pieces, chunk(1225, LAST, piece))
    assert [len(message) for message in heard] == [226 * 1160]


def test_message_without_an_end_closes_the_connection():
    with pytest.raises(LimitExceeded, match="a message of too many chunks"):
        hear(chunk(1000, FIRST), *(chunk(1001 + number) for number in range(3000)))
    assert hear.left == 0


@pytest.mark.parametrize("data", [bytes(1160), b"x"])
def test_incomplete_messages_of_many_streams_close_the_connection(data):
    streams = gates.MAX_STREAMS - 1
    chunks = [
        chunk(1000 + number, FIRST, data, stream=number % streams, seq=number // streams + 1)
        for number in range(gates.MAX_CHUNKS + 1)
    ]
    with pytest.raises(LimitExceeded, match="too much of incomplete messages"):
        hear(*chunks)
    assert hear.left == 0


def test_chunks_before_an_earlier_one_are_bounded():
    finished = [chunk(1001 + number, FIRST | LAST | UNORDERED) for number in range(2000)]
    assert len(hear(*finished)) == hear.left == MAX_OUT_OF_ORDER


def test_chunks_that_were_not_taken_come_through_when_they_are_sent_again():
    early = [chunk(1001 + n, FIRST | LAST, b"%d" % n, seq=n + 1) for n in range(2000)]
    missing = chunk(1000, FIRST | LAST, b"first")
    expected = ["first", *map(str, range(2000))]
    assert hear(*early, missing, *early[:1500], *early[1500:]) == expected
    assert hear.left == 0


def test_unordered_chunks_of_a_stream_close_the_connection():
    with pytest.raises(LimitExceeded, match="unordered"):
        hear(*(chunk(1000 + number, FIRST | UNORDERED) for number in range(5000)))


def test_streams_without_data_channels_close_the_connection():
    skipped = ForwardTsnChunk()
    skipped.cumulative_tsn, skipped.streams = 1000, [(stream, 0) for stream in range(5000)]
    with pytest.raises(LimitExceeded, match="streams"):
        hear(skipped)


def test_long_label_closes_the_connection():
    hear(opening(1000, 2, b"x" * 1000))
    with pytest.raises(LimitExceeded, match="label"):
        hear(opening(1000, 2, b"x" * 1100))


def test_very_many_data_channels_close_the_connection():
    with pytest.raises(LimitExceeded, match="too many data channels"):
        hear(*(opening(1000 + number, 2 + number) for number in range(1100)))
