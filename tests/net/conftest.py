from contextlib import asynccontextmanager

import pytest
import trio

from proxim.net.limits import Limits
from proxim.net.token_bucket import TokenBucket
from proxim.node import Node
from proxim.settings import Settings
from tests.net.helpers import MemoryNode


@pytest.fixture
def memory_node(nursery):
    """A listener on memory streams."""
    return MemoryNode(nursery)


@pytest.fixture
async def node():
    """A node on a loopback socket, with no limit on messages."""
    async with serving() as node:
        yield node


@pytest.fixture
async def hasty_node():
    """A node as above, with short times: for tests that wait until they are over."""
    async with serving(
        head_time=1.5,
        introduction_time=1.5,
        ping_interval=0.5,
        pong_time=2,
        write_time=0.3,
        close_time=0.3,
    ) as node:
        yield node


@asynccontextmanager
async def serving(**limits):
    unlimited = Limits(outbox_size=128 * 1024, messages=TokenBucket.of(0, 1), **limits)
    node = Node(Settings(port=0, allow_host=("node",)), limits=unlimited)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        yield node
        node.stop()
