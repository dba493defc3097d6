"""The guest in Java of docs/examples passes, and its sealing is right by the vectors."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxim.cli import main
from proxim.conform.case import Role
from proxim.conform.run import CASES

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "seal-1.json").read_text(encoding="utf-8"))
CLOSED = "does not open"
SEALED = [case.id for case in CASES[Role.GUEST] if "seal" in case.features]
PLAIN = [case.id for case in CASES[Role.GUEST] if "seal" not in case.features]
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Starts in half of the time, for programs that end soon."""
UNTESTED = "\u200c\u200d\ufe0e\ufe0f"
"""Characters that are allowed in a name in some places, for which Java has no tables."""

pytestmark = [pytest.mark.full("a client in Java"), pytest.mark.needs("java", "javac")]


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """The directory of the compiled classes."""
    classes = tmp_path_factory.mktemp("classes")
    sources = [*EXAMPLES.glob("*.java"), Path(__file__).parent / "SealVectors.java"]
    subprocess.run(["javac", "-encoding", "UTF-8", "-d", classes, *sources], check=True)
    return classes


@pytest.fixture
def seal(classes):
    """A function that does a step with `Seal` of the example, and returns the result as text."""
    command = [*JAVA, "-cp", classes, "SealVectors"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:

        def do(what, value=""):
            text = value if isinstance(value, str) else json.dumps(value)
            print(json.dumps({"do": what, "text": text}), file=process.stdin, flush=True)
            return process.stdout.readline().rstrip("\n")

        yield do
        process.stdin.close()


def results(*arguments):
    done = CliRunner().invoke(main, ["conform", "guest", "--patience", "240", "--json", *arguments])
    return done.exit_code, {case["id"]: case for case in json.loads(done.stdout)["cases"]}


def test_source_file_is_a_client():
    only = ["--only", "comes-back"]
    code, cases = results(*only, "--", "java", str(EXAMPLES / "ConformGuest.java"))
    assert (code, cases["comes-back"]["outcome"]) == (0, "passed")


@pytest.mark.parametrize(
    ("program", "ids", "skipped", "failed"),
    [
        ("ConformGuest", [*PLAIN, "seal-asks"], {"seal-asks"}, {"refresh-ice"}),
        ("ConformSealedGuest", ["code", "comes-back", "signal-in", *SEALED], set(), set()),
    ],
)
def test_guest_passes_every_required_case(program, ids, skipped, failed, classes):
    only = [option for id in ids for option in ("--only", id)]
    code, cases = results(*only, "--", *JAVA, "-cp", str(classes), program)
    why = {id: case["why"] for id, case in cases.items() if case["outcome"] == "failed"}
    assert (code, why.keys()) == (0, failed), why
    assert {id for id, case in cases.items() if case["outcome"] == "skipped"} == skipped
    assert cases.keys() == set(ids)


def ask(seal):
    """Do with the vectors what a guest does until the host has answered."""
    seal("link", VECTORS["link"]["text"].partition("#")[2])
    seal("random", VECTORS["request"]["guest_private"])
    seal("random", VECTORS["request"]["ephemeral_ikm"])
    seal("request", VECTORS["request"]["name"])


def exchange(seal, signals):
    for signal in signals:
        if signal["from"] == "g":
            assert json.loads(seal("sealed", signal["text"])) == signal["data"]
        else:
            assert seal("receive", signal["data"]) == signal["text"]


def test_request_and_number_are_those_of_the_vectors(seal):
    link, request = VECTORS["link"], VECTORS["request"]
    assert seal("link", link["text"].partition("#")[2]) == link["token"]
    seal("random", request["guest_private"])
    seal("random", request["ephemeral_ikm"])
    assert seal("request", request["name"]) == request["seal"]
    assert seal("ack", VECTORS["ack"]["seal"]) == str(VECTORS["ack"]["code"])


def test_signals_and_hellos_are_those_of_the_vectors(seal):
    ask(seal)
    seal("ack", VECTORS["ack"]["seal"])
    assert seal("answer", VECTORS["answer"]["seal"]) == "true"
    exchange(seal, VECTORS["epoch_0"]["signals"])

    reload = VECTORS["reload"]
    mine, host, echo = (hello["data"] for hello in reload["hellos"])
    for random in (reload["guest_private"], reload["salts"][0], reload["salts"][2]):
        seal("random", random)
    seal("start")
    assert json.loads(seal("hello")) == mine
    assert seal("receive", host) == "null"
    assert json.loads(seal("hello")) == echo
    exchange(seal, reload["signals"])


def test_what_does_not_open_changes_nothing(seal):
    wrong = VECTORS["does_not_open"]
    ask(seal)
    assert {seal("ack", text) for text in wrong["acks"].values()} == {CLOSED}
    seal("ack", VECTORS["ack"]["seal"])
    assert {seal("answer", text) for text in wrong["answers"].values()} == {CLOSED}
    assert seal("answer", VECTORS["answer"]["seal"]) == "true"
    assert {seal("receive", data) for data in wrong["signals"].values()} == {CLOSED}
    exchange(seal, VECTORS["epoch_0"]["signals"])


def test_sealed_links_are_judged_as_in_the_vectors(seal, classes):
    for link in VECTORS["links"]["sealed"]:
        assert seal("link", link.strip().partition("#")[2]) != CLOSED
    # The one of two parts is plain, and asks a node.
    links = [link for link in VECTORS["links"]["refused"] if link.partition("#")[2].count(".") > 1]
    lines = [json.dumps({"do": "pair", "link": link, "name": "Java"}) for link in links]
    command = [*JAVA, "-cp", classes, "ConformSealedGuest"]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told == [{"told": "error", "code": "invalid_link"}] * len(links)


def test_names_are_judged_as_in_the_vectors_where_java_has_tables(seal):
    assert {seal("name", name) for name in VECTORS["names"]["allowed"]} == {"true"}
    names = [name for name in VECTORS["names"]["refused"] if not set(name) & set(UNTESTED)]
    assert {seal("name", name) for name in names} == {"false"}
