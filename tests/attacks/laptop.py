"""A node on a machine that can sleep: a real process, whose clocks `clocks.c` changes."""

import atexit
import functools
import mmap
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "clocks.c"

EMBEDDED = """
import trio
from proxim import Node

async def main():
    async with Node(port=0, sweep_interval=3600) as node:
        print(f"is at {node.url}", flush=True)
        await node.wait_stopping()

trio.run(main)
"""
"""An application with a node in an event loop of its own."""


class Clocks:
    """The clocks of a process that is started with ``environ``."""

    def __init__(self, folder):
        self._path = folder / "clocks"
        self._path.write_bytes(bytes(16))
        with self._path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")
        self.environ = {"LD_PRELOAD": str(_library()), "CLOCKS": str(self._path)}

    def sleep(self, seconds):
        """Let the machine sleep, and be awake again."""
        self._numbers[0] += seconds

    def set_wall_clock(self, seconds):
        self._numbers[1] += seconds


@functools.cache
def _library():
    """Return the path of the compiled clocks."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    library = Path(folder) / "clocks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    return library


needs_sleep = [
    pytest.mark.needs("cc"),
    pytest.mark.not_on("win32", "darwin", reason="only the clocks of Linux can be replaced here"),
]

APPLICATION = [sys.executable, "-c", EMBEDDED]
