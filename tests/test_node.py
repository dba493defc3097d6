import socket

import pytest
import trio

from proxim import run_in_thread
from proxim.net.limits import Limits
from proxim.node import Node, serve
from proxim.protocol.errors import ConnectionLost, InvalidSetting
from proxim.settings import Settings
from tests.net.helpers import approve, connected, dial, get, open_session, parse, read_all, shake

ENDED = {"type": "session_ended", "status": "expired", "reason": "shutdown"}


class Stoppable:
    """A node that runs until it is stopped or cancelled."""

    def __init__(self, **settings):
        self.node = Node(
            Settings(**{"port": 0, "allow_host": ("node",), **settings}),
            limits=Limits(close_time=0.5),
        )
        self.scope = trio.CancelScope()
        self.returned = trio.Event()

    async def run(self, *, task_status):
        with self.scope:
            await self.node.run(task_status=task_status)
        self.returned.set()


@pytest.fixture
async def start():
    """Starts nodes, and stops them after the test."""
    started = []
    async with trio.open_nursery() as nursery:

        async def start(**settings):
            stoppable = Stoppable(**settings)
            await nursery.start(stoppable.run)
            started.append(stoppable)
            return stoppable

        yield start
        for each in started:
            each.node.stop()


def port_of(node):
    return int(node.url.rpartition(":")[2])


async def healthy(node):
    async with dial(node) as stream:
        await stream.send_all(get("/healthz"))
        return parse(await read_all(stream)).status == 200


async def test_a_started_node_accepts_and_a_stopped_one_does_not(start):
    running = await start()
    assert await healthy(running.node)
    running.node.stop()
    with trio.fail_after(20):
        await running.returned.wait()
    with pytest.raises(OSError, match="all attempts to connect"):
        await healthy(running.node)


async def test_port_zero_is_a_free_one(start):
    first, second = await start(), await start()
    assert 0 < port_of(first.node) != port_of(second.node) > 0


async def test_a_name_with_several_addresses_gets_one_port(start, monkeypatch):
    listen, opened = trio.open_tcp_listeners, []

    async def listen_twice(port, *, host):
        assert host == "localhost"
        pair = [*await listen(port, host="127.0.0.1"), *await listen(port, host="127.0.0.1")]
        opened.extend(listener.socket.getsockname() for listener in pair)
        return pair

    monkeypatch.setattr(trio, "open_tcp_listeners", listen_twice)
    running = await start(host="localhost")
    assert await healthy(running.node)
    assert port_of(running.node) == opened[0][1]
    with pytest.raises(OSError, match=r"refused|connect"):
        await trio.open_tcp_stream(*opened[1])


async def test_the_url_of_a_lan_node_names_no_wildcard(start):
    running = await start(lan=True)
    assert "0.0.0.0" not in running.node.url
    assert await healthy(running.node)


async def test_a_public_url_is_what_links_begin_with(start):
    running = await start(public_url="https://node.example/base/")
    assert running.node.url == "https://node.example/base/"


async def test_links_begin_with_the_url(start):
    running = await start()
    async with connected(running.node) as host:
        await open_session(host)
        created = await host.ask("create_session", session_type="persistent", qr="svg")
    assert created["link"].startswith(f"{running.node.url}/join#")
    assert "<svg" in created["qr_svg"]


async def test_an_ipv6_address_stands_in_brackets(start):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    running = await start(host="::1")
    assert running.node.url == f"http://[::1]:{port_of(running.node)}"
    async with connected(running.node) as client:
        assert await client.pings()


async def test_the_welcome_tells_the_settings(start):
    running = await start(approval_timeout=12.5)
    async with connected(running.node) as client:
        assert client.welcome["approval_timeout"] == 12.5
        assert client.welcome["max_message_bytes"] == Limits().message_size
        assert client.welcome["protocol"] == 1
        assert client.welcome["join_url"] == f"{running.node.url}/join"


