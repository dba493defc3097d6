import os
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from proxim.cli import main
from tests.cli.helpers import PROXIM, Program, Terminal


def _environ(home):
    """An environment in which nothing of the real home is found."""
    environ = {name: value for name, value in os.environ.items() if "PROXIM" not in name}
    identity = home / "proxim" / "identity.json"
    path = f"{PROXIM.parent}:{environ['PATH']}"
    return {**environ, "HOME": str(home), "PROXIM_IDENTITY": str(identity), "PATH": path}


@pytest.fixture
def identity(tmp_path):
    """Where a program of this test keeps its identity."""
    return tmp_path / "proxim" / "identity.json"


@pytest.fixture
def environ(tmp_path):
    """The environment of a program that `start` starts."""
    return _environ(tmp_path)


@pytest.fixture
def start(tmp_path):
    """Starts ``proxim`` with pipes, or at a ``terminal``; every one is ended at the end."""
    with ExitStack() as programs:

        def start(*arguments, terminal=False, **environ):
            kind = Terminal if terminal else Program
            return programs.enter_context(kind(arguments, {**_environ(tmp_path), **environ}))

        yield start


@pytest.fixture
def run(tmp_path):
    """Runs a ``proxim`` in this process to its end: what it prints, its errors, its exit code.

    For a command of which neither its signals, nor its input, nor its terminal is the point: to
    start a process takes a hundred times as long.
    """
    cleared = dict.fromkeys(name for name in os.environ if "PROXIM" in name)

    def run(*arguments, **environ):
        environ = {**cleared, **_environ(tmp_path), **environ}
        done = CliRunner().invoke(main, arguments, env=environ, prog_name="proxim")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert "Traceback" not in done.output
        return done.stdout, done.stderr, done.exit_code

    return run


@pytest.fixture
def serve(start):
    """Starts a node with settings of its own, and says where it is."""
    return lambda *settings: start("serve", "--port", "0", *settings).url()


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """Where the node is that all share; each test is another owner to it."""
    environ = _environ(tmp_path_factory.mktemp("node"))
    # A sweep between two commands would drop the ended session that the second asks for.
    with Program(["serve", "--port", "0", "--sweep-interval", "3600"], environ) as node:
        yield node.url()


@pytest.fixture
def host(start, node):
    """A script's host, that approves whoever asks first."""
    return start("host", "--yes", "--json", "--node", node)
