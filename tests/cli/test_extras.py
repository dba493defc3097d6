"""Commands that need more libraries than the package does."""

import subprocess
import sys

import pytest

from proxim.extras import how_to_install

KEY = "k" * 32
COMMANDS = [
    ("coredis", "cluster", ("cluster", "status", "--cluster", "redis://127.0.0.1:1")),
    ("coredis", "cluster", ("serve", "--cluster", "redis://127.0.0.1:1", "--cluster-key", KEY)),
    ("coredis", "cluster", ("doctor", "--port", "0", "--cluster", "redis://127.0.0.1:1")),
    ("cryptography", "cluster", ("serve", "--cluster", "redis://127.0.0.1", "--cluster-key", KEY)),
    ("cryptography", "store", ("serve", "--store", "sqlite:///nowhere/a", "--store-key", KEY)),
    ("zeroconf", "lan", ("nodes", "--wait", "0.1")),
    ("zeroconf", "lan", ("serve", "--port", "0", "--announce", "Desk")),
    ("opentelemetry", "otel", ("serve", "--port", "0", "--traces")),
]


@pytest.mark.parametrize(
    ("missing", "extra", "command"), COMMANDS, ids=lambda each: " ".join(each[:2])
)
def test_command_without_its_extra_says_what_to_install(missing, extra, command):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"from proxim.cli import main; main({list(command)!r}, prog_name='proxim')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    shown = " ".join(said.split())
    assert "Traceback" not in said
    assert done.returncode == (1 if command[0] == "doctor" else 2)
    # The doctor's table breaks lines.
    assert "".join(how_to_install(extra).split()) in "".join(shown.split())
