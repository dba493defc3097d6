"""The documentation is part of the product: generated parts are current, examples run."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from proxim.cli import main
from proxim.protocol import codec
from proxim.settings import SETTINGS

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_generated_parts_are_what_the_code_says():
    check = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"run `make docs`:\n{done.stdout}{done.stderr}"


@pytest.mark.needs("mandoc")
def test_the_manual_page_is_one(tmp_path):
    page = ROOT / "docs" / "man" / "proxim.1"
    lint = ["mandoc", "-T", "lint", "-W", "warning", page]
    done = subprocess.run(lint, capture_output=True, text=True, timeout=60)
    # It has no date: it would be another whenever it is made.
    wrong = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert wrong == []
    show = ["mandoc", "-T", "ascii", page]
    shown = re.sub(".\b", "", subprocess.run(show, capture_output=True, text=True).stdout)
    for name in ("proxim serve [OPTIONS]", "--approval-timeout SECONDS", "proxim config schema"):
        assert name in shown


def test_the_program_of_the_tutorial_prints_what_the_tutorial_says(node_process, tmp_path):
    (program,) = blocks("docs/tutorial.md", "python")
    (printed,) = blocks("docs/tutorial.md", "text")
    script = tmp_path / "tutorial.py"
    script.write_text(program.replace("http://127.0.0.1:8765", node_process))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (printed, "")


def test_the_config_file_of_the_reference_is_accepted():
    (example,) = blocks("docs/reference/settings.md", "toml")
    assert tomllib.loads(example).keys() <= {setting.name for setting in SETTINGS}


def test_the_session_object_of_the_protocol_page_is_one():
    (example,) = blocks("docs/reference/protocol.md", "json")
    frame = b'{"type": "sessions", "sessions": [' + example.encode() + b"]}"
    (session,) = codec.decode_node(frame).sessions
    assert msgspec.to_builtins(session).keys() == msgspec.json.decode(example).keys()


def test_every_command_that_the_pages_name_exists():
    known = set(main.list_commands(None))
    for page in PAGES:
        for name in re.findall(r"(?:^|[/ `])proxim ([a-z]+)", page.read_text(encoding="utf-8")):
            assert name in known, f"{page}: there is no `proxim {name}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_the_pages_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_rule_about_neighbours_has_its_test():
    page = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
    section = page.partition("## What a neighbour may do")[2].partition("\n## ")[0]
    lines = re.split(r"\n- ", section)[1:]
    tests = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    assert lines
    for line in lines:
        rules = re.findall(r"\*([^*]+)\*", line.replace("**", ""))
        assert rules, f"nothing shows this: {line}"
        for rule in rules:
            name = "_".join(rule.replace("’", "").split())
            assert f"def test_{name}(" in tests, rule


@pytest.mark.parametrize(
    "name", ["explanation/security.md", "reference/protocol.md", "reference/sealing.md"]
)
def test_every_test_that_a_table_names_exists(name):
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    tables = re.findall(
        r"^\|[^\n]*\| shown by \|\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)", page, re.MULTILINE
    )
    assert tables
    for row in "".join(tables).splitlines():
        named = re.findall(r"`(tests/\S+?\.py)::(\w+)`", row)
        assert named, f"nothing shows this: {row}"
        for path, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE), (
                test
            )
