from collections.abc import Iterator

import pytest

from .client import APPROVAL, INTRODUCTION, QR_TTL, Node, Pair


@pytest.fixture(scope="session")
def _calm_node() -> Iterator[Node]:
    node = Node()
    yield node
    assert node.stop() == 0


@pytest.fixture(scope="session")
def _quick_node() -> Iterator[Node]:
    node = Node("--introduction-time", str(INTRODUCTION), approval=APPROVAL, qr_ttl=QR_TTL)
    yield node
    assert node.stop() == 0


@pytest.fixture
def node(_calm_node: Node) -> Iterator[Node]:
    """A node on which nothing lapses and nothing is swept while a test runs."""
    yield _calm_node
    _calm_node.close_peers()


@pytest.fixture
def quick(_quick_node: Node) -> Iterator[Node]:
    """A node with short times: to approve, for a link, and to introduce oneself."""
    yield _quick_node
    _quick_node.close_peers()


@pytest.fixture(params=["one_time", "persistent", "temporary"])
def session_type(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def pair(node: Node) -> Pair:
    """A persistent session, the prompt up."""
    return Pair(node)


@pytest.fixture
def approved(pair: Pair) -> Pair:
    return pair.approve()
