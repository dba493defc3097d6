"""A node behind nginx, HAProxy and Caddy, by the examples of docs/deploy."""

import json
import re
import socket
import subprocess
import time
from contextlib import ExitStack

import pytest
import trustme

from proxim.settings import Settings
from tests.cli.helpers import PROXIM
from tests.deploy import proxies
from tests.deploy.proxies import DEPLOY, NAME, PATIENCE, Proxy
from tests.ports import reserved_port

KINDS = [
    pytest.param(kind, marks=pytest.mark.needs(kind)) for kind in ("nginx", "haproxy", "caddy")
]
PHONE = {"name": "Phone", "id": "phone-1"}
CLAIMS = {
    "Forwarded": ["for=198.51.100.9", 'for="198.51.100.9', "for=198.51.100.9, "],
    "X-Forwarded-For": ["198.51.100.9"],
    "X-Real-IP": ["198.51.100.9"],
}
"""Where a client may say that it comes from."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def behind(authority, tmp_path):
    """Starts a proxy, and a node behind it with the settings of docs/deploy."""
    with ExitStack() as started:

        def behind(kind, *options, **changed):
            port = started.enter_context(reserved_port())
            at = started.enter_context(reserved_port("127.0.0.1", "::1"))
            figures = ("--metrics-listen", "127.0.0.1:0")
            config = ("--config", DEPLOY / "proxim.toml", "--port", str(port), *figures)
            node = started.enter_context(
                subprocess.Popen([PROXIM, "serve", *config, *options], stdout=subprocess.PIPE)
            )
            started.callback(node.kill)
            assert NAME.encode() in node.stdout.readline()
            certificate = authority.issue_cert(NAME)
            trust = proxies.trusting(authority)
            proxy = Proxy(kind, tmp_path, certificate, trust, (at, port), **changed)
            return started.enter_context(proxy)

        yield behind


def ask(ws, kind, **fields):
    ws.send(json.dumps({"type": kind, **fields}))


def soon(condition):
    """Whether it comes true; the node notices a moment later that a client before has left."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return time.monotonic() < deadline


def hear(ws, kind):
    while (message := json.loads(ws.recv(PATIENCE)))["type"] != kind:
        pass
    return message


def test_the_figures_of_a_node_behind_a_proxy_are_seen_on_its_machine(tmp_path):
    text = (DEPLOY / "proxim.toml").read_text(encoding="utf-8")
    assert 'metrics_listen = "127.0.0.1:9765"' in text
    config = tmp_path / "proxim.toml"
    command = [PROXIM, "serve", "--config", config, "--port", "0"]
    with reserved_port() as port:
        figures = f"127.0.0.1:{port}"
        config.write_text(text.replace("127.0.0.1:9765", figures))
        node = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert NAME.encode() in node.stdout.readline()
            command = [PROXIM, "status", f"http://{figures}", "--once", "--json"]
            shown = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
            assert json.loads(shown.stdout)["connections"] == 0
        finally:
            node.kill()
            node.communicate()


@pytest.mark.full("proxies")
@pytest.mark.parametrize("kind", KINDS)
def test_two_sides_meet_through_a_proxy(behind, kind):
    proxy = behind(kind)
    assert [proxy.get(path) for path in ("/", "/healthz", "/metrics")] == [200, 200, 404]
    with proxy.client() as host, proxy.client() as guest:
        ask(host, "register", uuid="desk")
        ask(host, "create_session", session_type="one_time")
        created = hear(host, "session_created")
        session_id = created["session"]["session_id"]
        assert created["link"].startswith(f"https://{NAME}/join#")
        known = {"session_id": session_id, "token": created["token"]}
        ask(guest, "pair_request", device_info=PHONE, **known)
        hear(host, "pair_prompt")
        ask(host, "pair_decision", session_id=session_id, approve=True)
        hear(guest, "pair_result")
        ask(guest, "signal", session_id=session_id, data="x" * 60_000)
        assert hear(host, "signal")["data"] == "x" * 60_000
        guest.close()
        assert hear(host, "session_ended")["reason"] == "disconnected"


@pytest.mark.full("proxies")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("claim", CLAIMS)
def test_limits_by_address_count_the_clients_and_not_what_they_claim(behind, kind, claim):
    proxy = behind(kind, "--connections-per-address", "1", "--limit-loopback")
    with proxy.held("127.0.0.2"), proxy.held("127.0.0.3"):
        assert proxy.upgrade("127.0.0.2") == 503
        for said in CLAIMS[claim]:
            assert proxy.upgrade("127.0.0.2", **{claim: said}) == 503
            taken = said.replace("198.51.100.9", "127.0.0.2")
            assert soon(lambda taken=taken: proxy.upgrade("127.0.0.4", **{claim: taken}) == 101)


@pytest.mark.full("proxies")
@pytest.mark.parametrize("kind", KINDS)
def test_an_ipv6_client_is_told_from_the_proxy(behind, kind):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    proxy = behind(kind, "--connections-per-address", "1", "--limit-loopback")
    with proxy.held("::1"), proxy.held("127.0.0.1"):
        assert proxy.upgrade("::1") == 503


@pytest.mark.real_time
@pytest.mark.full("proxies")
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_silent_for_long_stays_connected(behind, kind):
    proxy = behind(kind, "--ping-interval", "0.3", timeout="1s")
    with proxy.client() as ws:
        ask(ws, "register", uuid="desk")
        hear(ws, "registered")
        time.sleep(2.5)
        ask(ws, "ping")
        hear(ws, "pong")


@pytest.mark.parametrize(
    ("name", "timeout"),
    [
        ("nginx.conf", r"proxy_read_timeout (\d+)s"),
        ("nginx.conf", r"proxy_send_timeout (\d+)s"),
        ("haproxy.cfg", r"timeout tunnel (\d+)s"),
    ],
)
def test_a_sign_of_life_comes_before_a_proxy_loses_patience(name, timeout):
    (seconds,) = re.findall(timeout, (DEPLOY / name).read_text(encoding="utf-8"))
    assert int(seconds) > Settings().ping_interval + Settings().pong_time
