"""Each check against real sockets, certificates, coturn and Redis."""

import datetime
import resource
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from proxim.doctor import access, ice, machine, ports, redis, run_checks, tls
from proxim.doctor.ice import is_answer
from proxim.doctor.result import Level
from proxim.extras import how_to_install
from proxim.settings import Settings
from tests.ports import reserved_port

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def taken():
    """A port in use."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def free():
    """A free port, which a server started by the test may use."""
    with reserved_port(udp=True) as port:
        yield port


@pytest.fixture
def start():
    """Starts a server, and waits until it listens."""
    running = []

    def start(port, *command):
        running.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"{command[0]} does not start")

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


async def found(check):
    return [result async for result in check]


# -- ports -----------------------------------------------------------------------------------


def test_port_in_use_is_a_warning(free, taken):
    (well,) = ports.check(Settings(port=free))
    assert well.level is Level.OK
    (busy,) = ports.check(Settings(port=taken))
    assert (busy.level, busy.check) == (Level.WARNING, "port")
    assert f"127.0.0.1:{taken} is in use" in busy.found


def test_address_of_another_machine_is_an_error():
    (wrong,) = ports.check(Settings(host="192.0.2.1", port=0))
    assert wrong.level is Level.ERROR
    assert "ip address" in wrong.remedy


@pytest.mark.parametrize("settings", [{"host": "::"}, {"lan": True}])
def test_a_machine_without_ipv6_can_listen_on_all_addresses(settings):
    (result,) = ports.check(Settings(port=0, **settings))
    assert (result.level, result.found) == (Level.OK, "can listen on 0.0.0.0:0")


def test_metrics_port_is_checked(free, taken):
    results = list(ports.check(Settings(port=free, metrics_listen=f"127.0.0.1:{taken}")))
    assert [each.check for each in results] == ["port", "metrics_listen"]
    assert results[1].level is Level.WARNING


# -- certificates ----------------------------------------------------------------------------


@pytest.fixture
def certify(tmp_path):
    """Settings with a certificate that is valid for so many days."""

    def certify(days, name="node.example", **settings):
        authority = trustme.CA()
        cert = authority.issue_cert(name, not_after=NOW + datetime.timedelta(days=days))
        chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
        cert.private_key_pem.write_to_path(key)
        for number, part in enumerate(cert.cert_chain_pems):
            part.write_to_path(chain, append=number > 0)
        return Settings(tls_cert=str(chain), tls_key=str(key), **settings), authority

    return certify


@pytest.mark.parametrize(("days", "level"), [(90, Level.OK), (5, Level.WARNING), (-1, Level.ERROR)])
def test_expiry_of_a_certificate_is_reported(certify, days, level):
    settings, _ = certify(days)
    expiry, _chain = tls.check(settings)
    assert (expiry.check, expiry.level) == ("tls expiry", level)
    assert ("expired" if days < 0 else f"{days} days" if days > 5 else "days") in expiry.found


def test_certificate_of_an_unknown_authority_is_a_warning(certify):
    settings, _ = certify(90, public_url="https://node.example")
    _, chain = tls.check(settings)
    assert chain.level is Level.WARNING
    assert "issuer" in chain.found or "self" in chain.found


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://node.example", Level.OK),
        (None, Level.OK),
        ("https://other.example", Level.WARNING),
    ],
)
def test_certificate_must_have_the_name_of_public_url(certify, monkeypatch, url, level):
    settings, authority = certify(90, public_url=url)

    def with_our_roots(*_):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(context)
        return context

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(settings.tls_cert, settings.tls_key)
    monkeypatch.setattr(ssl, "create_default_context", with_our_roots)
    assert tls._check_chain(server, url and url.removeprefix("https://")).level is level


def test_key_of_another_certificate_is_an_error(certify, tmp_path):
    settings, _ = certify(90)
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("x").private_key_pem.write_to_path(other)
    for wrong in (str(other), str(tmp_path / "none.pem"), __file__):
        (problem,) = tls.check(Settings(tls_cert=settings.tls_cert, tls_key=wrong))
        assert problem.level is Level.ERROR


def test_encrypted_key_is_an_error_without_a_password_prompt(certify, tmp_path):
    settings, _ = certify(90)
    key = load_pem_private_key(Path(settings.tls_key).read_bytes(), None)
    locked = tmp_path / "locked.pem"
    sealing = BestAvailableEncryption(b"hush")
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing))
    # If OpenSSL asked for it, the test would wait at the terminal.
    (problem,) = tls.check(Settings(tls_cert=settings.tls_cert, tls_key=str(locked)))
    assert problem.level is Level.ERROR
    assert "encrypted" in problem.found
    assert "openssl pkey" in problem.remedy


def test_public_node_without_tls_is_a_warning():
    (bare,) = tls.check(Settings(host="0.0.0.0"))
    assert bare.level is Level.WARNING
    for fine in (Settings(), Settings(host="0.0.0.0", public_url="https://node.example")):
        assert [each.level for each in tls.check(fine)] == [Level.OK]


# -- this machine ----------------------------------------------------------------------------


@pytest.mark.not_on("win32", reason="there is no limit of descriptors")
@pytest.mark.parametrize(
    ("soft", "most", "level"),
    [
        (20_000, 0, Level.OK),
        (1024, 0, Level.WARNING),
        (20_000, 16_000, Level.OK),
        (20_000, 16_001, Level.WARNING),
        (resource.RLIM_INFINITY, 10**6, Level.OK),
    ],
)
def test_too_few_descriptors_are_a_warning(monkeypatch, soft, most, level):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, 500_000))
    (result,) = machine.check_descriptors(Settings(max_connections=most))
    assert result.level is level


@pytest.mark.parametrize(("state", "level"), [(0, Level.OK), (5, Level.WARNING), (None, Level.OK)])
def test_unsynchronized_clock_is_a_warning(monkeypatch, state, level):
    monkeypatch.setattr(machine, "_clock_state", lambda: state)
    assert machine.check_clock().level is level


@pytest.mark.not_on("win32", "darwin", reason="the kernel cannot be asked for its clock's state")
def test_kernel_reports_the_state_of_the_clock():
    assert machine._clock_state() in range(6)


# -- servers ---------------------------------------------------------------------------------


@pytest.mark.full("coturn")
@pytest.mark.needs("turnserver")
async def test_turn_server_answers(start, free, tmp_path):
    port = str(free)
    options = f"--listening-port {port} --listening-ip 127.0.0.1 --no-tls --no-dtls --no-cli"
    files = f"--pidfile {tmp_path}/pid --db {tmp_path}/db --log-file {tmp_path}/log --simple-log"
    start(free, "turnserver", *options.split(), *files.split())
    settings = SimpleNamespace(
        stun=(f"stun:127.0.0.1:{port}",), turn=(f"turn:127.0.0.1:{port}?transport=tcp", "nonsense")
    )
    with trio.fail_after(60):
        # It listens on TCP before it does on UDP.
        while (answers := await found(ice.check(settings)))[0].level is not Level.OK:  # noqa: ASYNC110
            await trio.sleep(0.05)
    stun, turn, nonsense = answers
    assert (stun.check, stun.level) == ("stun", Level.OK)
    assert (turn.check, turn.level) == ("turn", Level.OK)
    assert nonsense.level is Level.ERROR


async def test_absent_turn_server_is_an_error(free):
    settings = SimpleNamespace(
        stun=("stun:127.0.0.1:1",), turn=(f"turn:127.0.0.1:{free}?transport=tcp",)
    )
    for result in await found(ice.check(settings)):
        assert result.level is Level.ERROR
        assert "firewall" in result.remedy


def test_answer_has_the_transaction_id_of_the_request():
    head = b"\x01\x01\x00\x00\x21\x12\xa4\x42"
    assert is_answer(head + b"t" * 12, b"t" * 12)
    assert not is_answer(head + b"x" * 12, b"t" * 12)
    assert not is_answer(b"HTTP/1.1 400 Bad", b"t" * 12)
    assert not is_answer(b"", b"t" * 12)


@pytest.mark.full("Redis")
@pytest.mark.needs("redis-server")
async def test_redis_needs_the_right_password(start, free):
    options = f"--port {free} --bind 127.0.0.1 --requirepass hush --save"
    start(free, "redis-server", *options.split(), "")
    (well,) = await found(redis.check(Settings(cluster=f"redis://:hush@127.0.0.1:{free}/0")))
    assert well.level is Level.OK
    for credentials in (":5ecret@", ""):
        url = f"redis://{credentials}127.0.0.1:{free}"
        (refused,) = await found(redis.check(Settings(cluster=url)))
        assert refused.level is Level.ERROR
        assert "5ecret" not in f"{refused.found} {refused.remedy}"
        assert "correct the user and the password" in refused.remedy


HELLO = b"%3\r\n$5\r\nproto\r\n:3\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$2\r\nid\r\n:1\r\n"
"""How a Redis introduces itself (RESP3)."""


async def test_redis_certificate_is_verified_with_cluster_ca(nursery, tmp_path):
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)

    async def answer(stream):
        with suppress(trio.BrokenResourceError):
            while request := await stream.receive_some(1000):
                await stream.send_all(HELLO if b"HELLO" in request else b"+PONG\r\n")

    serve = partial(trio.serve_ssl_over_tcp, answer, 0, server, host="127.0.0.1")
    listeners = await nursery.start(serve)
    port = listeners[0].transport_listener.socket.getsockname()[1]
    url = f"rediss://localhost:{port}"
    (known,) = await found(redis.check(Settings(cluster=url, cluster_ca=str(ca))))
    assert known.level is Level.OK
    (stranger,) = await found(redis.check(Settings(cluster=url)))
    assert stranger.level is Level.ERROR
    (useless,) = await found(redis.check(Settings(cluster=url, cluster_ca=__file__)))
    assert "cluster_ca" in useless.found


async def test_absent_redis_is_an_error():
    (gone,) = await found(redis.check(Settings(cluster="redis://:hush@127.0.0.1:1")))
    assert gone.level is Level.ERROR
    assert "hush" not in gone.found


async def test_missing_redis_library_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "coredis", None)
    monkeypatch.delitem(sys.modules, "proxim.backends.redis.coordinator", raising=False)
    (missing,) = await found(redis.check(Settings(cluster="redis://:hush@127.0.0.1:1")))
    assert missing.level is Level.ERROR
    assert missing.remedy == how_to_install("cluster")


async def test_only_configured_servers_are_checked(free):
    results = await found(run_checks(Settings(port=free)))
    assert [each.check for each in results] == ["port", "tls", "descriptors", "clock"]


async def test_relay_for_everybody_on_a_public_node_is_a_warning(free):
    settings = Settings(
        port=free, public_url="https://node.example", turn=("turn:a",), turn_secret="hush"
    )
    results = {each.check: each for each in access.check(settings)}
    assert list(results) == ["turn", "idle_days"]
    assert {each.level for each in results.values()} == {Level.WARNING}
    assert "--idle-days 30" in results["idle_days"].remedy


async def test_checks_warn_of_an_access_token_that_can_be_guessed(free):
    results = await found(run_checks(Settings(port=free, access_token="hush")))
    (told,) = [each for each in results if each.check == "access_token"]
    assert "22 characters" in told.found
    assert "hush" not in told.found + told.remedy
