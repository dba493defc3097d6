from functools import partial

import h11
import pytest
import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from proxim.net.http import BadRequest, _plain_request, _read_with_h11, read_request
from proxim.net.limits import Limits
from proxim.protocol import schema
from proxim.settings import Settings
from tests.net.helpers import MemoryNode, get, read_all, request

GOOD = b"GET /join?x=1 HTTP/1.1\r\nHost: node\r\nX-One: a\r\nX-One: b, c\r\n\r\n"
LIMITS = Limits(head_size=1000, head_fields=10)


async def read(*pieces, end=False):
    ours, theirs = trio.testing.memory_stream_pair()
    for piece in pieces:
        await ours.send_all(piece)
    if end:
        await ours.send_eof()
    return await read_request(theirs, LIMITS)


async def refused(*pieces, end=False):
    with pytest.raises(BadRequest) as caught:
        await read(*pieces, end=end)
    return caught.value.status


async def test_a_head_may_arrive_in_any_pieces():
    request = await read(*[bytes([byte]) for byte in GOOD], b"rest")
    assert (request.method, request.path, request.http_version) == ("GET", "/join", b"1.1")
    assert request.header(b"x-one") == b"a, b, c"
    assert request.tokens(b"x-one") == ["a", "b", "c"]
    assert request.header(b"x-two") == b""


async def test_bytes_after_the_head_are_kept():
    assert (await read(GOOD + b"\x81\x00")).rest == b"\x81\x00"


def headed(size):
    start = b"GET / HTTP/1.1\r\nHost: node\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


async def test_the_size_of_a_head_is_limited():
    assert (await read(headed(1000), b"rest" * 1000)).path == "/"
    assert await refused(headed(1001)) == 431
    assert await refused(headed(5000)) == 431
    assert await refused(headed(5000)[:1001], end=True) == 431


async def test_the_number_of_header_fields_is_limited():
    fields = [b"X%d:" % number for number in range(9)]
    start = [b"GET / HTTP/1.1", b"Host: node"]
    assert len((await read(b"\r\n".join([*start, *fields, b"", b""]))).headers) == 10
    assert await refused(b"\r\n".join([*start, *fields, b"Y:", b"", b""])) == 431


async def test_the_time_for_a_head_is_limited(autojump_clock):
    ours, theirs = trio.testing.memory_stream_pair()

    async def trickle():
        while True:
            await ours.send_all(b"x")
            await trio.sleep(0.7)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trickle)
        with pytest.raises(BadRequest) as caught:
            await read_request(theirs, LIMITS)
        nursery.cancel_scope.cancel()
    assert (caught.value.status, trio.current_time()) == (408, LIMITS.head_time)


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : node\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: no\x00de\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: node\r\n\r\n",
        b"",
        b"GET / HTTP/1.1\r\nHost:",
    ],
)
async def test_a_malformed_head_is_a_bad_request(head):
    assert await refused(head, end=True) == 400


@pytest.mark.parametrize(
    "head",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: node\r\n\r\n",
        b"GET / HTTP/2\r\n",
        b"GET / HTTP/0.9\r\nHost: node\r\n\r\n",
    ],
)
async def test_other_versions_of_http_are_refused(head):
    assert await refused(head) == 505


async def test_a_bad_request_is_answered(memory_node):
    answer = await memory_node.ask(b"\x00\xff nonsense\r\n\r\n")
    assert (answer.status, answer.headers["connection"]) == (400, "close")


async def test_a_slow_request_is_answered(memory_node, autojump_clock):
    assert (await memory_node.ask(b"GET / HT")).status == 408


@pytest.mark.parametrize("path", ["/", "/join", "/healthz", "/readyz", "/schema.json", "/metrics"])
async def test_head_is_get_without_the_body(memory_node, path):
    ask = partial(memory_node.ask, peer="127.0.0.1")
    full = await ask(get(path, host="localhost"))
    empty = await ask(get(path, "HEAD", host="localhost"))
    assert full.status == empty.status == 200
    assert full.headers["content-length"] == str(len(full.body))
    # Figures of the process grow in the meantime.
    assert path == "/metrics" or empty.headers["content-length"] == full.headers["content-length"]
    assert empty.body == ""


async def test_pages_of_all_origins_may_read_the_schema(memory_node):
    answer = await memory_node.ask(get("/schema.json"))
    assert answer.body == schema.text()
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/", "/join", "/healthz", "/readyz", "/metrics", "/ws"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_another_method_is_refused_with_the_allowed_ones(memory_node, path, method):
    answer = await memory_node.ask(get(path, method))
    assert (answer.status, answer.headers["allow"]) == (405, "get, head")


@pytest.mark.parametrize("path", ["/nothing", "/join/x", "//", "/ws/", "/%6aoin", "*"])
async def test_an_unknown_path_is_not_found(memory_node, path):
    assert (await memory_node.ask(get(path))).status == 404


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://node.example:81/healthz?x=1", "/healthz", b"node.example:81"),
        (b"HTTPS://NODE", "/", b"NODE"),
        (b"http://node?x=1", "/", b"node"),
        (b"http://[::1]:8765/ws", "/ws", b"[::1]:8765"),
        (b"http:///join", "/join", b""),
    ],
)
async def test_the_authority_of_an_absolute_target_counts_in_place_of_host(target, path, host):
    request = await read(b"GET %b HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n" % target)
    assert (request.path, request.header(b"host")) == (path, host)
    assert request.header(b"x") == b"y"


