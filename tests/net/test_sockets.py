import errno
import socket
from contextlib import ExitStack

import pytest
import trio

from proxim.net.sockets import EVERYWHERE, listen, url_of
from proxim.node import Node
from proxim.settings import Settings
from tests.net.helpers import get, parse, read_all


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def opened():
    with ExitStack() as stack:
        yield stack


def without(monkeypatch, address, code):
    """Have the system refuse to listen on an address."""
    listen = trio.open_tcp_listeners

    async def listen_elsewhere(port, *, host):
        if host == address:
            raise OSError(code, "refused")
        return await listen(port, host=host)

    monkeypatch.setattr(trio, "open_tcp_listeners", listen_elsewhere)


@needs_ipv6
async def test_all_addresses_are_those_of_both_families_with_one_port(opened):
    sockets = await listen(EVERYWHERE, 0, opened)
    assert {each.family for each in sockets} == {socket.AF_INET, socket.AF_INET6}
    (port,) = {each.getsockname()[1] for each in sockets}
    assert port > 0


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
@pytest.mark.parametrize(
    ("missing", "family"),
    [("::", socket.AF_INET), pytest.param("0.0.0.0", socket.AF_INET6, marks=needs_ipv6)],
)
async def test_a_machine_with_one_family_listens_on_that(
    opened, monkeypatch, missing, family, code
):
    without(monkeypatch, missing, code)
    assert [each.family for each in await listen(EVERYWHERE, 0, opened)] == [family]


@pytest.mark.parametrize("missing", ["::", "0.0.0.0"])
async def test_an_address_in_use_is_an_error_although_the_other_family_is_free(
    opened, monkeypatch, missing
):
    without(monkeypatch, missing, errno.EADDRINUSE)
    with pytest.raises(OSError, match=r"cannot listen on port .* of ::") as caught:
        await listen(EVERYWHERE, 0, opened)
    assert caught.value.errno == errno.EADDRINUSE


async def test_a_machine_without_any_family_is_an_error(opened, monkeypatch):
    async def refuse(port, *, host):
        raise OSError(errno.EAFNOSUPPORT, "refused")

    monkeypatch.setattr(trio, "open_tcp_listeners", refuse)
    with pytest.raises(OSError, match="refused"):
        await listen(EVERYWHERE, 0, opened)


async def test_a_single_address_that_the_machine_lacks_is_an_error(opened, monkeypatch):
    without(monkeypatch, "192.0.2.1", errno.EADDRNOTAVAIL)
    with pytest.raises(OSError, match="refused"):
        await listen("192.0.2.1", 0, opened)


@needs_ipv6
async def test_the_url_has_an_address_that_others_reach_if_there_is_one(opened, monkeypatch):
    reached = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "2001:db8::7"}
    monkeypatch.setattr("proxim.net.sockets._lan_address", reached.get)
    first, _ = await listen(EVERYWHERE, 0, opened)
    assert url_of(first, secure=False).startswith("http://[2001:db8::7]:")
    reached[socket.AF_INET] = "192.0.2.7"
    first, _ = await listen(EVERYWHERE, 0, opened)
    assert url_of(first, secure=False).startswith("http://192.0.2.7:")


@needs_ipv6
@pytest.mark.parametrize("settings", [{"lan": True}, {"host": "::"}])
async def test_a_node_for_all_addresses_serves_both_families(nursery, settings):
    node = Node(Settings(port=0, **settings))
    await nursery.start(node.run)
    port = int(node.local_url.rpartition(":")[2])
    for address in ("127.0.0.1", "::1"):
        async with await trio.open_tcp_stream(address, port) as stream:
            await stream.send_all(get("/healthz", host="localhost"))
            assert parse(await read_all(stream)).status == 200
    node.stop()
