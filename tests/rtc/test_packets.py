"""What one packet of the other side may hold, before aiortc parses it."""

import asyncio
import struct

import pytest
from aiortc.rtcsctptransport import (
    CHUNK_TYPES,
    Chunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    ReconfigChunk,
    SackChunk,
)

from proxim.rtc.gate import LimitExceeded
from proxim.rtc.packets import FORWARD_TSN, LEAST, MAX_CONTROL, PARAMETERS
from proxim.rtc.reassembly import Stream
from tests.rtc.sctp import FIRST, LAST, chunk, guarded, packet

SENT = 100


def handle(*chunks):
    """Let a transport handle one packet, after it has sent and received something."""

    async def run():
        sctp = guarded()
        for number in range(SENT):
            sent = chunk(sctp._local_tsn + number)
            sent._acked, sent._book_size, sent._misses = False, 1, 0
            sent._sent_count, sent._sent_time, sent._in_flight = 2, 0, True
            sent._max_retransmits = sent._expiry = None
            sent._abandoned = sent._retransmit = False
            sctp._sent_queue.append(sent)
        sctp._last_sacked_tsn = sctp._local_tsn - 1
        sctp._local_tsn += SENT
        for each in chunks:
            if isinstance(each, SackChunk):
                each.cumulative_tsn = (each.cumulative_tsn + sctp._last_sacked_tsn) % 2**32
        await sctp._handle_data(packet(sctp, *chunks))
        return sctp

    return asyncio.run(asyncio.wait_for(run(), 30))


def raw(kind, body):
    made = Chunk(body=body)
    made.type = kind
    return made


def sack(*gaps, acknowledged=0):
    made = SackChunk()
    made.cumulative_tsn, made.gaps = acknowledged, list(gaps)
    return made


def skip(tsn, *streams):
    made = ForwardTsnChunk()
    made.cumulative_tsn, made.streams = tsn, list(streams)
    return made


@pytest.mark.parametrize("kind", PARAMETERS)
@pytest.mark.parametrize("length", range(4))
def test_parameter_without_a_length_closes_the_connection(kind, length, monkeypatch):
    # It would keep the loop busy for ever, and take all memory.
    monkeypatch.setitem(CHUNK_TYPES, kind, None)
    good = struct.pack("!HHL", 1, 5, 0)
    body = bytes(PARAMETERS[kind]) + good + struct.pack("!HH", 1, length)
    with pytest.raises(LimitExceeded, match="a parameter without a length"):
        handle(raw(kind, body))


@pytest.mark.parametrize(
    ("kind", "size"), [(kind, size) for kind, least in LEAST.items() for size in (1, least - 1)]
)
def test_chunk_that_is_too_short_closes_the_connection(kind, size):
    with pytest.raises(LimitExceeded):
        handle(raw(kind, bytes(size)))


def test_stream_that_is_skipped_halfway_closes_the_connection():
    with pytest.raises(LimitExceeded):
        handle(raw(FORWARD_TSN, bytes(6)))


def test_all_chunks_with_parameters_are_known():
    with_parameters = {
        kind for kind, made in CHUNK_TYPES.items() if kind == 1 or hasattr(made(), "params")
    }
    assert with_parameters == set(PARAMETERS)


@pytest.mark.parametrize(
    "gaps",
    [
        [(1, 65_535)] * 350,
        [(2, 50)] * 350,
        [(SENT, SENT + 1)],
        [(0, 1)],
        [(3, 2)],
        [(2, SENT), (2, 3)],
    ],
)
def test_acknowledgement_of_more_than_was_sent_closes_the_connection(gaps):
    with pytest.raises(LimitExceeded, match="more than was sent"):
        handle(sack(*gaps))


def test_acknowledgement_of_what_was_never_sent_closes_the_connection():
    with pytest.raises(LimitExceeded, match="more than was sent"):
        handle(sack((1, 65_535), acknowledged=SENT + 1))
    with pytest.raises(LimitExceeded, match="more than was sent"):
        handle(sack(acknowledged=SENT + 1))


def test_acknowledgement_that_is_too_short_closes_the_connection():
    with pytest.raises(LimitExceeded, match="too short"):
        handle(raw(3, struct.pack("!LLHHL", 0, 0, 2, 0, 0)))
    with pytest.raises(LimitExceeded, match="too short"):
        handle(raw(3, bytes(4)))


def test_honest_acknowledgements_are_handled():
    assert len(handle(sack())._sent_queue) == SENT
    assert len(handle(sack(acknowledged=SENT))._sent_queue) == 0
    queue = handle(sack((2, 20), (30, 90), acknowledged=10))._sent_queue
    assert sum(each._acked for each in queue) == 19 + 61
    # aiortc sends such gaps where the numbers wrap around.
    handle(sack((30, 90), (2, 20), acknowledged=10))


def test_acknowledgement_that_was_overtaken_is_ignored():
    assert len(handle(sack((40, SENT + 50), acknowledged=-50))._sent_queue) == SENT


@pytest.mark.parametrize("twice", [sack, lambda: skip(1000)])
def test_same_control_chunk_twice_in_a_packet_closes_the_connection(twice):
    handle(twice())
    with pytest.raises(LimitExceeded, match="twice in a packet"):
        handle(twice(), chunk(1000), twice())


def test_many_control_chunks_in_a_packet_close_the_connection():
    handle(*[HeartbeatChunk()] * MAX_CONTROL, *map(chunk, range(1000, 1050)))
    with pytest.raises(LimitExceeded, match="too many chunks in a packet"):
        handle(*[HeartbeatChunk()] * (MAX_CONTROL + 1))
    many = ReconfigChunk()
    many.params = [(17, bytes(8))] * MAX_CONTROL
    with pytest.raises(LimitExceeded, match="too many chunks in a packet"):
        handle(many)


def test_stream_that_is_skipped_again_and_again_is_searched_once(monkeypatch):
    searched = []
    pop = Stream.pop_messages

    def search(stream):
        searched.append(stream)
        return pop(stream)

    monkeypatch.setattr(Stream, "pop_messages", search)
    sctp = handle(skip(1100, *[(1, number) for number in range(340)], (2, 5)))
    assert len(searched) == 2
    assert sctp._inbound_streams[1].sequence_number == 340


def test_packet_that_aiortc_drops_is_not_refused():
    async def run():
        sctp = guarded()
        await sctp._handle_data(b"")
        await sctp._handle_data(bytes(12) + b"\3\0\0\0")
        await sctp._handle_data(bytes(12) + b"\3\0\xff\xff")
        assert sctp._last_received_tsn == 999

    asyncio.run(run())


def test_complete_messages_in_a_packet_come_through():
    sctp = handle(*(chunk(1000 + number, FIRST | LAST, seq=number) for number in range(70)))
    assert sctp._last_received_tsn == 1069
