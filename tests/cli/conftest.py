import os
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from proxim.cli import main
from tests.cli.helpers import PROXIM, Program, Terminal

_OF_THE_TESTS = {"COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
"""What no program gets from the tests.

Readline sets the size of a window for the workers of pytest, and a program believes it more than
its terminal. Without bytecode a program takes twice as long to start. With unbuffered output no
test would find a line that waits in a buffer.
"""

_programs = pytest.StashKey[list]()


def _inherited():
    return {
        name: value
        for name, value in os.environ.items()
        if "PROXIM" not in name and name not in _OF_THE_TESTS
    }


def _environ(home):
    """Return an environment without the files of the real home."""
    environ = _inherited()
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the programs of a failed test said, whichever of them it waited for."""
    report = yield
    if report.failed:
        for program in item.stash.get(_programs, []):
            report.sections.append((" ".join(program.process.args[1:]), program.said()))
    return report


@pytest.fixture
def anew():
    """Whether the programs of these tests start from nothing, which takes a hundred times as long.

    The other tests fork them from a process that has imported them.
    """
    return False


@pytest.fixture
def start(tmp_path, request, anew):
    """Starts ``proxim`` with pipes, or at a ``terminal``; ends each after the test."""
    started = request.node.stash[_programs] = []
    with ExitStack() as programs:

        def start(*arguments, terminal=False, size=None, anew=anew, **environ):
            environ = {**_environ(tmp_path), **environ}
            if size is not None:
                program = Terminal(arguments, environ, size, anew=anew)
            else:
                program = (Terminal if terminal else Program)(arguments, environ, anew=anew)
            started.append(program)
            return programs.enter_context(program)

        yield start


@pytest.fixture
def run(tmp_path):
    """Runs ``proxim`` in this process, and returns its output, its errors and its exit code.

    For tests that need neither signals, nor input, nor a terminal: starting a process takes a
    hundred times as long.
    """
    cleared = dict.fromkeys(os.environ.keys() - _inherited().keys())

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


@pytest.fixture
def without_aiortc(tmp_path):
    """The environment of a program that cannot import aiortc."""
    path = tmp_path / "path"
    path.mkdir()
    before = os.environ.get("PYTHONPATH")
    script = "import sys; sys.modules['aiortc'] = None\n"
    if before:
        # That of the tests as if on another system.
        script = f"import sys; sys.path.insert(0, {before!r})\n{script}"
        script += "del sys.modules['sitecustomize']; sys.path.remove(__file__.rpartition('/')[0])\n"
        script += "import sitecustomize\n"
    (path / "sitecustomize.py").write_text(script)
    return {"PYTHONPATH": os.pathsep.join([str(path), *filter(None, [before])])}
