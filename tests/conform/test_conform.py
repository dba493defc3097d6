"""``proxim conform``: right clients pass, and each wrong one fails the case that it should."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import trio
from click.testing import CliRunner

from proxim.cli import main
from proxim.conform import client, report
from proxim.conform.case import Nonconforming, Role
from proxim.conform.run import CASES, run
from tests.conform.raw_client import RawGuest

ROOT = Path(__file__).parent.parent.parent
PYTHON_SDK = [sys.executable, "docs/examples/conform_client.py"]
JAVASCRIPT_SDK = [
    *("node", "--experimental-websocket", "--no-warnings"),
    "docs/examples/conform_client.mjs",
]


@pytest.fixture(params=["Python", pytest.param("JavaScript", marks=pytest.mark.needs("node"))])
def sdk(request):
    """The command that runs an SDK of ours as the client under test."""
    if request.param == "Python":
        return PYTHON_SDK
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if tuple(map(int, version.removeprefix("v").split(".")[:2])) < (20, 10):
        pytest.skip(f"node is {version}, and 20.10 or later is needed")
    return JAVASCRIPT_SDK


@pytest.mark.full("conformance of the SDKs")
@pytest.mark.usefixtures("validated")
@pytest.mark.parametrize("role", list(Role))
def test_sdk_passes_every_case(role, sdk, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    junit = tmp_path / "junit.xml"
    options = ["--patience", "240", "--json", "--junit", str(junit)]
    done = CliRunner().invoke(main, ["conform", role.value, *options, "--", *sdk])
    assert done.exit_code == 0, done.output
    whole = json.loads(done.stdout)
    assert [each for each in whole["cases"] if each["outcome"] != "passed"] == []
    assert (done.exit_code, whole["conforming"]) == (0, True)
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(CASES[role])), "0")


def test_every_section_is_on_its_page():
    for case in (case for cases in CASES.values() for case in cases):
        page = (ROOT / "docs" / "reference" / f"{case.page}.md").read_text(encoding="utf-8")
        assert re.search(rf"^##+ {re.escape(case.section)}$", page, re.MULTILINE), case.id


def test_every_case_has_an_id_of_its_own_and_a_sentence():
    for cases in CASES.values():
        assert len({case.id for case in cases}) == len(cases)
        assert all(case.summary.endswith(".") for case in cases)


async def test_client_that_ends_at_once_fails_with_a_word(monkeypatch):
    cases = [case for case in CASES[Role.GUEST] if case.id == "link-invalid"]
    opener = client.by_command([sys.executable, "-c", "print('hello')"])
    (result,) = await run(Role.GUEST, cases, opener)
    assert result.outcome == "failed"
    assert "the client has ended" in result.why


async def test_guest_may_tell_an_error_if_the_session_is_gone():
    cases = [case for case in CASES[Role.GUEST] if case.id == "gone-after-coming-back"]
    (result,) = await run(Role.GUEST, cases, RawGuest(["error for the end"]).opened)
    assert (result.outcome, result.why) == ("passed", "")


async def test_fault_says_what_the_client_told_instead():
    driven = client.Client(trio.sleep, patience=0.1)
    driven.hear({"told": "error", "code": "gone"})
    with pytest.raises(Nonconforming, match=r"; it told .*gone"):
        await driven.told("ended")


async def test_cases_are_skipped_for_a_client_that_lacks_what_they_need():
    cases = [case for case in CASES[Role.GUEST] if case.features]
    results = await run(Role.GUEST, cases, RawGuest(["stores nothing"]).opened, patience=60)
    lacked = {(result.case.features[0], result.outcome, result.why) for result in results}
    assert lacked == {("seal", "skipped", "seal"), ("reload", "skipped", "reload")}


async def test_optional_case_that_the_client_does_not_support_is_skipped():
    source = 'import sys\nfor _ in sys.stdin: print(\'{"told": "unsupported"}\', flush=True)'
    opener = client.by_command([sys.executable, "-u", "-c", source])
    cases = [case for case in CASES[Role.HOST] if case.id == "registers"]
    optional = [case._replace(required=False, script=_wait_for_link) for case in cases]
    (result,) = await run(Role.HOST, optional, opener)
    assert result.outcome == "skipped"
    required = [case._replace(script=_wait_for_link) for case in cases]
    (result,) = await run(Role.HOST, required, opener)
    assert result.outcome == "failed"


async def _wait_for_link(stage):
    await stage.client.do("open")
    await stage.client.told("link")


async def test_hook_is_driven_by_http():
    told = []

    async def answer(stream):
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request or not request.endswith(b"}"):
                request += await stream.receive_some(4096)
            instruction = json.loads(request.partition(b"\r\n\r\n")[2])
            told.append(instruction["do"])
            body = b'[{"told": "link"}]' if instruction["do"] == "open" else b"[]"
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            await stream.send_all(head.encode() + body)

    async with trio.open_nursery() as nursery:
        (listener, *_) = await nursery.start(trio.serve_tcp, answer, 0)
        port = listener.socket.getsockname()[1]
        async with client.by_url(f"http://127.0.0.1:{port}/hook")(60) as driven:
            await driven.do("open")
            await driven.told("link")
        nursery.cancel_scope.cancel()
    assert told[0] == told[-1] == "quit"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "give either a command after --, or --hook URL"),
        (["--hook", "ftp://x", "--only", "asks"], "--hook must be an http or https URL"),
        (["--only", "nothing-*"], "no case matches nothing-*; --list shows all of them"),
        (["--only", "asks", "--", "/no/such/program"], "the command cannot be started"),
    ],
)
def test_wrong_usage_is_explained(arguments, error):
    done = CliRunner().invoke(main, ["conform", "guest", *arguments])
    assert done.exit_code == 2
    assert error in done.output


def test_list_shows_every_case():
    done = CliRunner().invoke(main, ["conform", "host", "--list"])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == len(CASES[Role.HOST])
    assert "registers (required, protocol.md, “Host → node”)" in done.stdout


def test_report_names_the_section_and_the_fault():
    case = CASES[Role.GUEST][0]
    failed = report.Result(case, "failed", "the client did something else", 0.1)
    assert report.line(failed) == (
        f"✗ link-invalid: {case.summary}\n"
        "    protocol.md, “Links and QR codes”: the client did something else"
    )
    assert not report.is_conforming([failed])
    optional = failed._replace(case=case._replace(required=False))
    assert report.is_conforming([optional])
    assert "1 of the failed are optional" in report.summary([optional])
    junit = ElementTree.fromstring(report.as_junit(Role.GUEST, [failed, optional]))
    assert (junit.get("failures"), junit.get("skipped")) == ("1", "1")
