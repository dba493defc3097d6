"""The imports of the package, checked against the table of rooms in the architecture page."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "proxim"
_ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_NAME = re.compile(r"`(\w+)`")


def rooms():
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    return {
        room: (set(_NAME.findall(ours)) | {room}, set(_NAME.findall(theirs)))
        for room, ours, theirs in _ROW.findall(page)
    }


def room_of(path):
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written from the root"
            assert node.module is not None
            if node.module == "proxim":
                yield from (f"proxim.{alias.name}" for alias in node.names)
            else:
                yield node.module


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py" and path.parent != PACKAGE
) + sorted(path for path in PACKAGE.glob("*.py") if not path.name.startswith("_"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_room_imports_only_what_the_table_allows(path):
    ours, theirs = rooms()[room_of(path)]
    for module in imports(path):
        top, _, rest = module.partition(".")
        if top == "proxim":
            target = rest.partition(".")[0]
            assert target in ours, f"{path} may not import {module}"
        elif top not in sys.stdlib_module_names:
            assert top in theirs, f"{path} may not import {module}"


@pytest.mark.parametrize("room", sorted(rooms()))
def test_table_allows_no_import_that_the_room_does_not_need(room):
    allowed = set().union(*rooms()[room]) - {room}
    used = set()
    for path in (each for each in FILES if room_of(each) == room):
        for module in imports(path):
            top, _, rest = module.partition(".")
            used.add(rest.partition(".")[0] if top == "proxim" else top)
    assert allowed <= used, f"{room} does not import {sorted(allowed - used)}"


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in FILES} == set(rooms())


PURE = [path for room in ("protocol", "session") for path in sorted((PACKAGE / room).glob("*.py"))]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_protocol_and_session_are_pure(path):
    impure = {"time", "random", "secrets", "os", "socket", "logging", "threading", "asyncio"}
    assert impure.isdisjoint(module.partition(".")[0] for module in imports(path))


TABLES = {
    "session/session.py",
    "protocol/messages.py",
    "settings/fields.py",
    "web/pages/text.js",
}


@pytest.mark.parametrize(
    "path",
    [*FILES, *PACKAGE.glob("web/**/*.js")],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_file_is_too_long(path):
    is_table = str(path.relative_to(PACKAGE).as_posix()) in TABLES
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (420 if is_table else 350)
