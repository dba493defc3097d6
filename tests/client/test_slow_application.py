"""An application that does not receive: what waits for it is bounded, and it is told."""

from contextlib import suppress

import pytest
import trio

from proxim.client import open_guest, open_host, session
from proxim.protocol.errors import ConnectionLost, SessionOver
from tests.client.helpers import PATIENCE, end, hear, paired


async def told(receiver):
    """Return the close code of the end."""
    with trio.fail_after(PATIENCE), pytest.raises(ConnectionLost, match="too slow") as raised:
        await receiver.ended()
    return raised.value.close_code


@pytest.mark.parametrize("slow", ["host", "guest"])
@pytest.mark.parametrize("bound", ["signals", "bytes"])
async def test_session_that_is_not_received_ends_for_both_sides(node, monkeypatch, slow, bound):
    data = "x" * 998
    async with paired(node.url) as sides:
        receiver, sender = sides if slow == "host" else reversed(sides)
        if bound == "signals":
            monkeypatch.setattr(session, "MAX_UNREAD", 5)
        else:
            receiver._connection.max_unread_bytes = 5000
        with suppress(SessionOver):
            for _ in range(20):
                await sender.send(data)
        assert await told(receiver) == 4001
        assert await end(sender) == ("expired", "closed")
        assert await hear(receiver, 5) == [data] * 5
        with pytest.raises(ConnectionLost):
            await receiver.receive()


async def test_other_sessions_of_a_slow_host_go_on(node, monkeypatch):
    monkeypatch.setattr(session, "MAX_UNREAD", 3)
    async with open_host(node.url, uuid="desk") as host:
        slow, other = [await host.create("persistent") for _ in range(2)]
        async with (
            open_guest(slow.link, name="One") as one,
            open_guest(other.link, name="Two") as two,
        ):
            for each in (slow, other):
                await (await each.prompt()).approve()
            await one.approved()
            for number in range(4):
                await one.send(number)
            assert await told(slow) == 4001
            assert await end(one) == ("expired", "closed")
            assert list(host.sessions) == [other.session_id]
            await two.approved()
            for number in range(9):
                await two.send(number)
                assert await hear(other, 1) == [number]


async def test_large_signal_is_received_whatever_the_bound(node):
    async with paired(node.url) as (host_side, guest):
        guest._connection.max_unread_bytes = 10
        await host_side.send("x" * 1000)
        assert await hear(guest, 1) == ["x" * 1000]
