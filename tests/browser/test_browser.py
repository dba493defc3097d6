"""The tests of the pages and of proxim.js: they are written in JavaScript and run by node."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
IN_FIREFOX = HERE / "firefox.test.js"
IN_CHROMIUM = sorted({*HERE.glob("*.test.js")} - {IN_FIREFOX})


@functools.cache
def missing() -> str:
    """What of the tools is not here, or nothing."""
    if shutil.which("node") is None:
        return "node is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    if int(re.search(r"\d+", version)[0]) < 20:
        return f"node is {version.strip()}, and 20 or later is needed"
    if not (HERE / "node_modules" / "typescript").is_dir():
        return "the npm packages are not installed: run `make browser-tools`"
    return ""


@functools.cache
def missing_for_pages() -> str:
    if not Path(CHROMIUM).exists():
        return f"there is no {CHROMIUM}: install chromium"
    if shutil.which("zbarimg") is None:
        return "zbarimg is not installed: it reads the QR codes (zbar-tools)"
    return missing()


def run(*command: str, patience: float = 60) -> None:
    environment = os.environ | {
        "PROXIM_PYTHON": sys.executable,
        "CHROMIUM": CHROMIUM,
        "FIREFOX": FIREFOX,
    }
    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=patience
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture
def tools() -> None:
    if missing():
        pytest.skip(missing())


@pytest.fixture
def chromium() -> None:
    if missing_for_pages():
        pytest.skip(missing_for_pages())


def test_the_sdk_with_a_fake_socket_and_clock(tools: None) -> None:
    files = sorted(str(path) for path in (HERE / "unit").glob("*.test.js"))
    assert files
    run("node", "--test", *files)


def test_the_sdk_is_typed_and_what_is_made_of_it_is_current(tools: None) -> None:
    run("node", str(ROOT / "docs" / "proxim_js.mjs"), "--check")


def test_the_pages_are_typed(tools: None) -> None:
    run("node", "node_modules/typescript/bin/tsc", "-p", str(ROOT / "proxim" / "web"))


def test_the_package_for_npm_can_be_imported_by_its_name(tools: None, tmp_path: Path) -> None:
    run("npm", "pack", "--silent", "--pack-destination", str(tmp_path), str(ROOT / "proxim/web"))
    (archive,) = tmp_path.glob("*.tgz")
    home = tmp_path / "node_modules" / "proxim"
    shutil.unpack_archive(archive, tmp_path)
    home.parent.mkdir()
    (tmp_path / "package").rename(home)
    assert {path.name for path in home.iterdir()} == {"package.json", "proxim.js", "proxim.d.ts"}
    script = tmp_path / "user.mjs"
    script.write_text(
        'import { Host, join } from "proxim"; if (!Host || !join) throw new Error("missing");'
    )
    run("node", str(script))


@pytest.mark.full("Chromium")
@pytest.mark.parametrize("path", IN_CHROMIUM, ids=lambda path: path.name.removesuffix(".test.js"))
def test_the_pages_in_chromium(chromium: None, path: Path) -> None:
    run("node", "--test", str(path), patience=300)


@pytest.mark.full("Firefox")
def test_a_guest_page_in_firefox(chromium: None) -> None:
    if not Path(FIREFOX).exists():
        pytest.skip(f"there is no {FIREFOX}: install firefox-esr")
    run("node", "--test", str(IN_FIREFOX), patience=120)
