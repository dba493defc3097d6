import pytest
import trustme

from tests.deploy.proxies import free_port


@pytest.fixture
def certificate(tmp_path):
    made = trustme.CA().issue_cert("node.example")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {
        "PROXIM_TLS_CERT": str(tmp_path / "cert.pem"),
        "PROXIM_TLS_KEY": str(tmp_path / "key.pem"),
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_node_is_found_by_its_settings(start, host):
    told = {"PROXIM_PORT": str(free_port()), "PROXIM_HOST": host}
    start("serve", **told).url()
    assert start("health", **told).finish() == ("ok\n", "", 0)


def test_a_node_with_a_certificate_of_its_name_is_asked_by_its_address(start, certificate):
    told = {"PROXIM_PORT": str(free_port()), **certificate}
    start("serve", **told).url()
    assert start("health", **told).finish() == ("ok\n", "", 0)


def test_the_settings_may_stand_in_a_file_or_in_options(start, tmp_path):
    port = str(free_port())
    config = tmp_path / "proxim.toml"
    config.write_text(f"port = {port}\n")
    start("serve", "--port", port).url()
    assert start("health", "--config", str(config)).finish() == ("ok\n", "", 0)
    assert start("health", "--port", port).finish() == ("ok\n", "", 0)


def test_where_no_node_is_there_is_no_health(start):
    out, err, code = start("health", "--port", str(free_port())).finish()
    assert code == 3
    assert "/healthz cannot be read" in out + err


def test_a_node_that_is_going_away_is_not_healthy(start):
    port = str(free_port())
    node = start("serve", "--port", port, "--drain-seconds", "20")
    node.url()
    node.process.terminate()
    out = ""
    for _ in range(100):
        out, err, code = start("health", "--port", port).finish()
        if code:
            break
    assert (code, "503" in out + err) == (3, True)


def test_settings_that_cannot_be_are_wrong_usage(start):
    _, err, code = start("health", "--port", "99999999").finish()
    assert code == 2
    assert "port" in err
