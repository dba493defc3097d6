"""A node that is killed and started again, under a channel that does not notice."""

import pytest
import trio

from tests.attacks.target import Target
from tests.client.helpers import PATIENCE, hear, until
from tests.client.sealed import approved
from tests.rtc.helpers import channels


@pytest.fixture
def nodes():
    """Starts nodes in processes of their own."""
    started = []

    def start(*options):
        started.append(Target(*options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.mark.not_on("win32", "darwin", reason="the processes are started by fork")
async def test_channel_goes_on_through_a_node_that_is_killed(nodes, monkeypatch):
    monkeypatch.setattr("proxim.client.backoff.FIRST", 0.01)
    node = nodes()
    _, port = node.address
    async with approved(f"http://127.0.0.1:{port}", ttl=600.0, kind="temporary") as sides:
        session, guest = sides
        ends_at = session.info.expires_at
        host_channel, guest_channel = await channels(session, guest)
        node.process.kill()
        node.process.wait()
        await until(lambda: not (session._connection.online or guest._connection.online))
        await host_channel.send("without a node")
        assert await hear(guest_channel, 1) == ["without a node"]
        await trio.to_thread.run_sync(nodes, "--port", port)
        with trio.fail_after(PATIENCE):
            await session.send("by the new node")
            assert await guest.receive() == "by the new node"
        assert await channels(session, guest) == [host_channel, guest_channel]
        assert (host_channel.is_open, guest_channel.is_open) == (True, True)
        await guest_channel.send("still the same")
        assert await hear(host_channel, 1) == ["still the same"]
        assert abs((session.info.expires_at - ends_at).total_seconds()) < 1
