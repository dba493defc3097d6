"""Drops datagrams that aioice 0.13 cannot handle, or that aiortc 1.16 cannot.

Any machine that reaches this one can send them: neither library knows its peer at this point.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aioice.ice import Connection, StunProtocol
from aioice.turn import TurnClientUdpProtocol

log = logging.getLogger(__name__)

MAX_DATAGRAM = 2048
"""Bytes of a datagram that is not of ICE. aiortc reads no larger ones, and browsers send none."""

MAX_WAITING = 512
"""Datagrams of an ICE connection that wait. aioice returns none before it has chosen a pair of
addresses, which may take for ever. Some may come earlier than that from an honest peer."""

_receive, _queue = StunProtocol.datagram_received, Connection.data_received
_receive_from_relay = TurnClientUdpProtocol.datagram_received


def guard_datagrams() -> None:
    """Guard all ICE connections of this process: aioice makes the protocols of one by itself."""
    # mypy takes the assignment to a method of a class for a mistake.
    StunProtocol.datagram_received = _receive_or_drop  # type: ignore[method-assign, assignment]
    Connection.data_received = _queue_or_drop  # type: ignore[method-assign, assignment]
    TurnClientUdpProtocol.datagram_received = _receive_from_relay_or_drop  # type: ignore[method-assign, assignment]


def _receive_or_drop(protocol: StunProtocol, data: bytes | str, addr: tuple[Any, ...]) -> None:
    if not data:
        return  # aiortc would close the connection.
    with _dropping():
        _receive(protocol, data, addr)


def _receive_from_relay_or_drop(
    protocol: TurnClientUdpProtocol, data: bytes | str, addr: tuple[Any, ...]
) -> None:
    with _dropping():
        _receive_from_relay(protocol, data, addr)


@contextmanager
def _dropping() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # aioice expects other errors of what is not STUN. asyncio would log a traceback for each.
        log.debug("a datagram cannot be read: %s", type(error).__name__)


def _queue_or_drop(ice: Connection, data: bytes, component: int) -> None:
    if len(data) <= MAX_DATAGRAM and ice._queue.qsize() < MAX_WAITING:
        _queue(ice, data, component)
