import pytest

from proxim.files import open_offers
from tests.files import pair


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "received"


@pytest.fixture
def photo(tmp_path):
    """A file of more than one read, and more than one write."""
    path = tmp_path / "holiday.jpg"
    path.write_bytes(bytes(range(256)) * 5000)
    return path


@pytest.fixture
def sides():
    """The channels of the sender and the receiver."""
    return pair.channels()


@pytest.fixture
async def offers(sides):
    async with open_offers(sides[1]) as offers:
        yield offers


@pytest.fixture
def listed(folder):
    """The names in the receiver's folder."""
    return lambda: sorted(each.name for each in folder.iterdir()) if folder.exists() else []
