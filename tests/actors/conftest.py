import pytest
import trio
from trio.testing import MockClock

from tests.actors.helpers import Node


@pytest.fixture
async def start(nursery):
    """Starts a node. The test has to name ``autojump_clock``, so that it never really sleeps."""
    assert isinstance(trio.lowlevel.current_clock(), MockClock)

    async def start_node(**options):
        node = Node(**options)
        await nursery.start(node.supervisor.run)
        return node

    return start_node


@pytest.fixture
async def node(start):
    return await start()
