"""Run the tests of the pages and of proxim.js, which are written in JavaScript, in node."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxim.net.pages import join_modules, module_at

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WHOLE_CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
"""The browser that people have."""
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or WHOLE_CHROMIUM
"""The same engine without windows, where it is installed: it takes half of the time."""
FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
IN_FIREFOX = HERE / "firefox.test.js"
IN_WHOLE_CHROMIUM = HERE / "quality.test.js"
WITH_WINDOWS = HERE / "windows.test.js"
CONNECTED = [
    HERE / f"{name}.test.js"
    for name in ("call", "files", "python", "server", "survival", "terminal")
]
IN_CHROMIUM = sorted(
    {*HERE.glob("*.test.js")} - {IN_FIREFOX, IN_WHOLE_CHROMIUM, WITH_WINDOWS, *CONNECTED}
)
TYPESCRIPT = HERE / "node_modules" / "typescript"


def run(*command: str, patience: float = 600, chromium: str = CHROMIUM) -> None:
    environment = os.environ | {
        "PROXIM_PYTHON": sys.executable,
        "CHROMIUM": chromium,
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
    served.write_bytes(module_at(entry))
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
def test_typescript_accepts_right_uses_of_the_sdk_and_refuses_wrong_ones() -> None:
    run("node", "node_modules/typescript/bin/tsc", "-p", "types")


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


@pytest.fixture
def npm_user(tmp_path: Path) -> Path:
    """Return the folder of a package that has installed ours from its archive."""
    run("npm", "pack", "--silent", "--pack-destination", str(tmp_path), str(ROOT / "proxim/web"))
    (archive,) = tmp_path.glob("*.tgz")
    user = tmp_path / "user"
    user.mkdir()
    (user / "package.json").write_text('{"type": "module", "private": true}')
    quiet = ("--silent", "--no-audit", "--no-fund")
    run("npm", "install", *quiet, "--offline", "--prefix", str(user), str(archive))
    return user


@pytest.mark.needs("node", "npm")
@pytest.mark.usefixtures("node")
def test_npm_package_can_be_imported_by_its_name(npm_user: Path) -> None:
    home = npm_user / "node_modules" / "proxim"
    names = {"package.json", "proxim.js", "proxim.d.ts", "sdk", "vendor", "README.md", "LICENSE"}
    assert {path.name for path in home.iterdir()} == names
    assert (home / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    script = npm_user / "user.mjs"
    script.write_text(
        'import { Host, join } from "proxim"; if (!Host || !join) throw new Error("missing");'
        'import "./node_modules/proxim/sdk/seal/index.js";'
    )
    run("node", str(script))


@pytest.mark.full("TypeScript")
@pytest.mark.needs("node", "npm")
@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("resolution", [("nodenext", "nodenext"), ("esnext", "bundler")])
def test_npm_package_has_the_types_that_its_readme_uses(
    npm_user: Path, resolution: tuple[str, str]
) -> None:
    readme = (npm_user / "node_modules/proxim/README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```ts\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert examples[0] in (ROOT / "docs/howto/install.md").read_text(encoding="utf-8")
    for number, example in enumerate(examples):
        (npm_user / f"example{number}.ts").write_text(example)
    # A wrong use has to be an error, or there are no types.
    (npm_user / "wrong.ts").write_text(
        'import { Host } from "proxim";\n'
        '// @ts-expect-error\nnew Host().open({ type: "forever" });\n'
    )
    options = {
        "module": resolution[0],
        "moduleResolution": resolution[1],
        "target": "es2022",
        "lib": ["es2023", "dom", "dom.iterable"],
        "types": [],
        "strict": True,
        "noEmit": True,
    }
    (npm_user / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}))
    run("node", "node_modules/typescript/bin/tsc", "-p", str(npm_user))


@needs_browser("Chromium")
@pytest.mark.parametrize("path", IN_CHROMIUM, ids=lambda path: path.name.removesuffix(".test.js"))
def test_pages_in_chromium(path: Path) -> None:
    run("node", "--test", str(path))


@needs_browser("Chromium", WHOLE_CHROMIUM)
def test_pages_in_the_whole_chromium() -> None:
    run("node", "--test", str(IN_WHOLE_CHROMIUM), chromium=WHOLE_CHROMIUM)


@needs_browser("Firefox", FIREFOX)
def test_guest_page_in_firefox() -> None:
    run("node", "--test", str(IN_FIREFOX))


@needs_browser("Chromium and Xvfb", "Xvfb")
def test_phone_and_a_window_of_python() -> None:
    for name in ("tkinter", "PySide6.QtWidgets"):
        pytest.importorskip(name, exc_type=ImportError)
    run("node", "--test", str(WITH_WINDOWS))
