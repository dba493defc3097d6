"""An application with a node in it as one file, made as docs/howto/embed.md says."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_docs import ROOT, blocks
from tests.docs.test_examples import hear, joining, running, say

BUILD_TIME = 1800
PATIENCE = 60


def make(tool, folder):
    """Do what the page says about the tool, in a folder.

    The program is the one that asks in a terminal; that a window opens is shown elsewhere.
    """
    (block,) = [each for each in blocks("docs/howto/embed.md", "sh") if tool in each]
    commands = re.sub(r" \.$", f" '{ROOT}'", block, flags=re.MULTILINE)
    commands = commands.replace("docs/", f"{ROOT}/docs/").replace("tk_host.py", "trio_host.py")
    commands = commands.replace("python pair.pyz\n", "")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=BUILD_TIME,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def assert_pairs(*command):
    """The program lets a guest in who is approved, and ends with the session."""
    with running(*command) as host, joining(hear(host, r"http://\S+")) as guest:
        hear(host, "Let 'My phone' in")
        say(host, "y")
        hear(guest, "approved")
        say(guest, "/close")
        _, errors = host.communicate(timeout=PATIENCE)
        assert (host.returncode, errors) == (0, "")


@pytest.mark.release("pip")
def test_an_archive_runs_on_a_python_without_proxim(tmp_path):
    make("zipapp", tmp_path)
    # Isolated, and without site-packages: what it needs is in it.
    assert_pairs(sys.executable, "-I", "-S", tmp_path / "pair.pyz")
    assert len(list(tmp_path.iterdir())) == 2, "nothing is left beside it"


@pytest.mark.release("PyInstaller")
def test_an_executable_runs_without_python(tmp_path):
    if importlib.util.find_spec("PyInstaller") is None:
        pytest.skip("PyInstaller is not installed")
    (tmp_path / "trio_host.py").write_bytes((ROOT / "docs/examples/trio_host.py").read_bytes())
    make("pyinstaller", tmp_path)
    assert_pairs(tmp_path / "dist" / "trio_host")
