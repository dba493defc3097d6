import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest
import trustme
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from proxim.settings import SETTINGS
from tests.cli.helpers import PATIENCE, PROXIM


@pytest.fixture
def anew():
    return True


def _ws(url):
    return url.replace("http", "ws", 1) + "/ws"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_node_after_closing_connections(start, number):
    node = start("serve", "--port", "0")
    with connect(_ws(node.url())) as ws:
        ws.recv()
        ws.send(json.dumps({"type": "register", "uuid": "desk"}))
        ws.send(json.dumps({"type": "create_session", "session_type": "persistent"}))
        assert [json.loads(ws.recv())["type"] for _ in "12"] == ["registered", "session_created"]
        node.process.send_signal(number)
        assert json.loads(ws.recv(PATIENCE))["reason"] == "shutdown"
        _, err, code = node.finish()
    assert (err, code) == ("", 0)
    assert ws.close_code == 1001


def test_second_signal_exits_at_once(start):
    node = start("serve", "--port", "0")
    address = ("127.0.0.1", int(node.url().rpartition(":")[2]))
    with socket.create_connection(address, timeout=PATIENCE) as deaf:
        deaf.sendall(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        heard = deaf.recv(4096)
        assert heard.startswith(b"HTTP/1.1 101")
        while b"welcome" not in heard:
            heard += (piece := deaf.recv(4096))
            assert piece, heard
        node.process.send_signal(signal.SIGTERM)
        while b"going away" not in heard:
            heard += (piece := deaf.recv(4096))
            assert piece, heard
        assert node.process.poll() is None
        node.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert node.exit() == 1
        assert time.monotonic() - started < 10


@pytest.mark.not_on("win32", reason="there is no SIGHUP")
def test_sighup_reloads_the_certificate_of_a_service(start, tmp_path):
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def renew():
        issued = authority.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    old = renew()
    node = start("serve", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key))
    host, port = re.search(r"https://(.*):(\d+)", node.line()).groups()
    assert _shown_at(host, port, trusting) == old
    with connect(f"wss://{host}:{port}/ws", ssl=trusting) as ws:
        ws.recv()
        new = renew()
        node.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while _shown_at(host, port, trusting) != new:
            assert time.monotonic() < deadline
        ws.send('{"type": "ping"}')
        assert json.loads(ws.recv(PATIENCE)) == {"type": "pong"}


def _shown_at(host, port, trusting):
    with (
        socket.create_connection((host, int(port)), PATIENCE) as raw,
        trusting.wrap_socket(raw, server_hostname=host) as secured,
    ):
        return secured.getpeercert(binary_form=True)


@pytest.mark.not_on("win32", reason="there is no SIGHUP")
def test_closed_terminal_stops_the_node(start):
    node = start("serve", "--port", "0", terminal=True)
    url = node.see(r"http://(\S+)")[1]
    with connect(f"ws://{url}/ws") as ws:
        ws.recv()
        node.hang_up()
        with pytest.raises(ConnectionClosedOK):
            ws.recv(PATIENCE)
        assert ws.close_code == 1001
    assert node.process.wait(PATIENCE) == 0


def test_port_in_use_is_named_with_advice(run, node):
    port = node.rpartition(":")[2]
    out, err, code = run("serve", "--port", port)
    assert (out, code) == ("", 1)
    assert f"cannot listen on port {port}" in err
    advice = "perhaps Proxim runs there already: stop it, or take a free port"
    assert f"{advice}: `proxim serve --port 0`" in " ".join(err.split())
    assert "Traceback" not in err


def test_option_overrides_environment_overrides_file(start, tmp_path):
    config = tmp_path / "proxim.toml"
    config.write_text("approval_timeout = 33\nqr_ttl = 33\nmessage_size = 33_000\n")
    environ = {"PROXIM_APPROVAL_TIMEOUT": "22", "PROXIM_QR_TTL": "22", "PROXIM_PORT": "0"}
    node = start("serve", "--approval-timeout", "11", "--config", str(config), **environ)
    with connect(_ws(node.url())) as ws:
        welcome = json.loads(ws.recv())
        assert (welcome["approval_timeout"], welcome["max_message_bytes"]) == (11, 33_000)
        ws.send(json.dumps({"type": "register", "uuid": "desk"}))
        ws.send(json.dumps({"type": "create_session", "session_type": "persistent"}))
        ws.recv()
        assert json.loads(ws.recv())["pair_within"] == pytest.approx(22, abs=1)


