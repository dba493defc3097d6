import pytest
import trio

from proxim.node import Node
from proxim.settings import Settings
from tests.client.helpers import Wire
from tests.ports import reserved_port


@pytest.fixture
async def serve(monkeypatch):
    """Starts nodes; clients reconnect quickly."""
    monkeypatch.setattr("proxim.client.backoff.FIRST", 0.01)
    nodes = []
    async with trio.open_nursery() as nursery:

        async def start(**settings):
            nodes.append(Node(Settings(port=0, **settings)))
            await nursery.start(nodes[-1].run)
            return nodes[-1]

        yield start
        for node in nodes:
            node.stop()


@pytest.fixture
async def node(serve):
    return await serve()


@pytest.fixture
async def wire(node, nursery):
    with reserved_port() as port:
        wire = Wire(node, nursery, port)
        await wire.mend()
        yield wire