async def test_the_welcome_tells_where_links_lead(start):
    page = "https://app.example/pair"
    running = await start(join_url=page)
    async with connected(running.node) as client:
        assert client.welcome["join_url"] == page


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_whoever_sits_hears_of_the_end_and_is_then_closed(start, how):
    running = await start()
    async with connected(running.node) as host, connected(running.node) as guest:
        session_id = await approve(host, guest)
        pending = (await host.ask("create_session", session_type="one_time"))["session"]
        running.node.stop() if how == "stopped" else running.scope.cancel()
        with trio.fail_after(20):
            heard = [await host.hear(), await host.hear()]
            for each in (session_id, pending["session_id"]):
                assert {**ENDED, "session_id": each} in heard
            assert await guest.hear() == {**ENDED, "session_id": session_id}
            assert [await host.ending(), await guest.ending()] == [1001, 1001]
            await running.returned.wait()


async def test_a_draining_node_says_so_and_waits_for_nobody_for_long(start):
    running = await start()
    async with dial(running.node) as silent:
        await shake(silent)
        running.node.stop()
        assert not await healthy(running.node)
        with trio.fail_after(20):
            await running.returned.wait()


async def test_a_port_in_use_is_an_oserror(start):
    running = await start()
    with pytest.raises(OSError, match="in use"):
        await Node(Settings(port=port_of(running.node))).run()


@pytest.mark.parametrize("missing", ["tls_cert", "tls_key"])
async def test_a_missing_certificate_file_is_named(tmp_path, missing):
    files = {name: str(tmp_path / name) for name in ("tls_cert", "tls_key")}
    for name in files.keys() - {missing}:
        (tmp_path / name).write_text("x")
    with pytest.raises(InvalidSetting, match=f"{missing}: there is no file .*{missing}"):
        await Node(Settings(port=0, **files)).run()


async def test_a_bad_certificate_is_an_invalid_setting(tmp_path):
    path = tmp_path / "junk.pem"
    path.write_text("junk")
    with pytest.raises(InvalidSetting, match="tls_cert and tls_key"):
        await Node(Settings(port=0, tls_cert=str(path), tls_key=str(path))).run()


async def ask_aside(node, path):
    host, port = node.metrics_address
    stream = await trio.open_tcp_stream(host, port)
    async with stream:
        await stream.send_all(get(path, host=f"{host}:{port}"))
        return parse(await read_all(stream))


async def test_metrics_can_have_an_address_of_their_own(start):
    running = await start(metrics_listen="127.0.0.1:0")
    async with dial(running.node) as stream:
        await stream.send_all(get("/metrics", host="127.0.0.1"))
        assert parse(await read_all(stream)).status == 404
    answer = await ask_aside(running.node, "/metrics")
    assert answer.status == 200
    assert "proxim_sessions" in answer.body
    assert (await ask_aside(running.node, "/readyz")).body == "ready\n"
    for path in ("/", "/ws", "/join"):
        assert (await ask_aside(running.node, path)).status == 404


async def test_who_is_slow_or_rude_aside_holds_up_nobody(start):
    running = await start(metrics_listen="127.0.0.1:0")
    async with await trio.open_tcp_stream(*running.node.metrics_address) as rude:
        await rude.send_all(b"\x00\r\n\r\n")
        assert (await ask_aside(running.node, "/metrics")).status == 200
        assert parse(await read_all(rude)).status == 400


async def test_an_address_for_metrics_that_is_taken_is_told(start):
    running = await start(metrics_listen="127.0.0.1:0")
    taken = "{}:{}".format(*running.node.metrics_address)
    with pytest.raises(OSError, match=r"metrics_listen: .*in use"):
        await Node(Settings(port=0, metrics_listen=taken)).run()


# -- inside an application --------------------------------------------------------------------


async def test_a_node_runs_inside_a_block_and_says_good_bye_at_its_end():
    async with Node(port=0) as node:
        assert await healthy(node)
        session = await node.open_session()
        events = node.events()
    assert (await session.ended()).reason == "shutdown"
    assert [event.session.reason async for event in events] == ["shutdown"]
    with pytest.raises(OSError, match="all attempts to connect"):
        await healthy(node)
    with pytest.raises(ConnectionLost):
        await node.open_session()


