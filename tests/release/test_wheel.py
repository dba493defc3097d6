"""The wheel as a user installs it, without the source; and what errors then say to install."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.release.build import build_wheel

ROOT = Path(__file__).parent.parent.parent
USER = """
import trio
import proxim

async def main() -> None:
    async with proxim.open_host("http://127.0.0.1:8765", uuid="desk") as host:
        session = await host.create("one_time", join_url="https://app.example/pair")
        link: str | None = session.link
        await session.renew(joinurl=1)

trio.run(main)
"""


class Installed:
    """A virtual environment that has only the wheel."""

    def __init__(self, folder: Path) -> None:
        self.wheel = build_wheel(ROOT, folder / "dist")
        self.python = folder / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        self._folder = folder
        self.run(f"pip install --quiet {self.wheel}")

    def run(self, command: str, *, code: int = 0) -> str:
        """Run a line in a shell that has the environment's programs, away from the source."""
        kept = ("PIP_", "UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy", "REQUESTS_")
        environ = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        environ |= {
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "HOME": str(self._folder),
            "COLUMNS": "1000",
        }
        done = subprocess.run(
            command,
            shell=True,
            cwd=self._folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("wheel"))


@pytest.mark.release("pip")
def test_error_of_a_missing_extra_names_a_command_that_works(installed: Installed) -> None:
    told = " ".join(installed.run("proxim nodes --wait 0.1", code=2).split())
    (command,) = re.findall(r"needs the extra lan: .*(pip install '[^']+')", told)
    assert f"{installed.wheel.as_uri()}'" in command
    installed.run(command)
    installed.run("proxim nodes --wait 0.1")


@pytest.mark.release("pip")
def test_wheel_has_types(installed: Installed) -> None:
    script = installed.python.parent / "user.py"
    script.write_text(USER)
    mypy = [Path(sys.executable).with_name("mypy"), "--strict", "--cache-dir", os.devnull]
    done = subprocess.run(
        [*mypy, "--python-executable", installed.python, script],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=600,
    )
    (error, *_) = done.stdout.splitlines()
    assert 'Unexpected keyword argument "joinurl"' in error, done.stdout + done.stderr
    assert "Found 1 error" in done.stdout, done.stdout


@pytest.mark.release("pip")
def test_wheel_has_the_pages_and_its_version(installed: Installed) -> None:
    version = installed.wheel.name.split("-")[1]
    assert installed.run("proxim --version").startswith(f"proxim {version} ")
    look = "import proxim.net.pages as p; print(len(p.answer.__module__), sorted(p.paths())[:2])"
    assert "/join" in installed.run(f'python -c "{look}"')
