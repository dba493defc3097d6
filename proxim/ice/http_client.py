"""An HTTP POST with a size limit, which Trio can cancel at any moment."""

from __future__ import annotations

import base64
import ssl
from urllib.parse import SplitResult, unquote, urlsplit

import h11
import trio

MAX_RESPONSE_BYTES = 64 * 1024
"""Maximum size of a response."""

_CHUNK = 16 * 1024


class HttpError(Exception):
    """There is no usable response. The text says why, and shows nothing of the request."""


async def post_json(url: str, body: bytes, *, agent: str, token: str | None = None) -> bytes:
    """POST JSON, and return the body of the response.

    User and password in the URL are sent as Basic credentials, a ``token`` as Bearer. The caller
    sets a timeout. Redirects are not followed.

    Raises ``HttpError``.
    """
    parts = urlsplit(url)
    try:
        async with await _connect(parts) as stream:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = _headers(parts, body, agent, token)
            request = h11.Request(method="POST", target=target, headers=headers)
            return await _exchange(stream, request, body)
    except ssl.SSLError as error:
        raise HttpError(f"TLS failed: {error.reason}") from None
    except (OSError, UnicodeError) as error:
        raise HttpError(f"it cannot be reached: {error}") from None
    except trio.BrokenResourceError as error:
        raise HttpError(f"the connection broke: {error.__cause__ or 'reset'}") from None
    except h11.LocalProtocolError:
        # Its text would show the request with its token.
        raise HttpError("its URL or token has characters that HTTP does not allow") from None
    except h11.ProtocolError as error:
        raise HttpError(f"its response is not HTTP: {error}") from None


async def _connect(parts: SplitResult) -> trio.abc.Stream:
    assert parts.hostname is not None
    if parts.scheme == "http":
        return await trio.open_tcp_stream(parts.hostname, parts.port or 80)
    return await trio.open_ssl_over_tcp_stream(
        parts.hostname, parts.port or 443, https_compatible=True
    )


def _headers(
    parts: SplitResult, body: bytes, agent: str, token: str | None
) -> list[tuple[str, str]]:
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
        ("User-Agent", agent),
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    if token is not None:
        headers.append(("Authorization", f"Bearer {token}"))
    elif parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers.append(("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}"))
    return headers


async def _exchange(stream: trio.abc.Stream, request: h11.Request, body: bytes) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    sent = [request, h11.Data(data=body), h11.EndOfMessage()]
    await stream.send_all(b"".join(connection.send(each) or b"" for each in sent))
    content = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(_CHUNK)))
            case h11.Response(status_code=status) if not 200 <= status < 300:
                raise HttpError(f"it answers {status}")
            case h11.Data(data=data):
                content += data
                if len(content) > MAX_RESPONSE_BYTES:
                    raise HttpError(f"its response has more than {MAX_RESPONSE_BYTES} bytes")
            case h11.EndOfMessage():
                return bytes(content)
