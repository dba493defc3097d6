import ssl

import pytest
import trio
import trustme
from trio_websocket import wrap_client_stream

from proxim.node import Node
from proxim.settings import Settings
from tests.net.helpers import Client, House, approve, connected, dial, get, parse, read_all


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority):
    """What a client needs to trust the node."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def secured(nursery, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("node").configure_cert(context)
    return House(nursery, tls=context)


def wrap(house, trusting):
    return trio.SSLStream(house.plug(), trusting, server_hostname="node", https_compatible=True)


async def over_tls(house, trusting):
    ws = await wrap_client_stream(house.nursery, wrap(house, trusting), "node", "/ws")
    return await Client(ws).welcomed()


async def test_http_is_answered_over_tls(secured, trusting):
    stream = wrap(secured, trusting)
    await stream.send_all(get("/healthz"))
    assert parse(await read_all(stream)).body == "ok\n"


async def test_two_sides_meet_over_tls(secured, trusting):
    host, guest = await over_tls(secured, trusting), await over_tls(secured, trusting)
    session_id = await approve(host, guest)
    await host.say("signal", session_id=session_id, data="x" * 60_000)
    assert (await guest.hear("signal"))["data"] == "x" * 60_000
    await host.ws.aclose()
    assert (await guest.hear())["type"] == "peer_offline"


@pytest.mark.parametrize("said", [get("/"), b"\x00" * 50, b"\x16\x03\x01\x00\x05hello", b"x"])
async def test_what_is_no_tls_ends_that_connection_alone(secured, trusting, caplog, said):
    bystander = await over_tls(secured, trusting)
    stream = secured.plug()
    await stream.send_all(said)
    await stream.send_eof()
    await read_all(stream)
    assert await bystander.pings()
    assert not caplog.records


async def test_leaving_within_the_handshake_harms_nothing(secured, trusting, caplog):
    bystander = await over_tls(secured, trusting)
    stream = wrap(secured, ssl.create_default_context())
    with pytest.raises(trio.BrokenResourceError):
        await stream.do_handshake()
    await trio.aclose_forcefully(secured.plug())
    assert await bystander.pings()
    assert not caplog.records


async def test_a_node_with_a_certificate_speaks_tls_alone(authority, trusting, tmp_path):
    cert = authority.issue_cert("127.0.0.1")
    cert.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    cert.private_key_pem.write_to_path(tmp_path / "key.pem")
    node = Node(
        Settings(
            port=0,
            tls_cert=str(tmp_path / "cert.pem"),
            tls_key=str(tmp_path / "key.pem"),
            allow_host=("node",),
        )
    )
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(node.run)
            assert node.url.startswith("https://127.0.0.1:")
            async with connected(node, tls=trusting) as client:
                assert await client.pings()
            async with dial(node) as raw:
                await raw.send_all(get("/"))
                assert not (await raw.receive_some()).startswith(b"HTTP")
            node.stop()
