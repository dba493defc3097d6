"""The image of docs/deploy: linted, and its steps done one by one where there is no Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.deploy.proxies import DEPLOY, PATIENCE
from tests.ports import reserved_port

ROOT = DEPLOY.parent.parent
PLACES = ("/src", "/opt/proxim", "/var/lib/proxim")
NOT_ROOT = 10001


@pytest.mark.full("hadolint")
def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


def instructions():
    """What the Dockerfile says, in order, as pairs of an instruction and its argument."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines() if line]


class Engine:
    """Does what a Dockerfile says, in a folder that stands for the root of every stage.

    The base image is a fresh virtual environment. Images, layers and isolation are left out: paths
    are those of this machine, and the steps are run by whoever runs the tests.
    """

    def __init__(self, root):
        self.root = root
        self.said = {}
        subprocess.run([sys.executable, "-m", "venv", root / "base"], check=True)
        self._begin("")

    def build(self):
        for name, argument in instructions():
            self.said[name] = argument
            # What a later instruction only declares is looked at by the test.
            getattr(self, f"_do_{name.lower()}", lambda _: None)(self._placed(argument))

    def _begin(self, _image):
        self.folder = self.root
        base = f"{self.root}/base/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environ = {"PATH": base, "HOME": str(self.root)}
        # How this machine reaches its package registry is no matter of the image.
        kept = ("PIP_", "UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy", "REQUESTS_")
        self.environ |= {name: value for name, value in os.environ.items() if name.startswith(kept)}

    def _placed(self, text):
        """The text with places of the image as those of this machine."""
        return re.sub(rf"(?<![\w.])({'|'.join(PLACES)})\b", rf"{self.root}\1", text)

    _do_from = _begin

    def _do_workdir(self, argument):
        self.folder = Path(argument)
        self.folder.mkdir(parents=True)

    def _do_copy(self, argument):
        if argument.startswith("--from="):
            stage, source, target = shlex.split(argument)
            # All stages are one folder here, and scripts name the interpreter beside them.
            assert source == target
            assert Path(source).exists(), f"{stage} has made no {source}"
            return
        *sources, target = shlex.split(argument)
        for source in sources:
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            into = self.folder / target
            copy(ROOT / source, into / source if target == "./" else into)

    def _do_env(self, argument):
        for name, value in re.findall(r"(\w+)=(\S+)", argument):
            self.environ[name] = re.sub(r"\$\{(\w+)\}", self._value, value)

    def _value(self, variable):
        return {"VERSION": "", **self.environ}[variable[1]]

    def _do_run(self, argument):
        if os.geteuid() != 0:
            # Only root gives a folder away; whoever is not root owns it already.
            argument = argument.replace(f"-o {NOT_ROOT} -g {NOT_ROOT}", "")
        subprocess.run(argument, shell=True, cwd=self.folder, env=self.environ, check=True)

    def start(self, **environ):
        """What a container of the image runs, by the user that it names."""
        command = [*json.loads(self.said["ENTRYPOINT"]), *json.loads(self.said["CMD"])]
        return self._spawn(command, environ, stdout=subprocess.PIPE, text=True)

    def is_healthy(self, **environ):
        """What the health check says, in the container's environment."""
        command = json.loads(self.said["HEALTHCHECK"].partition("CMD ")[2])
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return self._spawn(command, environ, **quiet).wait(PATIENCE) == 0

    def _spawn(self, command, environ, **options):
        user, group = map(int, self.said["USER"].split(":"))
        ids = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
        environ = {**self.environ, **environ}
        program = shutil.which(command[0], path=environ["PATH"])
        return subprocess.Popen([program, *command[1:]], env=environ, **ids, **options)


@pytest.fixture
def engine():
    # Not below what pytest makes: that is closed to others than who runs the tests.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Engine(Path(folder))


@pytest.fixture
def port():
    with reserved_port() as port:
        yield port


@pytest.mark.release("pip")
def test_its_steps_make_a_node_that_is_not_root_and_healthy(engine, port):
    engine.build()
    told = {"PROXIM_PORT": str(port)}
    assert engine.environ["PROXIM_HOST"] == "0.0.0.0"
    assert not engine.is_healthy(**told)
    with engine.start(**told) as node:
        try:
            assert "Proxim" in node.stdout.readline()
            owner = Path(f"/proc/{node.pid}").stat().st_uid
            assert owner == (NOT_ROOT if os.geteuid() == 0 else os.geteuid())
            assert engine.is_healthy(**told)
            node.terminate()
            assert node.wait(PATIENCE) == 0
        finally:
            node.kill()
    (packages,) = (engine.root / "opt/proxim/lib").glob("python3*/site-packages")
    assert (packages / "proxim/web/pages/host.html").is_file()
    assert not list(packages.glob("pytest*"))
