"""A provider of ICE servers: requests to a real HTTP server, and its responses."""

import json
import logging
import ssl
from functools import partial

import pytest
import trio
import trustme

from proxim.ice import ConfiguredIce, IceOptions
from proxim.ice import provider as provider_module
from proxim.ice.http_client import MAX_RESPONSE_BYTES, HttpError, post_json
from proxim.ice.provider import Provider, UnusableResponse, parse_response
from proxim.node import Node
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import IceServer
from proxim.session.ice import IceGrant
from proxim.settings import Settings
from tests.client.helpers import paired

PATIENCE = 60
SERVER = {"urls": ["turn:a:3478"], "username": "u", "credential": "c"}
GIVEN = IceServer(["turn:a:3478"], "u", "c")
GOOD = json.dumps({"iceServers": [SERVER], "ttl": 1000}).encode()


def http(body, status="200 OK"):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Service:
    """Sends prepared answers; ``asked`` has the requests."""

    def __init__(self, nursery, *answers, tls=None):
        self.answers = list(answers)
        self.asked = []
        self.served = trio.Event()
        self._nursery = nursery
        self._tls = tls

    async def start(self, login=""):
        listeners = await self._nursery.start(
            partial(trio.serve_tcp, self._serve, 0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{login}127.0.0.1:{port}/credentials?zone=1"

    async def _serve(self, stream):
        if self._tls:
            stream = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        asked = b""
        try:
            while b"\r\n\r\n{" not in asked or not asked.endswith(b"}"):
                asked += await stream.receive_some() or b"}"
            self.asked.append(asked.decode())
            self.served.set()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await trio.sleep_forever()
            await stream.send_all(answer)
            await stream.aclose()
        except trio.BrokenResourceError:
            pass


@pytest.fixture
async def serve(nursery):
    """Starts a service with these answers; returns it and its URL."""

    async def serve(*answers, login="", tls=None):
        service = Service(nursery, *answers, tls=tls)
        return service, await service.start(login)

    yield serve
    nursery.cancel_scope.cancel()


async def post(url, token=None):
    with trio.fail_after(PATIENCE):
        return await post_json(url, b'{"ttl":1}', agent="proxim/0", token=token)


async def granted(source, *peer):
    with trio.fail_after(PATIENCE):
        while not (grant := source.grant(86_400.0, *peer)).servers:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.01)
    return grant


# -- the request ---------------------------------------------------------------------------------


async def test_request_is_json_with_a_bearer_token(serve):
    service, url = await serve(http(GOOD, "201 Created"))
    assert await post(url, token="hush") == GOOD
    head, _, body = service.asked[0].partition("\r\n\r\n")
    line, *fields = head.split("\r\n")
    headers = {name.lower(): value for name, value in (field.split(": ") for field in fields)}
    assert line == "POST /credentials?zone=1 HTTP/1.1"
    assert headers["host"] == url.split("/")[2]
    assert headers["authorization"] == "Bearer hush"
    assert headers["content-type"] == "application/json"
    assert body == '{"ttl":1}'


async def test_user_and_password_in_the_url_are_basic_credentials(serve):
    service, url = await serve(http(GOOD), login="na%40me:word@")
    await post(url)
    assert "Authorization: Basic bmFAbWU6d29yZA==" in service.asked[0]
    assert "na%40me" not in service.asked[0]


async def test_chunked_response_is_read(serve):
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, GOOD[at : at + 1]) for at in range(len(GOOD)))
    _, url = await serve(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    assert await post(url) == GOOD


async def test_error_does_not_show_a_token_that_http_forbids(serve):
    service, url = await serve(http(GOOD))
    with pytest.raises(HttpError, match="characters that HTTP does not allow") as caught:
        await post(url, token="hush\n")
    assert "hush" not in str(caught.value)
    assert service.asked == []


@pytest.mark.parametrize("token", ["hush\n", "hush hush", "hüsh", "hush\x7f"])
def test_invalid_token_is_refused(token):
    with pytest.raises(InvalidSetting, match=r"^ice_provider_token: this has a char") as caught:
        Settings(ice_provider="https://turn.example", ice_provider_token=token)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("path", ["se cret", "secrét", "secret\n"])
def test_invalid_url_is_refused(path):
    with pytest.raises(InvalidSetting, match=r"^ice_provider: ") as caught:
        Settings(ice_provider=f"https://turn.example/{path}")
    assert "secr" not in str(caught.value)


async def test_tls_certificate_is_verified(serve, tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    _, url = await serve(http(GOOD), tls=context)
    with pytest.raises(HttpError, match=r"TLS|connection broke"):
        await post(url)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert await post(url) == GOOD


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(b"", "500 Oops"), "it answers 500"),
        (http(b"", "302 Found"), "it answers 302"),
        (http(b"x" * (MAX_RESPONSE_BYTES + 1)), "more than 65536 bytes"),
        (b"SSH-2.0-nothing\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "is not HTTP"),
        (b"", "is not HTTP"),
    ],
)
async def test_unusable_response_is_an_error(serve, answer, why):
    _, url = await serve(answer)
    with pytest.raises(HttpError, match=why):
        await post(url)


async def test_unreachable_provider_is_an_error(serve):
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(HttpError, match="cannot be reached"):
        await post(f"http://127.0.0.1:{port}")


# -- the response --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"iceServers": [SERVER]},
        {"iceServers": SERVER},
        {"ice_servers": [{**SERVER, "url": "turn:a:3478", "more": 1}], "password": "p"},
        {"iceServers": [{**SERVER, "urls": "turn:a:3478"}]},
    ],
)
def test_usual_shapes_are_understood(answer):
    assert parse_response(json.dumps(answer).encode(), 1.0).servers == [GIVEN]


