"""Bounds what one packet of the other side costs in aiortc: its memory and its time.

aiortc searches all waiting chunks for each chunk that arrives, and sorts all numbers that it has
received out of order. Both grow with what the other side sends, so a few megabytes would keep the
loop busy for minutes. These replacements give the same messages, and refuse what no browser sends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    SCTP_TSN_MODULO,
    InboundStream,
    tsn_plus_one,
)
from aiortc.utils import uint32_gt, uint32_gte

from proxim.rtc.gate import LimitExceeded

if TYPE_CHECKING:
    from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport

MAX_FRAGMENTS = 1024
"""Chunks of one message. The largest message that this side announces takes about 230."""

MAX_UNORDERED = 2048
"""Chunks of one stream that may wait while chunks arrive that need no order."""

MAX_OUT_OF_ORDER = 1024
"""Chunks that may have arrived before an earlier one, finished messages among them: with chunks of
the usual size as many as fill the receive window. aiortc sorts them for each packet."""

_HALF = SCTP_TSN_MODULO // 2


class Stream(InboundStream):
    """Puts the chunks of a stream together, and searches it only when a message is complete.

    ``add_chunk`` raises ``LimitExceeded`` if the other side exceeds a limit.
    """

    def __init__(self) -> None:
        super().__init__()
        self._complete: slice | None = None
        self._is_searched = True

    def add_chunk(self, chunk: DataChunk) -> None:
        """Add a chunk, in the order of their numbers."""
        queue = self.reassembly
        place = len(queue)
        if queue and not uint32_gt(chunk.tsn, queue[-1].tsn):
            # The numbers wrap around, so they are compared with the one of the chunk.
            place = bisect_left(
                queue, _HALF, key=lambda other: (other.tsn - chunk.tsn + _HALF) % SCTP_TSN_MODULO
            )
        queue.insert(place, chunk)
        if chunk.flags & SCTP_DATA_UNORDERED and len(queue) > MAX_UNORDERED:
            raise LimitExceeded("too many chunks of unordered messages")
        self._complete = self._complete_at(place)
        self._is_searched = self._complete is not None

    def pop_messages(self) -> Iterator[tuple[int, int, bytes]]:
        """Return the messages that are complete and next."""
        is_searched, self._is_searched = self._is_searched, True
        found, self._complete = self._complete, None
        if found is not None and self.reassembly[found.start].flags & SCTP_DATA_UNORDERED:
            # aiortc would find it later, if it stands behind an incomplete one.
            chunks = self.reassembly[found]
            del self.reassembly[found]
            data = b"".join(chunk.user_data for chunk in chunks)
            yield chunks[0].stream_id, chunks[0].protocol, data
        if is_searched:
            yield from super().pop_messages()

    def _complete_at(self, place: int) -> slice | None:
        """Return where the message of the chunk at ``place`` is, if it is complete."""
        queue = self.reassembly
        first = last = place
        while not (begins := queue[first].flags & SCTP_DATA_FIRST_FRAG):
            if first == 0 or not _follows(queue[first], queue[first - 1]):
                break
            first -= 1
        while not (ends := queue[last].flags & SCTP_DATA_LAST_FRAG):
            if last + 1 == len(queue) or not _follows(queue[last + 1], queue[last]):
                break
            last += 1
        if last - first >= MAX_FRAGMENTS:
            raise LimitExceeded("a message of too many chunks")
        return slice(first, last + 1) if begins and ends else None


def _follows(chunk: DataChunk, previous: DataChunk) -> bool:
    """Return whether both chunks are of one message, one after the other."""
    return (
        chunk.tsn == tsn_plus_one(previous.tsn)
        and not chunk.flags & SCTP_DATA_FIRST_FRAG
        and not previous.flags & SCTP_DATA_LAST_FRAG
    )


def mark_received(sctp: RTCSctpTransport, tsn: int) -> bool:
    """Mark the number of a chunk as received; return whether it was already.

    Does what aiortc's method does, in a time that does not depend on how many came before an
    earlier one. If those are too many, only the next one is taken. The others count as received
    without being acknowledged, so that the other side sends them again later.
    """
    assert sctp._last_received_tsn is not None
    early = sctp._sack_misordered
    if uint32_gte(sctp._last_received_tsn, tsn) or tsn in early:
        sctp._sack_duplicates.append(tsn)
        return True
    if len(early) >= MAX_OUT_OF_ORDER and tsn != tsn_plus_one(sctp._last_received_tsn):
        return True
    early.add(tsn)
    while (following := tsn_plus_one(sctp._last_received_tsn)) in early:
        early.remove(following)
        sctp._last_received_tsn = following
    return False
