"""docs/deploy/compose.yml: accepted by Compose where there is one, and its parts run together."""

import json
import os
import subprocess
from contextlib import ExitStack

import pytest
import trustme

from tests.cli.helpers import PROXIM
from tests.deploy import compose, proxies
from tests.deploy.proxies import NAME, PATIENCE, Proxy
from tests.deploy.test_proxies import PHONE, ask, hear
from tests.ice.coturn import Coturn
from tests.ports import reserved_port

pytestmark = pytest.mark.full("compose")


def docker_compose(*arguments, **variables):
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        ["docker", "compose", "--file", compose.FILE, *arguments],
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.docker("Docker Compose")
def test_compose_accepts_the_file_and_reads_it_as_the_tests_do():
    done = docker_compose("config", "--format", "json", **compose.GIVEN)
    assert done.returncode == 0, done.stderr
    shown, ours = json.loads(done.stdout), compose.load()
    assert shown["services"]["node"]["environment"] == ours["services"]["node"]["environment"]
    assert shown["configs"]["caddyfile"]["content"] == ours["configs"]["caddyfile"]["content"]


@pytest.mark.docker("Docker Compose")
@pytest.mark.parametrize("name", compose.GIVEN)
def test_compose_names_a_missing_variable(name):
    given = {each: value for each, value in compose.GIVEN.items() if each != name}
    done = docker_compose("config", **given)
    assert done.returncode != 0
    assert name in done.stderr


def test_each_variable_is_required():
    assert compose.variables().keys() == compose.GIVEN.keys()
    assert all(compose.variables().values())


def test_what_a_service_names_is_in_the_file():
    file = compose.load()
    assert file.keys() == {"name", "services", "networks", "volumes", "configs"}
    root = compose.FILE.parent
    build = file["services"]["node"]["build"]
    assert (root / build["context"] / build["dockerfile"]).resolve() == root / "Dockerfile"
    networks = {name for each in file["services"].values() for name in each.get("networks", [])}
    configs = {
        config["source"] for each in file["services"].values() for config in each.get("configs", [])
    }
    volumes = {
        volume.partition(":")[0]
        for each in file["services"].values()
        for volume in each.get("volumes", [])
    }
    assert networks == file["networks"].keys()
    assert configs == file["configs"].keys()
    assert volumes == file["volumes"].keys()
    (subnet,) = file["networks"]["inside"]["ipam"]["config"]
    assert file["services"]["node"]["environment"]["PROXIM_TRUSTED_PROXY"] == subnet["subnet"]


def test_caddy_is_told_the_same_as_without_compose():
    text = (compose.FILE.parent / "Caddyfile").read_text(encoding="utf-8")
    content = compose.load()["configs"]["caddyfile"]["content"]
    assert content.replace("node:8765", "127.0.0.1:8765") == text[text.index(NAME) :]


@pytest.fixture
def parts(tmp_path):
    """Start the three services as processes, with addresses of this machine."""
    file, authority = compose.load(), trustme.CA()
    with ExitStack() as started:
        port = started.enter_context(reserved_port())
        turn_port = started.enter_context(reserved_port(udp=True))
        at = started.enter_context(reserved_port("127.0.0.1", "::1"))
        turn = Coturn(tmp_path, turn_port, file["configs"]["turnserver"]["content"])
        started.enter_context(turn)
        environ = file["services"]["node"]["environment"]
        environ |= {"PROXIM_TRUSTED_PROXY": "127.0.0.1,::1", "PROXIM_PORT": str(port)}
        environ["PROXIM_TURN"] = environ["PROXIM_TURN"].replace(
            f"{NAME}:3478", f"127.0.0.1:{turn_port}"
        )
        node = started.enter_context(
            subprocess.Popen([PROXIM, "serve"], env=os.environ | environ, stdout=subprocess.PIPE)
        )
        started.callback(node.kill)
        assert NAME.encode() in node.stdout.readline()
        certificate, trust = authority.issue_cert(NAME), proxies.trusting(authority)
        proxy = Proxy("compose", tmp_path, certificate, trust, (at, port))
        yield started.enter_context(proxy), turn


@pytest.mark.needs("caddy", "turnserver")
def test_parts_pair_two_clients_and_give_them_the_relay(parts):
    # It needs aiortc, which the tests of `make test` have.
    from tests.ice.test_coturn import allocate, refusal

    proxy, turn = parts
    assert [proxy.get(path) for path in ("/", "/healthz", "/metrics")] == [200, 200, 404]
    with proxy.client() as host, proxy.client() as guest:
        ask(host, "register", uuid="desk")
        assert hear(host, "error")["code"] == "access_denied"
        ask(host, "register", uuid="desk", access_token=compose.GIVEN["ACCESS_TOKEN"])
        ask(host, "create_session", session_type="one_time")
        created = hear(host, "session_created")
        session_id = created["session"]["session_id"]
        assert created["link"].startswith(f"https://{NAME}/join#")
        known = {"session_id": session_id, "token": created["token"]}
        ask(guest, "pair_request", device_info=PHONE, **known)
        hear(host, "pair_prompt")
        ask(host, "pair_decision", session_id=session_id, approve=True)
        stun, relay = hear(guest, "pair_result")["ice_servers"]
    assert stun["urls"] == [f"stun:{NAME}:3478"]
    assert turn.url in relay["urls"]
    assert 49160 <= allocate(turn, relay["username"], relay["credential"]) <= 50159
    assert refusal(turn, relay["username"], "wrong") == 401
