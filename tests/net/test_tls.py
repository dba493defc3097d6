import ssl

import pytest
import trio
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from trio_websocket import wrap_client_stream

from proxim.node import Node
from proxim.settings import Settings
from tests.net.helpers import Client, MemoryNode, approve, connected, dial, get, parse, read_all


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority):
    """Return a client's context that trusts the node."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def secured(nursery, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("node").configure_cert(context)
    return MemoryNode(nursery, tls=context)


def wrap(memory_node, trusting):
    return trio.SSLStream(
        memory_node.plug(), trusting, server_hostname="node", https_compatible=True
    )


async def over_tls(memory_node, trusting):
    ws = await wrap_client_stream(memory_node.nursery, wrap(memory_node, trusting), "node", "/ws")
    return await Client(ws).welcomed()


async def test_http_is_answered_over_tls(secured, trusting):
    stream = wrap(secured, trusting)
    await stream.send_all(get("/healthz"))
    assert parse(await read_all(stream)).body == "ok\n"


@pytest.mark.parametrize("path", ["/", "/healthz", "/none"])
async def test_over_tls_browsers_are_told_to_use_only_that(secured, trusting, memory_node, path):
    stream = wrap(secured, trusting)
    await stream.send_all(get(path))
    told = parse(await read_all(stream)).headers["strict-transport-security"]
    assert told == "max-age=31536000"
    assert "strict-transport-security" not in (await memory_node.ask(get(path))).headers


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:1"])
async def test_localhost_is_not_bound_to_tls(secured, trusting, host):
    stream = wrap(secured, trusting)
    await stream.send_all(get("/", host=host))
    assert "strict-transport-security" not in parse(await read_all(stream)).headers


async def test_two_sides_pair_over_tls(secured, trusting):
    host, guest = await over_tls(secured, trusting), await over_tls(secured, trusting)
    session_id = await approve(host, guest)
    await host.say("signal", session_id=session_id, data="x" * 60_000)
    assert (await guest.hear("signal"))["data"] == "x" * 60_000
    await host.ws.aclose()
    assert (await guest.hear())["type"] == "peer_offline"


@pytest.mark.parametrize("said", [get("/"), b"\x00" * 50, b"\x16\x03\x01\x00\x05hello", b"x"])
async def test_bytes_that_are_not_tls_end_only_that_connection(secured, trusting, caplog, said):
    bystander = await over_tls(secured, trusting)
    stream = secured.plug()
    await stream.send_all(said)
    await stream.send_eof()
    await read_all(stream)
    assert await bystander.pings()
    assert not caplog.records


async def test_leaving_during_the_handshake_is_not_logged(secured, trusting, caplog):
    bystander = await over_tls(secured, trusting)
    stream = wrap(secured, ssl.create_default_context())
    with pytest.raises(trio.BrokenResourceError):
        await stream.do_handshake()
    await trio.aclose_forcefully(secured.plug())
    assert await bystander.pings()
    assert not caplog.records


async def test_a_node_with_a_certificate_accepts_only_tls(authority, trusting, tmp_path):
    files = write(authority.issue_cert("127.0.0.1"), tmp_path)
    node = Node(Settings(port=0, allow_host=("node",), **files))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            await nursery.start(node.run)
            assert node.url.startswith("https://127.0.0.1:")
            async with connected(node, tls=trusting) as client:
                assert await client.pings()
            async with dial(node) as raw:
                await raw.send_all(get("/"))
                assert not (await raw.receive_some()).startswith(b"HTTP")
            node.stop()


def write(certificate, folder):
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


async def shown_by(node, trusting):
    """Return the certificate that a new connection gets."""
    async with dial(node) as raw:
        stream = trio.SSLStream(raw, trusting, server_hostname="127.0.0.1")
        await stream.do_handshake()
        return stream.getpeercert(binary_form=True)


async def test_a_renewed_certificate_is_for_new_connections_and_drops_none(
    authority, trusting, tmp_path, caplog, nursery
):
    caplog.set_level("INFO", "proxim")
    old, new = authority.issue_cert("127.0.0.1"), authority.issue_cert("127.0.0.1")
    node = Node(Settings(port=0, allow_host=("node",), **write(old, tmp_path)))
    with trio.fail_after(30):
        await nursery.start(node.run)
        async with connected(node, tls=trusting) as host, connected(node, tls=trusting) as guest:
            session_id = await approve(host, guest)
            before = await shown_by(node, trusting)
            write(new, tmp_path)
            assert await shown_by(node, trusting) == before
            node.reload_certificate()
            after = await shown_by(node, trusting)
            assert before == ssl.PEM_cert_to_DER_cert(old.cert_chain_pems[0].bytes().decode())
            assert after == ssl.PEM_cert_to_DER_cert(new.cert_chain_pems[0].bytes().decode())
            await host.say("signal", session_id=session_id, data="still here")
            assert (await guest.hear("signal"))["data"] == "still here"
        node.stop()
    assert [record.message for record in caplog.records] == ["the certificate is renewed"]


@pytest.mark.parametrize("spoil", ["missing", "junk", "strangers", "folder", "locked"])
async def test_a_bad_renewal_is_logged_and_the_old_certificate_stays(
    authority, trusting, tmp_path, caplog, nursery, spoil
):
    node = Node(Settings(port=0, **write(authority.issue_cert("127.0.0.1"), tmp_path)))
    with trio.fail_after(30):
        await nursery.start(node.run)
        before = await shown_by(node, trusting)
        key = tmp_path / "key.pem"
        if spoil == "strangers":
            authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
        elif spoil == "junk":
            key.write_text("junk")
        elif spoil == "locked":
            key.write_bytes(_encrypted())
        else:
            key.unlink()
            if spoil == "folder":
                key.mkdir()
        node.reload_certificate()
        assert await shown_by(node, trusting) == before
        node.stop()
    (record,) = caplog.records
    assert "the one before stays: tls_" in record.getMessage()
    assert record.levelname == "ERROR"


def _encrypted():
    """Write a private key that is encrypted with a password."""
    key = ec.generate_private_key(ec.SECP256R1())
    locked = serialization.BestAvailableEncryption(b"secret")
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, locked)


async def test_renewal_without_a_certificate_does_nothing(caplog, nursery):
    caplog.set_level("INFO", "proxim")
    node = Node(Settings(port=0))
    await nursery.start(node.run)
    node.reload_certificate()
    node.stop()
    assert not caplog.records
