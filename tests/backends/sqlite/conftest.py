import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.backends.sqlite.backend import SqliteBackend
from proxim.backends.sqlite.cipher import RowCipher
from proxim.backends.sqlite.file import StoreFile
from tests.actors.helpers import Client, Node

KEY = "k" * 32
PATIENCE = 60.0


async def until(condition):
    """Wait until a thread makes the condition true."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - there is no event
            await trio.sleep(0.002)


class Disk(StoreFile):
    """The file of a store, on a disk that fails with ``trouble``, or waits for ``gate``."""

    def __init__(self, path):
        super().__init__(path)
        self.trouble = self.gate = None
        self.writes = []

    def write(self, changes):
        if self.gate is not None:
            self.gate.wait(PATIENCE)
        if self.trouble is not None:
            raise self.trouble
        self.writes.append(len(changes))
        super().write(changes)


class Patient(Client):
    """A client that waits for each reply, since a thread writes to the disk."""

    patience = PATIENCE

    async def asks(self, message):
        before = len(self.told)
        await self.sends(message)
        await until(lambda: len(self.told) > before)
        await wait_all_tasks_blocked(0.005)
        return self.told[-1]


class StoringNode(Node):
    def connect(self, address=None):
        return Patient(self.router, address)


class Life:
    """One run of a node with a store, from its start until it is stopped or killed."""

    def __init__(self, path, key=KEY, write_timeout=PATIENCE):
        self.disk = Disk(path)
        self.node = StoringNode(
            make_backend=lambda supervisor: SqliteBackend(
                supervisor, self.disk, RowCipher(key), write_timeout=write_timeout, retry_delay=0.1
            )
        )
        self.backend = self.node.supervisor.backend
        self._ended = trio.Event()

    async def run(self, *, task_status):
        async with self.backend.opened(), trio.open_nursery() as self._nursery:
            await self._nursery.start(self.node.supervisor.run)
            await self._nursery.start(self.backend.run)
            task_status.started(self)
        self._ended.set()

    async def stop(self):
        await self.node.supervisor.drain()
        self._nursery.cancel_scope.cancel()
        await self._ended.wait()

    async def die(self):
        """End as by ``kill -9``: unwritten changes are lost."""
        self.disk.close()
        self.disk.write = lambda changes: None
        self._nursery.cancel_scope.cancel()
        await self._ended.wait()


@pytest.fixture
def live(tmp_path, nursery):
    """Start a node on the store of this test."""

    async def live(**options):
        return await nursery.start(Life(str(tmp_path / "sessions.db"), **options).run)

    return live