@pytest.mark.parametrize("option", ["--port", "--qr-ttl", "--turn"])
def test_option_without_a_value_is_refused(run, option):
    _, err, code = run("serve", option)
    assert code == 2
    assert f"Option '{option}' requires an argument" in err


def test_help_lists_the_settings_by_group(run):
    out, _, code = run("serve", "--help-all")
    assert code == 0
    groups = [line for line in out.splitlines() if line.endswith(":") and line[0] != " "]
    in_order = dict.fromkeys(f"{setting.group}:" for setting in SETTINGS)
    assert groups == [*in_order, "Other:"]
    sessions = out[out.index("Sessions:") : out.index("Access:")]
    assert "--approval-timeout SECONDS" in sessions
    assert "[default: 40]" in sessions


@pytest.mark.parametrize("command", [("serve",), ("doctor",), ("health",), ("config", "show")])
def test_short_help_has_the_common_settings_and_names_the_long_one(run, command):
    out, _, code = run(*command, "--help")
    assert code == 0
    listed = [setting for setting in SETTINGS if f"  {setting.flag} " in out]
    assert listed == [setting for setting in SETTINGS if setting.is_common]
    assert f"There are {len(SETTINGS) - len(listed)} more options: see --help-all." in out


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["serve", "--port", "many"], "--port must be a whole number from 0 to 65535"),
        (["serve", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (["serve", "--tls-cert", "/nowhere.pem"], "go together"),
        (["serve", "--tls-cert", "/no", "--tls-key", "/no", "--port", "0"], "there is no file /no"),
        (["host", "--type", "temporary"], "--ttl"),
        (["host", "--ttl", "5"], "--ttl"),
        (["host", "--type", "eternal"], "one_time"),
        (["join", "http://127.0.0.1:1/join#short"], "a link looks like"),
        (["join", "x", "--name", "a\x1b[2J"], "--name has a control character (U+001B)"),
        (["join", "x", "--device-id", "a\u202e"], "--device-id has an invisible or bidirectional"),
        (["qr", "nonsense"], "a link looks like"),
        (["sessions", "close"], "--all"),
    ],
)
def test_wrong_usage_exits_2_with_advice(run, wrong, told):
    out, err, code = run(*wrong)
    assert (out, code) == ("", 2)
    assert told in " ".join(err.split())
    assert "Traceback" not in err


def test_serve_prints_the_url_of_the_page(start):
    with start("serve", "--port", "0") as node:
        address = node.url()
        label, _, page = node.line().partition(":")
        assert label == "Next, in a browser"
        assert page.strip() == f"{address}/"
        with urllib.request.urlopen(page.strip(), timeout=PATIENCE) as answer:
            assert b'src="web/host.js"' in answer.read()
        assert f"proxim host --node {address}" in node.line()


def test_serve_says_that_only_this_computer_can_open_its_codes(start, environ):
    typed = os.path.relpath(PROXIM)
    for program, told in ((PROXIM, "proxim serve --lan"), (typed, f"{typed} serve --lan")):
        node = subprocess.Popen(
            [program, "serve"],
            stdout=subprocess.PIPE,
            text=True,
            env=environ | {"PROXIM_PORT": "0"},
        )
        try:
            lines = list(iter(node.stdout.readline, "Stop it with Ctrl-C.\n"))
        finally:
            node.kill()
            node.communicate()
        assert "Only this computer can open its codes. To let phones in" in lines[3]
        assert lines[4].split(":", 1)[1].strip() == told
        assert lines[2].split(":", 1)[1].strip().startswith(told.replace("serve --lan", "host --"))


def test_serve_in_the_network_does_not_say_so(start):
    with start("serve", "--port", "0", "--public-url", "https://pair.example") as node:
        lines = [node.line()]
        while lines[-1] != "Stop it with Ctrl-C.":
            lines.append(node.line())
    assert not any("Only this computer" in line for line in lines)


def test_serve_with_public_url_prints_the_local_url(start):
    with start("serve", "--port", "0", "--public-url", "https://pair.example") as node:
        assert node.url() == "https://pair.example"
        label, _, local_url = node.line().partition(":")
        assert label == "It listens on"
        with urllib.request.urlopen(f"{local_url.strip()}/healthz", timeout=10) as answer:
            assert answer.status == 200


def test_serve_with_options_prints_no_command_that_drops_them(start):
    with start("serve", "--port", "0", "--qr-ttl", "30") as node:
        lines = list(iter(node.line, "Stop it with Ctrl-C."))
    assert lines[3:] == [
        "Only this computer can open its codes. To let phones in, stop it and start it",
        "with --lan beside its options.",
    ]