async def test_what_is_raised_inside_the_block_comes_out_as_it_was():
    with pytest.raises(ZeroDivisionError):
        async with Node(port=0):
            raise ZeroDivisionError


async def test_a_cancelled_block_says_good_bye():
    with trio.CancelScope() as scope:
        async with Node(port=0) as node:
            session = await node.open_session()
            scope.cancel()
            await trio.sleep_forever()
    assert (await session.ended()).reason == "shutdown"


async def test_a_port_in_use_is_raised_where_the_block_begins():
    async with Node(port=0) as first:
        with pytest.raises(OSError, match="in use"):
            async with Node(port=port_of(first)):
                pytest.fail("there is no second one")


async def test_a_node_runs_once_and_says_so_the_second_time(start):
    node = Node(port=0)
    async with node:
        with pytest.raises(RuntimeError, match="runs once; make another"):
            async with node:
                raise AssertionError("it ran twice")
        async with await trio.open_tcp_stream("127.0.0.1", int(node.url.rpartition(":")[2])):
            pass
    for again in (node.__aenter__, node.run):
        with pytest.raises(RuntimeError, match="runs once; make another"):
            await again()


async def test_serve_starts_with_the_node(nursery):
    node = await nursery.start(serve, Settings(port=0))
    assert await healthy(node)
    node.stop()


async def test_a_node_that_does_not_run_opens_no_session():
    with pytest.raises(ConnectionLost, match="does not run"):
        await Node(port=0).open_session()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": -1}, "port must be a whole number from 0 to 65535, not -1"),
        ({"port": "8765"}, "port must be a whole number"),
        ({"prot": 1}, "there is no setting 'prot'; known: host, port"),
        ({"access_token": ""}, "access_token must be a text of 1 to 512 characters$"),
        ({"settings": Settings(), "port": 0}, "not both: port"),
        ({"settings": Settings(port=70_000)}, "port must be a whole number"),
        ({"lan": True, "host": "::1"}, "lan listens on all addresses"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named(given, message):
    with pytest.raises(InvalidSetting, match=message):
        Node(**given)


async def test_a_path_is_a_setting_as_its_text_is(tmp_path):
    node = Node(tls_cert=tmp_path / "cert", tls_key=tmp_path / "key")
    assert node.settings.tls_cert == str(tmp_path / "cert")


@pytest.fixture
def damaged(tmp_path):
    """The settings of a node whose store cannot be used."""
    path = tmp_path / "sessions.db"
    path.write_bytes(b"not a database" * 1000)
    return {"port": 0, "store": f"sqlite://{path}", "store_key": "k" * 32}


async def test_unusable_store_is_raised_as_it_is(damaged):
    with pytest.raises(InvalidSetting, match="is damaged"):
        await Node(**damaged).run()
    with pytest.raises(InvalidSetting, match="is damaged"):
        async with Node(**damaged):
            raise AssertionError("it started")
    with pytest.raises(InvalidSetting, match="is damaged"):
        await serve(**damaged)


def test_unusable_store_is_raised_where_the_thread_is_started(damaged):
    with pytest.raises(InvalidSetting, match="is damaged"):
        run_in_thread(**damaged)


async def test_no_session_is_opened_after_a_failed_start(damaged):
    node = Node(**damaged)
    with pytest.raises(InvalidSetting):
        await node.run()
    with pytest.raises(ConnectionLost, match="does not run"):
        await node.open_session()


async def test_no_session_is_opened_during_the_start(nursery, tmp_path):
    node = Node(port=0, store=f"sqlite://{tmp_path / 'sessions.db'}", store_key="k" * 32)
    nursery.start_soon(node.run)
    with pytest.raises(ConnectionLost, match="does not run"):
        await node.open_session()
    node.stop()


async def test_persistent_session_of_the_application_ends_with_its_node(tmp_path):
    store = {"store": f"sqlite://{tmp_path / 'sessions.db'}", "store_key": "k" * 32}
    async with Node(port=0, **store) as node:
        session = await node.open_session("persistent")
    assert isinstance(session.over, ConnectionLost)
