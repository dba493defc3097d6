"""What is said about installing is true as long as Proxim is in no package index."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "docs/examples/*", "docs/man/*", "proxim/**/*.py")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.name != "CHANGELOG.md"
)
FROM_AN_INDEX = re.compile(
    r"(?:pip|pipx|npm|uv)\b[^\n`]* (?:install|add|i)\b[^\n`]*?['\" ]proxim(?![\w/.-])"
)
BY_URL = re.compile(r"'proxim(?:\[[a-z,]+\])? @ ")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_installs_proxim_from_a_package_index(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        assert not FROM_AN_INDEX.search(line) or BY_URL.search(line), line


def test_rule_finds_what_it_forbids():
    for line in ("pip install 'proxim[lan]'", "/opt/bin/pip install proxim", "npm install proxim"):
        assert FROM_AN_INDEX.search(line)
    for line in ("pip install '.[lan]'", "npm install ./proxim-0.1.0.tgz", "npm pack ./proxim/web"):
        assert not FROM_AN_INDEX.search(line)


@pytest.mark.needs("make")
def test_make_run_says_what_it_does():
    """By the commands that it would run in a fresh clone: to install would need the net."""
    told = subprocess.run(
        ["make", "--dry-run", "--always-make", "run", "ARGS=--lan"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},  # Without the options of a `make test`.
        check=True,
    ).stdout
    steps = re.findall(r'^echo "(.+)"$', told, re.MULTILINE)
    assert steps == [
        "Making a Python environment in .venv.",
        "Installing Proxim and its libraries into .venv.",
        "The first time, this takes a minute or two.",
        "Starting the node: .venv/bin/proxim serve --lan",
    ]
    assert max(map(len, steps)) <= 80
    assert told.index("python -m pip install") > told.index(steps[0])
    assert told.index("uv sync") > told.index(steps[1])


def test_table_of_extras_is_that_of_the_package():
    page = (ROOT / "docs/howto/install.md").read_text(encoding="utf-8")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = pyproject.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert listed == sorted(re.findall(r"^(\w+) = ", extras, re.MULTILINE))
