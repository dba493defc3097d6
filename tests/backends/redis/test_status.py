"""The output of ``proxim cluster status``."""

import json
import os
import pty
import re
import secrets
import struct
from concurrent.futures import ThreadPoolExecutor
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from proxim.backends.redis.status import survey
from tests import fork_server
from tests.backends.redis.memory_coordinator import Memory, MemoryCoordinator
from tests.backends.redis.nodes import LEASE, status, until
from tests.e2e.client import PATIENCE
from tests.ports import reserved_port


def test_status_names_every_node_and_its_sessions(cluster):
    host = cluster[1].host(key=secrets.token_urlsafe(32))
    session_id = host.create()["session"]["session_id"]

    def found():
        done = status("--json", PROXIM_CLUSTER=cluster.url)
        nodes = {int(each["url"].rpartition(":")[2]): each for each in json.loads(done.stdout)}
        return nodes if nodes[cluster[1].port]["sessions"] else None

    nodes = until(found)
    assert set(nodes) >= {node.port for node in cluster.nodes}
    for node in cluster.nodes:
        assert 0 < nodes[node.port]["lease_left"] <= LEASE
        assert 0 <= nodes[node.port]["lag"] < 30
        assert not nodes[node.port]["draining"]
    shown = status("--cluster", cluster.url).stdout
    assert all(str(node.port) in shown for node in cluster.nodes)
    host.ask("session_ended", "close_session", session_id=session_id)


def test_status_without_a_cluster_or_redis_says_so():
    done = status()
    assert done.returncode == 2
    assert "--cluster" in done.stderr
    with reserved_port() as port:
        done = status("--cluster", f"redis://127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (3, "")
    assert "Redis does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def told(cluster):
    """Return the status of each node, by its port."""
    done = status("--json", "--cluster", cluster.url)
    assert done.returncode == 0
    return {int(each["at"].rpartition(":")[2]): each for each in json.loads(done.stdout)}


def test_status_counts_living_sessions_and_omits_stopped_nodes(brittle):
    cluster = brittle(2)
    key = secrets.token_urlsafe(32)
    host = cluster[0].host(key=key)
    ids = [host.create()["session"]["session_id"] for _ in range(3)]
    cluster[1].host(key=key, seats=[]).ask("session_ended", "close_session", session_id=ids[0])

    def sessions():
        return [told(cluster)[node.port]["sessions"] for node in cluster.nodes]

    # The ended session does not count, though it is in memory until the sweep.
    until(lambda: sessions() == [2, 0])
    cluster[1].terminate()
    until(lambda: set(told(cluster)) == {cluster[0].port})


@pytest.mark.real_time
def test_status_shows_silent_and_leaving_nodes(brittle):
    cluster = brittle(3, "--drain-seconds", "600")
    frozen, leaving, other = (node.port for node in cluster.nodes)
    cluster.freeze(0)
    cluster[1].terminate()

    def ailing():
        found = told(cluster)
        return found[leaving]["draining"] and found[frozen]["silent"] > 3 and found

    found = until(ailing)
    assert found[frozen]["lease_left"] + found[frozen]["silent"] == pytest.approx(LEASE, abs=0.02)
    assert [found[port]["draining"] for port in (frozen, leaving, other)] == [False, True, False]
    lines = {line.split()[2]: line for line in status("--cluster", cluster.url).stdout.splitlines()}
    states = [lines[f"http://127.0.0.1:{port}"] for port in (frozen, leaving, other)]
    for line, state in zip(states, ("silent for", "leaving", "in service"), strict=True):
        assert state in line
    cluster.expire(0)
    assert set(told(cluster)) == {leaving, other}


def test_status_tells_nodes_behind_one_address_apart(brittle):
    cluster = brittle(0, "--public-url", "https://pair.example")
    with reserved_port() as one, reserved_port() as other:
        for port in (one, other):
            cluster.add(port=port)
        found = until(lambda: len(each := told(cluster)) == 2 and each)
        assert set(found) == {one, other}
        assert {each["url"] for each in found.values()} == {"https://pair.example"}


def test_status_names_a_redis_that_does_not_answer(brittle):
    cluster = brittle(1)
    cluster.redis.freeze()
    url = cluster.url.replace("//", "//user:hunter2@")
    with ThreadPoolExecutor() as at_once:
        answers = at_once.map(lambda way: status("--cluster", url, *way), [(), ("--json",)])
    for done in answers:
        assert (done.returncode, done.stdout) == (3, "")
        assert f"127.0.0.1:{cluster.redis.port}: Redis does not answer" in done.stderr
        assert not {"Traceback", "hunter2"} & set(done.stderr.replace(":", " ").split())


def on_a_terminal(columns, *options):
    """Return what the status prints on a terminal."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    sized = {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"}
    with open(theirs, "wb") as terminal:
        process = fork_server.start(
            "cluster", "status", *options, stdout=terminal, env={**os.environ, **sized}
        )
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # The terminal has no writer any more.
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    return re.sub(r"\x1b\[[\d;]*m", "", shown.decode())


@pytest.mark.parametrize("columns", [40, 80, 250])
def test_status_is_not_cut_off_on_any_terminal(cluster, columns):
    found = told(cluster)
    shown = on_a_terminal(columns, "--cluster", cluster.url)
    assert max(map(len, shown.splitlines())) <= columns
    assert "…" not in shown
    for each in found.values():
        for text in (each["url"], each["at"], "in service", "ms"):
            assert text in shown


async def test_status_omits_unreadable_descriptions(autojump_clock):
    coordinator = MemoryCoordinator(Memory())
    for node, about in (("a", b"{}"), ("b", b"no JSON"), ("c", b'{"sessions": "many"}')):
        await coordinator.heartbeat(node, about, 10.0, ())
    await coordinator.heartbeat(
        "d", b'{"url": "u", "sessions": 3, "more": 1, "lease": 10.0}', 8.0, ()
    )
    found = {each.node: each for each in await survey(coordinator)}
    assert set(found) == set("abcd")
    assert (found["b"].sessions, found["b"].lease_left) == (0, 10.0)
    assert (found["d"].sessions, found["d"].silent) == (3, 2.0)
