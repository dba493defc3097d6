"""The part of HTTP/1.1 that a node needs: one request per connection (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

import h11
import trio
from msgspec import Struct

from proxim.net.closing import lingering_close
from proxim.net.limits import Limits
from proxim.net.stream import TcpStream

_FIELD = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?((?:[!-~](?:[ !-~]*[!-~])?)?)\r\n"
_PLAIN_FIELD = re.compile(_FIELD)
_PLAIN_HEAD = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n(?:%b)+\r\n" % _FIELD)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_OTHER_VERSION = re.compile(rb"[^\r\n]* HTTP/(?!1\.)\d+(?:\.\d+)?\r?\n")
_BODY = {b"content-length", b"transfer-encoding"}


class BadRequest(Exception):
    """The head is not an HTTP request, or exceeds a limit; ``status`` is the answer."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def response(self) -> Response:
        """The answer that says what is wrong."""
        return Response(self.status, f"{self}\n")


class Request(Struct, frozen=True):
    """A request's head; ``rest`` is what was read after it.

    ``headers`` has all values of each header, joined by commas (RFC 9110, 5.2), under its name in
    lower case. ``is_absolute`` says that the target had an authority, which then stands as Host.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    http_version: bytes
    rest: bytes
    is_absolute: bool = False

    def header(self, name: bytes) -> bytes:
        """Return the values of a header; empty without any."""
        return self.headers.get(name, b"")

    def tokens(self, name: bytes) -> list[str]:
        """Return a header's comma-separated values as text; bytes beyond ASCII are escaped."""
        if name not in self.headers:
            return []
        text = self.headers[name].decode("ascii", "backslashreplace")
        return [token for part in text.split(",") if (token := part.strip())]

    def has_token(self, name: bytes, token: str) -> bool:
        """Return whether a header has a value, which is given in lower case, in any case."""
        # Nearly always it is the only one.
        return self.header(name).lower() == token.encode() or token in [
            each.lower() for each in self.tokens(name)
        ]


class Response(Struct, frozen=True):
    """An HTTP response.

    Clients may not cache it unless ``cache_control`` allows it. Pages of other origins may not
    embed it unless ``resource_policy`` is "cross-origin".
    """

    status: HTTPStatus
    body: str | bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    cache_control: str = "no-store"
    resource_policy: str = "same-origin"

    def encode(self, *, head_only: bool = False) -> bytes:
        """Encode the response; ``head_only`` is for the answer to HEAD."""
        body = self.body.encode() if isinstance(self.body, str) else self.body
        fields = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", self.content_type),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", self.resource_policy),
            ("Cache-Control", self.cache_control),
            ("Connection", "close"),
            *self.headers,
        ]
        # A length in a 304 would be that of the full response (RFC 9110, 8.6).
        if self.status is not HTTPStatus.NOT_MODIFIED:
            fields.append(("Content-Length", str(len(body))))
        lines = [f"{name}: {value}\r\n" for name, value in fields]
        head = f"HTTP/1.1 {self.status:d} {self.status.phrase}\r\n{''.join(lines)}\r\n"
        return head.encode("ascii") + (b"" if head_only else body)


async def respond(
    stream: trio.abc.Stream, response: Response, limits: Limits, *, head_only: bool = False
) -> None:
    """Send a response, and close the stream behind it; give up after the time for that."""
    with trio.move_on_after(limits.write_time):
        await stream.send_all(response.encode(head_only=head_only))
        await lingering_close(stream, limits.linger_time)


async def read_request(stream: trio.abc.ReceiveStream, limits: Limits) -> Request:
    """Read the head of one request. Raises ``BadRequest`` with the status to answer."""
    # Most clients send it behind the packet that opens the connection: then nothing has to wait.
    data = stream.receive_now() if isinstance(stream, TcpStream) else b""
    if data and (request := _plain_request(data, limits)) is not None:
        return request
    with trio.CancelScope(deadline=trio.current_time() + limits.head_time):
        data = data or bytes(await stream.receive_some(4096))
        return _plain_request(data, limits) or await _read_with_h11(stream, data, limits)
    raise BadRequest(
        HTTPStatus.REQUEST_TIMEOUT, f"no complete request within {limits.head_time:g} seconds"
    )


def _plain_request(data: bytes, limits: Limits) -> Request | None:
    """Return the request if ``data`` is exactly one complete and simple head; else None.

    Nearly every handshake is, and h11 takes longer for it than the rest of the handshake. All
    other heads, also wrong ones, are left to h11.
    """
    head = _PLAIN_HEAD.fullmatch(data)
    if head is None or len(data) > limits.head_size:
        return None
    fields = [(name.lower(), value) for name, value in _PLAIN_FIELD.findall(data, head.end(1))]
    names = [name for name, _ in fields]
    if len(fields) > limits.head_fields or names.count(b"host") != 1 or _BODY.intersection(names):
        return None
    path = head[1].decode("ascii").partition("?")[0]
    return Request(method="GET", path=path, headers=_joined(fields), http_version=b"1.1", rest=b"")


def _joined(fields: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers = dict(fields)
    if len(headers) < len(fields):
        for name in headers:
            headers[name] = b", ".join([value for field, value in fields if field == name])
    return headers


async def _read_with_h11(stream: trio.abc.ReceiveStream, data: bytes, limits: Limits) -> Request:
    """Read a head with h11, of which ``data`` has been read already."""
    wire = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_size)
    read, start = len(data), data
    wire.receive_data(data)
    while True:
        if _OTHER_VERSION.match(start):
            raise BadRequest(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this node supports only HTTP/1.1"
            )
        try:
            event = wire.next_event()
        except h11.RemoteProtocolError as error:
            status = HTTPStatus(error.error_status_hint)
            raise BadRequest(status, f"this is not an HTTP/1.1 request: {error}") from None
        if isinstance(event, h11.Request):
            break
        if event is not h11.NEED_DATA:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "the connection ended within the request")
        data = bytes(await stream.receive_some(4096))
        read += len(data)
        if b"\n" not in start:
            start += data
        wire.receive_data(data)
    rest = bytes(wire.trailing_data[0])
    too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    if len(event.headers) > limits.head_fields:
        raise BadRequest(too_large, f"more than {limits.head_fields} header fields")
    if read - len(rest) > limits.head_size:
        raise BadRequest(too_large, f"a head of more than {limits.head_size} bytes")
    target, headers = event.target.decode("ascii"), _joined(list(event.headers))
    if absolute := _ABSOLUTE.fullmatch(target):
        # The authority counts in place of Host, and is checked as that (RFC 9112, 3.2.2).
        authority, target = absolute[1], absolute[2] if absolute[2].startswith("/") else "/"
        headers[b"host"] = authority.encode()
    return Request(
        method=event.method.decode("ascii"),
        path=target.partition("?")[0],
        headers=headers,
        http_version=event.http_version,
        rest=rest,
        is_absolute=absolute is not None,
    )
