"""Coverage-guided fuzzing of the head of a request, and of what a node does with it.

    python -m tests.fuzz.head [-max_total_time=20] [corpus directories]

The first byte says where the rest is cut into reads, and whether each other byte is a byte of the
head or one of its ``PIECES``. However that is, the same request is found, or none is. A request for
which h11 is not needed is what h11 finds. Whatever the request says, it is accepted as a WebSocket,
or answered with a response that a strict parser reads.
"""

import logging
import sys
from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import atheris

with atheris.instrument_imports(include=["proxim", "h11"]):
    import h11

    from proxim.net.access import Access, Rules
    from proxim.net.http import BadRequest, Request, _plain_request, _read_with_h11
    from proxim.net.limits import Limits
    from proxim.net.site import Site
    from proxim.net.upgrade import handshake_answer, refuse_upgrade

LIMITS = Limits(head_size=2048, head_fields=20)
RULES = Rules(trusted_proxy=("10.0.0.0/8",), allow_host=("b\xfccher.test",))
SITE = Site(
    "http://node/pair", is_leaving=lambda: False, trouble=lambda: "", metrics=lambda: "a 1\n"
)
UPGRADE = (
    b"Host: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PIECES = [
    *(
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"/",
        b"/ws",
        b"/join",
        b"%23",
        b"/pair",
        b"/healthz",
        b"/metrics",
    ),
    *(
        b"?",
        b"http://",
        b"https://",
        b"node",
        b"127.0.0.1",
        b"[::1]",
        b"xn--bcher-kva.test",
        b":80",
    ),
    *(
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b" HTTP/2",
        b"\r\n",
        b"\n",
        b": ",
        b":",
        b", ",
        b";",
        b'"',
    ),
    *(b"Host", b"Origin", b"Upgrade", b"websocket", b"Connection", b"Via", b"Forwarded", b"for="),
    *(b"X-Forwarded-For", b"X-Real-IP", b"10.0.0.1", b"192.0.2.1", b"Accept-Encoding", b"gzip"),
    *(b"If-None-Match", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"x" * 500),
    *(UPGRADE, b"\r\n\r\n"),
]
SEEDS = [
    b"\x00GET /ws HTTP/1.1\r\n" + UPGRADE + b"\r\n",
    b"\x01GET /pair/ws HTTP/1.1\r\n" + UPGRADE + b"Origin: http://node\r\n\r\n",
    b"\x07GET /join?x=1 HTTP/1.1\r\nHost: node\r\nAccept-Encoding: gzip;q=0, br\r\n\r\nrest",
    b"\x03HEAD http://xn--bcher-kva.test:80/healthz HTTP/1.1\r\nhost: b\r\n\r\n",
    b"\x00GET /join%23a.b HTTP/1.0\r\nHost: [::1]:1\r\nVia: 1.1 a\r\n\r\n",
    b'\x02GET / HTTP/1.1\nHost: a\nForwarded: for="[::1]:2";by=a, for=b\nX-Real-IP: 1.2.3.4\n\n',
    b"\x05GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1, ::2, 1.2.3.4:5\r\n\r\n",
    bytes([0x84, PIECES.index(b"GET "), PIECES.index(b"/ws"), PIECES.index(b" HTTP/1.1\r\n")])
    + bytes([PIECES.index(UPGRADE), PIECES.index(b"\r\n")]),
    b"\x04PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


class Pieces:
    """A stream that has arrived: reading it never waits."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return next(self._pieces, b"")


def result_of(coroutine: Coroutine[Any, Any, Request]) -> Request | None:
    """Return what a coroutine that never waits returns; None if it refuses the head."""
    refusal: BadRequest | None = None
    found: Request | None = None
    try:
        coroutine.send(None)
    except StopIteration as stop:
        found = stop.value
    except BadRequest as error:
        refusal = error
    assert (found is None) is not (refusal is None), "it waits, although all has arrived"
    if refusal is not None:
        assert refusal.status in (400, 431, 501, 505)
        read_strictly(refusal.response.encode())
    return found


def found_in(first: bytes, *pieces: bytes) -> Request | None:
    stream: Any = Pieces(list(pieces))
    return result_of(_read_with_h11(stream, first, LIMITS))


def read_strictly(response: bytes) -> None:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "node")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(response)
    reader.receive_data(b"")
    while type(event := reader.next_event()) is not h11.EndOfMessage:
        assert isinstance(event, h11.Response | h11.Data)


def answer(request: Request, peer: str) -> None:
    """Do with a request what the listener does."""
    access = Access("http://node/pair", "http", RULES)
    request = SITE.without_prefix(request)
    is_local = access.is_local(peer, request)
    access.notice_unlisted_proxy(peer, request)
    if access.is_proxy(peer):
        access.source_behind(peer, request)
    access.is_for_node(request)
    if request.path == "/ws":
        refusal = refuse_upgrade(request) or access.refuse(request)
        if refusal is None:
            assert handshake_answer(request).endswith(b"\r\n\r\n")
            return
    else:
        refusal = SITE.answer(request, is_local=is_local)
        assert refusal.status in (200, 304, 308, 403, 404, 405)
    head_only = request.method == "HEAD"
    response = refusal.encode(head_only=head_only)
    read_strictly(response if not head_only else refusal.encode())


def judge(data: bytes) -> None:
    kind, data = data[0] if data else 0, data[1:]
    if kind >= 0x80:
        data = b"".join(PIECES[n] if n < len(PIECES) else bytes([n]) for n in data)
    step = kind % 16 or len(data)
    pieces = [data[a:b] for a, b in pairwise([*range(0, len(data), step or 1), len(data)])]
    whole = found_in(data)
    cut = found_in(*pieces) if pieces else whole
    assert (whole is None) is (cut is None), (whole, cut)
    quick = _plain_request(data, LIMITS)
    assert quick is None or quick == whole
    if whole is not None and cut is not None:
        assert whole.rest.startswith(cut.rest)
        assert (whole.method, whole.path, whole.headers) == (cut.method, cut.path, cut.headers)
        for peer in ("127.0.0.1", "10.0.0.1", "192.0.2.1"):
            answer(whole, peer)


def main() -> None:
    logging.disable()
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            judge(seed)
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], judge)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
