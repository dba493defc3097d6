"""The commands of the how-to page for clusters work."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.backends.redis.nodes import until
from tests.e2e.client import PATIENCE, Peer
from tests.ports import reserved_port

pytestmark = [pytest.mark.full("Redis"), pytest.mark.needs("redis-server", "haproxy")]

PAGE = Path(__file__).parents[3] / "docs/howto/cluster.md"
PORTS = ("6399", "8800", "8801", "8802", "8803")


def blocks(language, ports):
    text = PAGE.read_text(encoding="utf-8")
    for port, free in ports.items():
        text = text.replace(port, str(free))
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def is_up(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def page(tmp_path):
    """Run all commands of the page in one shell, in a process group of its own."""
    reservation = ExitStack()
    ports = {port: reservation.enter_context(reserved_port()) for port in PORTS}
    (tmp_path / "haproxy.cfg").write_text(blocks("haproxy", ports)[0])
    commands = "".join(blocks("sh", ports))
    # A person would start one after the other.
    ready = f"until redis-cli -p {ports['6399']} ping; do sleep 0.1; done"
    commands = commands.replace("export PROXIM_CLUSTER=", f"{ready}\nexport PROXIM_CLUSTER=")
    script = f"{commands}wait\n"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = subprocess.Popen(
        ["bash", "-ec", script], cwd=tmp_path, env={**os.environ, "PATH": path},
        start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    yield ports
    os.killpg(shell.pid, signal.SIGTERM)
    shell.wait(PATIENCE)
    until(lambda: not is_up(ports["8801"]))
    reservation.close()


def test_howto_builds_a_cluster_behind_a_load_balancer(page):
    balancer = page["8800"]
    until(lambda: all(is_up(page[port]) for port in ("8801", "8802", "8803")))
    # Whichever node the balancer chooses.
    until(lambda: all(is_up(balancer) for _ in range(12)))
    peers = []

    def peer():
        peers.append(Peer(f"ws://127.0.0.1:{balancer}/ws"))
        peers[-1].expect("welcome")
        return peers[-1]

    host = peer()
    registered = host.ask("registered", "register", uuid="desk")
    for _ in range(4):
        created = host.create()
        assert created["link"].startswith(f"http://127.0.0.1:{balancer}/join#")
        session_id = created["session"]["session_id"]
        guest = peer()
        pending = guest.pair(created)
        host.expect("pair_prompt", session_id=session_id)
        host.decide(session_id)
        guest.expect("pair_result", status="approved")
        for number in range(10):
            guest.send("signal", session_id=session_id, data=number)
        for number in range(10):
            host.expect("signal", session_id=session_id, data=number)
        again = peer()
        again.ask("resumed", "resume", session_id=session_id, resume_token=pending["resume_token"])
        host.expect("peer_online", session_id=session_id, replaced=True)
    elsewhere = peer()
    key = registered["key"]
    found = elsewhere.ask("registered", "register", uuid="desk", key=key)["sessions"]
    assert [session["status"] for session in found] == ["approved"] * 4
    for each in peers:
        each.leave()
