import os
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from proxim.cli import main
from tests.cli.helpers import PROXIM, Program, Terminal


def _environ(home):
    """Return an environment without the files of the real home."""
    environ = {name: value for name, value in os.environ.items() if "PROXIM" not in name}
    identity = home / "proxim" / "identity.json"
    path = f"{PROXIM.parent}:{environ['PATH']}"
    return {**environ, "HOME": str(home), "PROXIM_IDENTITY": str(identity), "PATH": path}


@pytest.fixture
def identity(tmp_path):
    """The identity file of this test's programs."""
    return tmp_path / "proxim" / "identity.json"


@pytest.fixture
def environ(tmp_path):
    """The environment of a program that `start` starts."""
    return _environ(tmp_path)


@pytest.fixture
def start(tmp_path):
    """Starts ``proxim`` with pipes, or at a ``terminal``; ends each after the test."""
    with ExitStack() as programs:

        def start(*arguments, terminal=False, size=None, **environ):
            environ = {**_environ(tmp_path), **environ}
            if size is not None:
                return programs.enter_context(Terminal(arguments, environ, size))
            kind = Terminal if terminal else Program
            return programs.enter_context(kind(arguments, environ))

        yield start


@pytest.fixture
def run(tmp_path):
    """Runs ``proxim`` in this process, and returns its output, its errors and its exit code.

    For tests that need neither signals, nor input, nor a terminal: starting a process takes a
    hundred times as long.
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
    """Starts a node with these settings, and returns its URL."""
    return lambda *settings: start("serve", "--port", "0", *settings).url()


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """The URL of a node that all tests share; each test is another owner."""
    environ = _environ(tmp_path_factory.mktemp("node"))
    # A sweep between two commands would remove the ended session that the second needs.
    with Program(["serve", "--port", "0", "--sweep-interval", "3600"], environ) as node:
        yield node.url()


@pytest.fixture
def host(start, node):
    """A host in a script that approves the first guest."""
    return start("host", "--yes", "--json", "--node", node)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(os.urandom(300_000))
    return path


@pytest.fixture
def film(tmp_path):
    """A file that takes a while to cross."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(8_000_000))
    return path