@pytest.mark.parametrize(("target", "status"), [("http://node/ws", 101), ("http://evil/ws", 403)])
async def test_an_absolute_target_is_served_if_its_authority_is_a_name_of_the_node(
    memory_node, target, status
):
    async with memory_node.plug() as stream:
        host = {101: "evil", 403: "node"}[status]
        await stream.send_all(request(path=target, Host=host))
        assert (await stream.receive_some())[9:12] == b"%d" % status
    assert (await memory_node.ask(get("http://node/healthz", host="evil"))).status == 200
    assert (await memory_node.ask(get("http://evil/healthz", host="node"))).status == 404


async def test_the_metrics_are_not_for_an_absolute_target_of_another_name(memory_node):
    for host, status in (("127.0.0.1:1", 200), ("node", 403), ("evil.example", 404)):
        target = get(f"http://{host}/metrics", host="127.0.0.1")
        assert (await memory_node.ask(target, "127.0.0.1")).status == status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_plain_request_for_the_websocket_is_refused(memory_node, method):
    answer = await memory_node.ask(get("/ws", method))
    assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")


@pytest.mark.parametrize("path", ["/", "/metrics", "/none", "/ws"])
async def test_every_response_passes_a_strict_parser(memory_node, path):
    stream, reader = memory_node.plug(), h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target=path, headers=[("Host", "node")]))
    reader.send(h11.EndOfMessage())
    await stream.send_all(get(path))
    reader.receive_data(await read_all(stream))
    events = [type(reader.next_event()) for _ in range(3)]
    assert events == [h11.Response, h11.Data, h11.EndOfMessage]


async def test_a_draining_node_says_so_and_accepts_no_websocket(memory_node):
    assert (await memory_node.ask(get("/healthz"))).status == 200
    memory_node.node.leaving = True
    assert (await memory_node.ask(get("/healthz"))).status == 503
    assert (await memory_node.ask(get("/readyz"))).status == 503
    # Clients are accepted until a load balancer has had time to see that the node drains.
    assert await (await memory_node.client()).pings()
    memory_node.node.draining = True
    assert (await memory_node.ask(request())).status == 503
    assert (await memory_node.ask(get("/"))).status == 200


LABELS = {
    *("type", "status", "reason", "outcome", "code", "limit", "le"),
    *("version", "python", "trio"),
}


async def test_the_metrics_can_be_parsed_and_contain_no_names(memory_node):
    _host, _guest, session_id = await memory_node.pair()
    answer = await memory_node.ask(get("/metrics", host="127.0.0.1"), "127.0.0.1")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.body))
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels == LABELS
    for identity in (session_id, "desk", "Phone", "phone-1"):
        assert identity not in answer.body


async def test_only_this_machine_may_read_the_metrics(memory_node):
    local = get("/metrics", host="127.0.0.1")
    assert (await memory_node.ask(local, "::1")).status == 200
    for asked, peer in (
        (local, "192.0.2.1"),
        (local, None),
        (get("/metrics", host="evil.example"), "127.0.0.1"),
        (local.replace(b"\r\n\r\n", b"\r\nForwarded: for=192.0.2.1\r\n\r\n"), "127.0.0.1"),
    ):
        answer = await memory_node.ask(asked, peer)
        assert answer.status == 403
        assert "metrics_listen" in answer.body
        assert "proxim_" not in answer.body


async def test_with_a_metrics_port_the_main_port_has_no_metrics(nursery):
    memory_node = MemoryNode(nursery, settings=Settings(metrics_listen="127.0.0.1:0"))
    assert (await memory_node.ask(get("/metrics", host="127.0.0.1"), "127.0.0.1")).status == 404


# -- simple heads are parsed without h11, and as h11 parses them --------------------------------

NAMES = [
    "Host",
    "host",
    "X-One",
    "Upgrade",
    "Content-Length",
    "Transfer-Encoding",
    "A!#$",
    "a b",
    "",
]
VALUES = ["node", "", "a, b", " a", "a ", "a\tb", "5", "chunked", "\xe9", "\x00", "a:b", "x" * 300]
heads = st.tuples(
    st.sampled_from(["GET", "get", "POST", "GE T"]),
    st.sampled_from(["/", "/ws", "/join?x=1#y", "*", "http://node/", "/a b", "/\xff", ""]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2", ""]),
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.sampled_from([":", ": ", " :", "  :"]),
            st.sampled_from(VALUES),
        ),
        max_size=12,
    ),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from(["", "\r\n", "rest"]),
)


@settings(max_examples=150)
@given(heads)
@example(("GET", "/ws", "HTTP/1.1", [("Host", ": ", "node"), ("X-One", ":", "a, b")], "\r\n", ""))
def test_a_simple_head_is_parsed_as_h11_parses_it(head):
    is_read_as_h11_reads_it(head)


@pytest.mark.full("many examples")
@settings(max_examples=500)
@given(heads)
def test_many_heads_are_parsed_as_h11_parses_them(head):
    is_read_as_h11_reads_it(head)


def is_read_as_h11_reads_it(head):
    method, path, version, fields, newline, rest = head
    lines = [f"{method} {path} {version}", *(f"{n}{colon}{v}" for n, colon, v in fields), "", ""]
    data = (newline.join(lines) + rest).encode("latin-1")
    quick = _plain_request(data, LIMITS)
    if quick is not None:
        assert quick == trio.run(judged, data)


async def judged(data):
    stream, _ = trio.testing.memory_stream_pair()
    return await _read_with_h11(stream, data, LIMITS)


def test_an_ordinary_handshake_takes_the_fast_path():
    assert _plain_request(request(), LIMITS) is not None
