"""The guests of the page about clients, run as they stand, pair and leak no secret of a link."""

import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

import proxim
from tests.docs.test_docs import blocks
from tests.docs.test_examples import PATIENCE, hear, running

(PYTHON,) = blocks("docs/howto/client.md", "python")
(JAVASCRIPT,) = blocks("docs/howto/client.md", "js")

NODE = ("node", "--experimental-websocket", "--no-warnings")


@pytest.fixture(params=["Python", pytest.param("JavaScript", marks=pytest.mark.needs("node"))])
def guest(request, tmp_path):
    """What runs a guest of the page with a link."""
    if request.param == "Python":
        script = tmp_path / "guest.py"
        script.write_text(PYTHON, encoding="utf-8")
        return lambda link: running(sys.executable, "-u", script, link)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if tuple(map(int, version.removeprefix("v").split(".")[:2])) < (20, 10):
        pytest.skip(f"node is {version}, and 20.10 or later is needed")
    script = tmp_path / "guest.mjs"
    script.write_text(f"{JAVASCRIPT}\npair(process.argv[2], console.log);\n", encoding="utf-8")
    return lambda link: running(*NODE, script, link)


@contextmanager
def opened(**options):
    """A session of a host at a node."""
    with (
        proxim.run_in_thread(port=0) as node,
        proxim.sync.open_host(node.url, uuid="desk") as host,
    ):
        yield host.create("persistent", **options)


def test_each_has_some_forty_lines():
    assert max(len(PYTHON.splitlines()), len(JAVASCRIPT.splitlines())) <= 45


def test_guest_pairs_by_its_number_and_talks(guest):
    with opened(confirm="code") as session, guest(session.link) as process:
        prompt = session.prompt(timeout=PATIENCE)
        assert prompt.device_info.name == "My guest"
        prompt.approve(hear(process, r"(?<=The number: )\d{3}"))
        assert session.receive(timeout=PATIENCE) == {"hello": "host"}
        session.send("welcome")
        assert "welcome" in hear(process, "The host says .*")
        assert hear(process, "The session has ended: .*").endswith("closed")
        assert process.wait(PATIENCE) == 0


def test_guest_says_why_it_is_refused(guest):
    with opened() as session:
        link = session.link
        session.renew()
        with guest(link) as process:
            output, errors = process.communicate(timeout=PATIENCE)
    assert "unknown_session" in output + errors


def test_guest_that_cannot_seal_tells_no_node_the_secrets_of_a_sealed_link(guest):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        origin = f"http://127.0.0.1:{server.getsockname()[1]}"
        with guest(f"{origin}/join#{'i' * 22}.{'s' * 43}.{'k' * 43}") as process:
            output, errors = process.communicate(timeout=PATIENCE)
        assert "it is sealed" in output + errors
        with pytest.raises(TimeoutError):
            server.accept()
