"""What the tests of several rooms share."""

import re
import subprocess
import sys

import pytest


@pytest.fixture
def node_process():
    """The address of a real ``proxim serve``."""
    command = [sys.executable, "-m", "proxim", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait(timeout=15)
        process.stdout.close()
