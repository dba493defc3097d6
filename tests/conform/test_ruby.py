"""The guest in Ruby of docs/examples passes, and judges names and links as the vectors do."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxim.cli import main

ROOT = Path(__file__).parent.parent.parent
GUEST = ROOT / "docs" / "examples" / "conform_guest.rb"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "seal-1.json").read_text(encoding="utf-8"))
UNTESTED = "\u200c\u200d\ufe0e\ufe0f"
"""Characters that are allowed in a name in some places, for which Ruby has no tables."""

pytestmark = [pytest.mark.full("a client in Ruby"), pytest.mark.needs("ruby")]


def ruby(*arguments, text=""):
    """Return the output of Ruby, a JSON value for each line."""
    command = [shutil.which("ruby"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=True)
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def evaluated(values, program):
    """Return what a program in Ruby makes of each of the values as ``value``."""
    mapped = f"puts JSON.parse(ARGV[0]).map {{ |value| {program} }}.to_json"
    return ruby("-r", str(GUEST), "-e", mapped, json.dumps(values))[0]


def test_guest_passes_every_required_case():
    options = ["--patience", "240", "--json"]
    done = CliRunner().invoke(main, ["conform", "guest", *options, "--", "ruby", str(GUEST)])
    cases = json.loads(done.stdout)["cases"]
    failed = {case["id"]: case["why"] for case in cases if case["outcome"] == "failed"}
    assert done.exit_code == 0, failed
    assert [case["id"] for case in cases if case["outcome"] == "skipped"] == []


def test_guest_has_fewer_than_300_lines():
    assert len(GUEST.read_text(encoding="utf-8").splitlines()) < 300


def test_names_are_judged_as_in_the_vectors_where_ruby_has_tables():
    names = [name for name in VECTORS["names"]["refused"] if not set(name) & set(UNTESTED)]
    assert set(evaluated(VECTORS["names"]["allowed"], "Sealing.name?(value)")) == {True}
    assert set(evaluated(names, "Sealing.name?(value)")) == {False}


def test_sealed_links_are_judged_as_in_the_vectors():
    parts = "_, *parts = *Guest::LINK.match(value.strip)&.captures"
    judged = f"{parts}; parts.size == 3 && Sealing.opens? {{ Seal.new(*parts) }}"
    assert set(evaluated(VECTORS["links"]["sealed"], judged)) == {True}
    # The one of two parts is plain, and asks a node.
    links = [link for link in VECTORS["links"]["refused"] if link.partition("#")[2].count(".") > 1]
    assert set(evaluated(links, judged)) == {False}
    orders = [json.dumps({"do": "pair", "link": link, "name": "Ruby"}) for link in links]
    told = ruby(str(GUEST), text="\n".join(orders))
    assert told == [{"told": "error", "code": "invalid_link"}] * len(links)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '"\\ud83d\\u0041"', '"\\x"', "[1]//", "/**/1", "NaN", "01", "[1,]", "[1"]
)
def test_text_that_is_not_json_is_refused(text):
    assert evaluated([text], "Strict.parse(value) && false rescue $!.class") == ["Strict::Fault"]


@pytest.mark.parametrize("text", ["1.10", "1e400", '"\u2028\\u0000"', '{"a":[null,-1.5]}'])
def test_json_is_passed_on_as_it_is(text):
    (passed,) = evaluated([text], "Strict.parse(value).to_json")
    assert passed == text
