import pytest

from tests.embed.helpers import Parlour


@pytest.fixture
def parlour(nursery):
    """Return a node without sockets whose application is the host."""
    return Parlour(nursery)
