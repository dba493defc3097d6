"""What a stranger may send to the UDP port of a connection."""

import asyncio
import logging
import socket
from types import SimpleNamespace

import pytest
import trio
from aioice.ice import Connection, StunProtocol
from aioice.turn import TurnClientUdpProtocol

from proxim.rtc import connection  # noqa: F401  It guards the datagrams.
from proxim.rtc.datagrams import MAX_DATAGRAM, MAX_WAITING
from tests.client.helpers import PATIENCE
from tests.rtc.helpers import joined

SHORT_PRIORITY = bytes.fromhex("0001000800000000" + "00" * 12 + "0024000100000000")
"""A STUN message whose PRIORITY has one byte."""


async def send_as_stranger(channel, *packets):
    """Send datagrams to the port of the other side."""
    ice = channel._connector._connection._pc.sctp.transport.transport._connection
    address = next(iter(ice._nominated.values())).remote_addr
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as stranger:
        for packet in packets:
            stranger.sendto(packet, address)
            await trio.sleep(0.01)


@pytest.mark.parametrize(
    "packet",
    [b"", SHORT_PRIORITY, b"\xff" * 9000, b"\x16" * 1000],
    ids=["empty", "short", "large", "dtls"],
)
async def test_datagram_of_a_stranger_changes_nothing(node, packet, caplog):
    async with joined(node.url) as (host, guest, *_):
        earlier = host._connector._connection
        await send_as_stranger(guest, *[packet] * 3)
        for number in range(3):
            with trio.fail_after(PATIENCE):
                await guest.send(f"{number}")
                assert await host.receive() == f"{number}"
            await trio.sleep(0.1)
        assert host.is_open
        assert host._connector._connection is earlier
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def heard(*packets):
    """Return what an ICE connection stores of datagrams before it has a pair of addresses."""

    async def run():
        ice = Connection(ice_controlling=True)
        protocol = StunProtocol(ice)
        protocol.local_candidate = SimpleNamespace(component=1)
        for packet in packets:
            protocol.datagram_received(packet, ("192.0.2.1", 9))
        return [ice._queue.get_nowait()[0] for _ in range(ice._queue.qsize())]

    return asyncio.run(run())


def test_datagrams_that_wait_are_bounded():
    assert heard(*[b"\x16"] * (MAX_WAITING + 1)) == [b"\x16"] * MAX_WAITING


def test_large_datagrams_are_dropped():
    assert heard(b"\x16" * (MAX_DATAGRAM + 1), b"\x16" * MAX_DATAGRAM) == [b"\x16" * MAX_DATAGRAM]


def test_empty_and_malformed_datagrams_are_dropped():
    assert heard(b"", SHORT_PRIORITY, b"\x16") == [b"\x16"]


def test_malformed_datagram_at_the_socket_of_a_relayed_client_is_dropped():
    async def receive():
        protocol = TurnClientUdpProtocol(("192.0.2.1", 3478), "name", "word", 600, 600)
        protocol.datagram_received(SHORT_PRIORITY, ("192.0.2.9", 9))

    asyncio.run(receive())
