import time

import pytest
import trustme

from tests.cli.helpers import PATIENCE
from tests.ports import reserved_port


@pytest.fixture
def certificate(tmp_path):
    made = trustme.CA().issue_cert("node.example")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {
        "PROXIM_TLS_CERT": str(tmp_path / "cert.pem"),
        "PROXIM_TLS_KEY": str(tmp_path / "key.pem"),
    }


@pytest.fixture
def port(start):
    """Starts a node, and returns its port."""
    return lambda *options, **environ: (
        start("serve", "--port", "0", *options, **environ).url().rpartition(":")[2]
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "localhost"])
def test_health_finds_a_node_by_its_settings(run, port, host):
    told = {"PROXIM_HOST": host}
    assert run("health", PROXIM_PORT=port(**told), **told) == ("ok\n", "", 0)


def test_health_ignores_the_name_in_the_certificate(run, port, certificate):
    assert run("health", PROXIM_PORT=port(**certificate), **certificate) == ("ok\n", "", 0)


def test_health_takes_settings_from_file_or_options(start, run, port, tmp_path):
    config = tmp_path / "proxim.toml"
    there = port()
    config.write_text(f"port = {there}\n")
    assert start("health", "--config", str(config)).finish() == ("ok\n", "", 0)
    assert run("health", "--port", there) == ("ok\n", "", 0)


def test_absent_node_is_not_healthy(run):
    with reserved_port() as free:
        out, err, code = run("health", "--port", str(free))
    assert code == 3
    assert "/healthz cannot be read" in out + err


def test_stopping_node_is_not_healthy(start, run):
    node = start("serve", "--port", "0", "--drain-seconds", "20")
    port = node.url().rpartition(":")[2]
    node.process.terminate()
    deadline = time.monotonic() + PATIENCE
    code = 0
    while not code:
        assert time.monotonic() < deadline
        out, err, code = run("health", "--port", port)
    assert (code, "503" in out + err) == (3, True)


def test_invalid_settings_are_wrong_usage(run):
    _, err, code = run("health", "--port", "99999999")
    assert code == 2
    assert "port" in err