@pytest.mark.parametrize("ttl", [60, 60.0, "60"])
def test_ttl_may_be_a_number_or_a_string(ttl):
    assert parse_response(json.dumps({"iceServers": SERVER, "ttl": ttl}).encode(), 1.0).ttl == 60.0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[" * 100_000,
        b'"\xff"',
        b"[]",
        b"{}",
        b'{"iceServers": []}',
        b'{"iceServers": [{"urls": []}]}',
        b'{"iceServers": [{"urls": "http://a"}]}',
        b'{"iceServers": [{"urls": "turn:a"}]}',
        b'{"iceServers": [{"urls": ["stun:a"]}], "ttl": 0}',
        b'{"iceServers": [{"urls": ["stun:a"]}], "ttl": "soon"}',
        json.dumps({"iceServers": [SERVER] * 33}).encode(),
    ],
)
def test_malformed_response_is_not_used(answer):
    with pytest.raises(UnusableResponse):
        parse_response(answer, 1.0)


# -- the servers handed out-----------------------------------------------------------------------


def options(url, **more):
    return IceOptions(ice_provider=url, **more)


async def test_servers_of_the_provider_are_added_to_configured_ones(serve, nursery):
    service, url = await serve(http(GOOD))
    source = ConfiguredIce(options(url, stun=("stun:s",), turn_ttl=30.0, ice_provider_cache=10.0))
    assert source.grant(50.0, "peer") == IceGrant([IceServer(["stun:s"])], 50.0)
    nursery.start_soon(source.run)
    with trio.fail_after(PATIENCE):
        while len((grant := source.grant(86_400.0, "peer")).servers) < 2:  # noqa: ASYNC110
            await trio.sleep(0.01)
    assert grant == IceGrant([IceServer(["stun:s"]), GIVEN], 30.0)
    assert source.grant(7.0, "peer").ttl == 7.0
    assert json.loads(service.asked[0].partition("\r\n\r\n")[2]) == {"ttl": 40}


async def test_failing_provider_is_retried_and_logged_once(serve, nursery, caplog, monkeypatch):
    monkeypatch.setattr(provider_module, "FIRST_RETRY", 0.01)
    caplog.set_level(logging.INFO)
    failure = http(b"no", "503 Busy")
    _, url = await serve(failure, failure, b"", http(GOOD), login="name:hush@")
    provider = Provider(options(url))
    nursery.start_soon(provider.run)
    assert (await granted(provider)).servers == [GIVEN]
    assert [record.getMessage() for record in caplog.records] == [
        "the ICE provider 127.0.0.1 failed: it answers 503; sessions continue without it",
        "the ICE provider 127.0.0.1 answers again",
    ]


async def test_silent_provider_times_out(serve, nursery, caplog):
    _, url = await serve(None)
    nursery.start_soon(Provider(options(url, ice_provider_timeout=0.1)).run)
    with trio.fail_after(PATIENCE):
        while not caplog.records:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.01)
    assert "no answer in 0.1 s" in caplog.text


async def test_node_hands_out_servers_of_its_provider(serve, nursery):
    _, url = await serve(http(GOOD))
    node = Node(Settings(port=0, ice_provider=url))
    await nursery.start(node.run)
    await granted(node.ice, "peer")
    async with paired(node.url) as (session, guest):
        assert session.ice_servers == guest.ice_servers == [GIVEN]
    node.stop()


async def test_sessions_get_configured_servers_while_the_provider_is_down(serve, nursery):
    service, url = await serve(None)
    node = Node(Settings(port=0, ice_provider=url, stun=("stun:s",)))
    await nursery.start(node.run)
    with trio.fail_after(PATIENCE):
        await service.served.wait()
        async with paired(node.url) as (session, guest):
            assert session.ice_servers == guest.ice_servers == [IceServer(["stun:s"])]
    node.stop()


class Clockwork:
    """A provider without a socket, for tests of time: prepared answers, times of requests."""

    def __init__(self, monkeypatch, *answers):
        self.answers = list(answers)
        self.asked = []
        monkeypatch.setattr(provider_module, "post_json", self._post)

    async def _post(self, url, body, *, agent, token):
        await trio.lowlevel.checkpoint()
        self.asked.append(trio.current_time())
        answer = self.answers.pop(0) if self.answers else HttpError("down")
        if isinstance(answer, Exception):
            raise answer
        return json.dumps({"iceServers": SERVER, "ttl": answer}).encode()


async def test_provider_is_asked_at_the_cache_time_and_used_until_expiry(
    nursery, autojump_clock, monkeypatch
):
    work = Clockwork(monkeypatch, 1000, 1000)
    provider = Provider(options("http://a", ice_provider_cache=100.0))
    start = trio.current_time()
    nursery.start_soon(provider.run)
    await trio.sleep(230)
    asked = [at - start for at in work.asked]
    # Twice at the cache time; then it is down, and retries follow after 2, 4, 8 seconds.
    assert asked == pytest.approx([0, 100, 200, 202, 206, 214])
    assert provider.grant(5000.0).ttl == pytest.approx(1000 - 130)
    await trio.sleep(1000 - 130)
    assert provider.grant(5000.0) == IceGrant([], 5000.0)
    nursery.cancel_scope.cancel()


async def test_short_ttl_is_renewed_before_the_cache_time(nursery, autojump_clock, monkeypatch):
    work = Clockwork(monkeypatch, 60, 60, 60, 60)
    start = trio.current_time()
    nursery.start_soon(Provider(options("http://a")).run)
    await trio.sleep(95)
    assert [at - start for at in work.asked] == pytest.approx([0, 30, 60, 90])
    nursery.cancel_scope.cancel()
