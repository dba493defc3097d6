import pytest
import trio
from trio.testing import MockClock

from tests.actors.helpers import Node


@pytest.fixture
async def start(nursery):
    """Start a node. The test has to name ``autojump_clock``, so that no wait is real."""
    assert isinstance(trio.lowlevel.current_clock(), MockClock)

    async def start_node(**options):
        node = Node(**options)
        await nursery.start(node.supervisor.run)
        return node

    return start_node


@pytest.fixture
async def node(start):
    return await start()
