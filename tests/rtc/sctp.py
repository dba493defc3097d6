"""Chunks and packets of SCTP, and a guarded transport that hears them without a network."""

import asyncio
from types import SimpleNamespace

from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport, serialize_packet

from proxim.rtc.gate import Gate

FIRST, LAST, UNORDERED = 2, 1, 4
STRING, DCEP = 51, 50


def chunk(tsn, flags=0, data=b"x", *, stream=1, seq=0, protocol=STRING):
    made = DataChunk(flags=flags)
    made.tsn, made.stream_id, made.stream_seq = tsn % 2**32, stream, seq
    made.user_data, made.protocol = data, protocol
    return made


def guarded():
    """Return a transport with a gate, which has heard of the chunks before number 1000."""

    async def send(_):
        pass

    sctp = RTCSctpTransport(SimpleNamespace(state="connected", _send_data=send))
    sctp._last_received_tsn, sctp._remote_port = 999, 5000
    Gate(None).attach(sctp)
    return sctp


def packet(sctp, *chunks):
    """Return a packet for a transport with these chunks."""
    tag = sctp._local_verification_tag
    return serialize_packet(5000, 5000, tag, b"".join(bytes(each) for each in chunks))


def opening(tsn, stream, label=b"file"):
    """Return the chunk that opens a data channel."""
    data = b"\3\0\0\0\0\0\0\0" + len(label).to_bytes(2, "big") + b"\0\0" + label
    return chunk(tsn, FIRST | LAST, data, stream=stream, protocol=DCEP)


def hear(*chunks):
    """Return the messages that a guarded transport makes of chunks; ``left`` is what it stores."""
    messages = []

    async def run():
        sctp = guarded()
        sctp._data_channels[1] = SimpleNamespace(emit=lambda _, message: messages.append(message))
        try:
            for each in chunks:
                await sctp._handle_data(packet(sctp, each))
        finally:
            left = sum(len(stream.reassembly) for stream in sctp._inbound_streams.values())
            hear.left = left + len(sctp._sack_misordered)

    asyncio.run(run())
    return messages
