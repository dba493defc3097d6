"""The wheel, installed and tried out where there is no source."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

#: For the shorter run: one pair from beginning to end, its messages, what an HTTP client sees.
_QUICK = ("test_http.py", "test_close.py", "test_messages.py")


def install(wheel: Path, work: Path) -> Path:
    """A new environment with the wheel, all its extras, and nothing else."""
    environment = work / "environment"
    _uv("venv", "--quiet", "--python", sys.executable, str(environment))
    extras = ",".join(_extras(wheel))
    _pip(environment, f"proxim[{extras}] @ {wheel.as_uri()}" if extras else str(wheel))
    return environment


def _extras(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return re.findall(r"^Provides-Extra: (\S+)", archive.read(name).decode(), re.MULTILINE)


def _pip(environment: Path, *what: str) -> None:
    _uv("pip", "install", "--quiet", "--python", str(environment / "bin" / "python"), *what)


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True, timeout=300)


def run(environment: Path, sdist: Path, work: Path, *, quick: bool) -> None:
    """The end-to-end tests of the archive, against what is installed in ``environment``."""
    place = work / "tried"
    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    source = next(work.glob("proxim-*/"))
    place.mkdir()
    (source / "tests").rename(place / "tests")
    (source / "pyproject.toml").rename(place / "pyproject.toml")
    _pip(environment, *_needs(place / "pyproject.toml"), "pytest-xdist")
    _only_installed(environment, place)
    tests = [f"tests/e2e/{name}" for name in _QUICK] if quick else ["tests/e2e"]
    command = [str(environment / "bin" / "pytest"), "-q", "-n", "4", "--dist", "loadfile"]
    subprocess.run([*command, "-p", "no:cacheprovider", *tests], cwd=place, check=True, timeout=600)


def _only_installed(environment: Path, place: Path) -> None:
    found = subprocess.run(
        [environment / "bin" / "python", "-c", "import proxim; print(proxim.__file__)"],
        cwd=place,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(environment), found.stdout


def _needs(pyproject: Path) -> list[str]:
    """Return the packages that drive and check the end-to-end tests, of the group of the tests."""
    groups = tomllib.loads(pyproject.read_text(encoding="utf-8"))["dependency-groups"]
    needs = ("pytest", "websockets", "hypothesis", "jsonschema")
    return [each for each in groups["test"] if each.startswith(needs)]
