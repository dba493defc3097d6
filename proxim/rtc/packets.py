"""Refuses packets that aiortc 1.16 handles badly, before it parses them.

Each check can go once aiortc has it.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from proxim.rtc.gate import LimitExceeded

if TYPE_CHECKING:
    from aiortc.rtcsctptransport import RTCSctpTransport

MAX_CONTROL = 16
"""Chunks of a packet that are not data. aiortc sends a packet for most of them, and each of two
SACKs costs as much as all data that is not acknowledged. Browsers send three or four."""

HEADER, CHUNK_HEADER = 12, 4
DATA, INIT, INIT_ACK, SACK, SHUTDOWN, RECONFIG, FORWARD_TSN = 0, 1, 2, 3, 7, 130, 192

LEAST = {DATA: 12, INIT: 16, INIT_ACK: 16, SACK: 12, SHUTDOWN: 4, FORWARD_TSN: 4}
"""Bytes without which aiortc fails at the chunk, if it has any (RFC 9260, 3.3; RFC 3758, 3.2)."""

PARAMETERS = {1: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, RECONFIG: 0}
"""Where the parameters begin in the chunks that have some (RFC 9260, 3.3; RFC 6525)."""

_MODULO, _HALF = 2**32, 2**31


def check_packet(sctp: RTCSctpTransport, packet: bytes) -> None:
    """Raise ``LimitExceeded`` if aiortc would be busy with a packet of SCTP for long."""
    control = 0
    once = set[int]()
    place = HEADER
    while place + CHUNK_HEADER <= len(packet):
        kind, _, length = unpack_from("!BBH", packet, place)
        if length < CHUNK_HEADER or place + length > len(packet):
            return  # aiortc drops the whole packet.
        body = packet[place + CHUNK_HEADER : place + length]
        place += length + -length % 4
        if (body and len(body) < LEAST.get(kind, 0)) or (kind == FORWARD_TSN and len(body) % 4):
            raise LimitExceeded("a chunk that is too short")
        if kind == DATA:
            continue
        control += 1
        if kind in PARAMETERS and body:
            parameters = _count_parameters(body, PARAMETERS[kind])
            control += parameters if kind == RECONFIG else 0
        if kind == SACK and body:
            _check_sack(sctp, body)
        if kind in (SACK, FORWARD_TSN):
            if kind in once:
                raise LimitExceeded("the same twice in a packet")
            once.add(kind)
        if control > MAX_CONTROL:
            raise LimitExceeded("too many chunks in a packet")


def _count_parameters(body: bytes, place: int) -> int:
    """Return how many parameters a chunk has. aiortc stays for ever at one without a length."""
    count = 0
    while place + 4 <= len(body):
        _, length = unpack_from("!HH", body, place)
        if length < 4:
            raise LimitExceeded("a parameter without a length")
        place += length + -length % 4
        count += 1
    return count


def _check_sack(sctp: RTCSctpTransport, body: bytes) -> None:
    """Refuse an acknowledgement of more than was sent: aiortc counts each number of its gaps."""
    acknowledged, _, gaps, duplicates = unpack_from("!LLHH", body)
    if len(body) < 12 + 4 * (gaps + duplicates):
        raise LimitExceeded("an acknowledgement that is too short")
    # Also of an acknowledgement that was overtaken by a later one: the numbers only grow.
    sent = (sctp._local_tsn - 1 - acknowledged) % _MODULO
    total = 0
    for number in range(gaps):
        first, last = unpack_from("!HH", body, 12 + 4 * number)
        total += last - first + 1
        if not 0 < first <= last <= sent or total > sent:
            raise LimitExceeded("an acknowledgement of more than was sent")
    if sent >= _HALF:
        raise LimitExceeded("an acknowledgement of more than was sent")
