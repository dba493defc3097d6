"""Run the tests of the pages and of proxim.js, which are written in JavaScript, in node."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxim.net.pages import join_modules

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
IN_FIREFOX = HERE / "firefox.test.js"
IN_CHROMIUM = sorted({*HERE.glob("*.test.js")} - {IN_FIREFOX})
TYPESCRIPT = HERE / "node_modules" / "typescript"


def run(*command: str, patience: float = 600) -> None:
    environment = os.environ | {
        "PROXIM_PYTHON": sys.executable,
        "CHROMIUM": CHROMIUM,
        "FIREFOX": FIREFOX,
    }
    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=patience
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def node() -> None:
    _skip_with_an_old_node()


@pytest.fixture(scope="module")
def packages() -> None:
    _skip_with_an_old_node()
    if not TYPESCRIPT.is_dir():
        pytest.skip("the npm packages are not installed: run `make browser-tools`")


def _skip_with_an_old_node() -> None:
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    if int(re.search(r"\d+", version)[0]) < 20:
        pytest.skip(f"node is {version.strip()}, and 20 or later is needed")


def needs_browser(reason: str, *paths: str):
    """Mark a test that needs Chromium, a reader of QR codes, and other programs."""
    full, needs = pytest.mark.full(reason), pytest.mark.needs("node", "zbarimg", CHROMIUM, *paths)
    return lambda test: pytest.mark.usefixtures("packages")(full(needs(test)))


@pytest.mark.needs("node")
@pytest.mark.usefixtures("node")
def test_sdk_passes_its_unit_tests() -> None:
    files = sorted(str(path) for path in (HERE / "unit").glob("*.test.js"))
    assert files
    run("node", "--test", *files)


@pytest.mark.needs("node")
@pytest.mark.usefixtures("node")
def test_served_module_exports_the_same_names_as_the_entry(tmp_path: Path) -> None:
    entry = ROOT / "proxim" / "web" / "proxim.js"
    served = tmp_path / "served.mjs"
    served.write_bytes(join_modules(entry))
    script = tmp_path / "compare.mjs"
    script.write_text(
        f"import * as served from {json.dumps(served.as_uri())};"
        f"import * as entry from {json.dumps(entry.as_uri())};"
        'import assert from "node:assert";'
        "assert.deepEqual(Object.keys(served), Object.keys(entry));"
    )
    run("node", str(script))


def test_first_load_has_no_code_of_sealed_sessions() -> None:
    seal = ROOT / "proxim" / "web" / "sdk" / "seal"
    label = "proxim seal 1"
    assert label in (seal / "encoding.js").read_text(encoding="utf-8")
    served = join_modules(ROOT / "proxim" / "web" / "proxim.js").decode()
    assert label not in served
    assert "vendor/" not in served


@pytest.mark.full("TypeScript")
@pytest.mark.needs("node")
@pytest.mark.usefixtures("packages")
def test_sdk_is_typed_and_generated_files_are_current() -> None:
    run("node", str(ROOT / "docs" / "proxim_js.mjs"), "--check")


@pytest.mark.full("TypeScript")
@pytest.mark.needs("node")
@pytest.mark.usefixtures("packages")
def test_pages_are_typed() -> None:
    run("node", "node_modules/typescript/bin/tsc", "-p", str(ROOT / "proxim" / "web"))


@pytest.mark.full("esbuild")
@pytest.mark.needs("node")
@pytest.mark.usefixtures("packages")
def test_vendored_library_and_its_licences_are_current() -> None:
    run("node", "vendor.js", "--check")


@pytest.mark.needs("node", "npm")
@pytest.mark.usefixtures("node")
def test_npm_package_can_be_imported_by_its_name(tmp_path: Path) -> None:
    run("npm", "pack", "--silent", "--pack-destination", str(tmp_path), str(ROOT / "proxim/web"))
    (archive,) = tmp_path.glob("*.tgz")
    home = tmp_path / "node_modules" / "proxim"
    shutil.unpack_archive(archive, tmp_path)
    home.parent.mkdir()
    (tmp_path / "package").rename(home)
    names = {"package.json", "proxim.js", "proxim.d.ts", "sdk", "vendor"}
    assert {path.name for path in home.iterdir()} == names
    script = tmp_path / "user.mjs"
    script.write_text(
        'import { Host, join } from "proxim"; if (!Host || !join) throw new Error("missing");'
        'import "./node_modules/proxim/sdk/seal/index.js";'
    )
    run("node", str(script))


@needs_browser("Chromium")
@pytest.mark.parametrize("path", IN_CHROMIUM, ids=lambda path: path.name.removesuffix(".test.js"))
def test_pages_in_chromium(path: Path) -> None:
    run("node", "--test", str(path))


@needs_browser("Firefox", FIREFOX)
def test_guest_page_in_firefox() -> None:
    run("node", "--test", str(IN_FIREFOX))
