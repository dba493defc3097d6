"""The address of a node, and how to open a WebSocket to it."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream
from wsproto.utilities import LocalProtocolError

from proxim.exception_groups import leaves
from proxim.protocol.errors import ConnectionLost
from proxim.protocol.messages import SUBPROTOCOL
from proxim.redact import quote

log = logging.getLogger(__name__)

CONNECT_TIME = 15.0
"""Seconds for a connection, and again for its WebSocket handshake."""

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""Maximum size of a message from a node; a list of very many sessions is long."""

UNKNOWN_AUTHORITY = range(18, 22)
"""OpenSSL's codes for a certificate of an authority that this computer does not know."""

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


def _reason(error: BaseException) -> str:
    """Return what the system says of the first attempt: Trio only says that all have failed."""
    while error.__cause__ is not None:
        error = next(leaves(error.__cause__))
    number = getattr(error, "errno", None) or 0
    # A resolver has negative numbers.
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)


class Address:
    """The parts of a node's ``url``. Raises ``ConnectionLost`` if it is not such a URL.

    ``is_gone`` says that no node will ever answer there again.
    """

    is_gone = False

    def __init__(self, node_url: str, ssl_context: ssl.SSLContext | None = None) -> None:
        self.url = node_url
        self._ssl_context = ssl_context
        try:
            parts = urlsplit(node_url.rstrip("/"))
            port = parts.port
        except ValueError:
            raise self._not_a_node() from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise self._not_a_node()
        if "#" in node_url:
            # The part after it may be the secrets of a link. No error text may show them.
            raise ConnectionLost(
                "a link is not the URL of a node: leave out /join and what follows"
            )
        if "@" in parts.netloc:
            # Every later error text would show the password.
            raise ConnectionLost("the URL of a node has no user: leave out the part before @")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port or (443 if self._secure else 80)
        self._netloc = parts.netloc
        self._path = f"{parts.path}/ws"

    async def open_stream(self) -> Stream:
        """Connect, with TLS if the URL is https. Raises ``ConnectionLost`` with the reason."""
        try:
            with trio.fail_after(CONNECT_TIME):
                if not self._secure:
                    return await trio.open_tcp_stream(self._host, self._port)
                stream = await trio.open_ssl_over_tcp_stream(
                    self._host, self._port, https_compatible=True, ssl_context=self._ssl_context
                )
                try:
                    await stream.do_handshake()
                except BaseException:
                    await trio.aclose_forcefully(stream)
                    raise
                return stream
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise self._not_trusted(error.__cause__) from None
            why = f"TLS failed: {error.__cause__ or error}"
            if getattr(error.__cause__, "reason", None) == "WRONG_VERSION_NUMBER":
                why = "it does not speak TLS; perhaps it needs http"
        except (OSError, UnicodeError) as error:
            why = _reason(error)
        except trio.TooSlowError:
            why = f"no answer within {CONNECT_TIME:g} seconds"
        raise ConnectionLost(f"{self.url} cannot be reached: {why}", unreached=self.url)

    async def open_websocket(
        self, stream: Stream, nursery: trio.Nursery, ended: trio.Event
    ) -> WebSocketConnection:
        """Do the WebSocket handshake; the reader runs in ``nursery``, and sets ``ended``.

        Raises ``ConnectionLost``. An HTTP error is raised by the nursery: see ``reason``.
        """
        with trio.move_on_after(CONNECT_TIME) as deadline:

            async def read(task: Callable[[], Awaitable[None]]) -> None:
                try:
                    await task()
                except LocalProtocolError:
                    # A ping has crossed this side's close frame: nothing may follow that frame.
                    log.debug("the node sent a ping while the connection was being closed")
                finally:
                    ended.set()
                # If the peer closes the connection, this ends without an error.
                deadline.cancel()

            reader_nursery = SimpleNamespace(start_soon=lambda task: nursery.start_soon(read, task))
            return await wrap_client_stream(
                cast(trio.Nursery, reader_nursery),
                stream,
                self._netloc,
                self._path,
                subprotocols=[SUBPROTOCOL],
                max_message_size=MAX_REPLY_BYTES,
            )
        hint = "" if self._secure else "; perhaps it needs https"
        raise ConnectionLost(f"{self.url} does not answer like a node{hint}")

    def reason(self, group: BaseExceptionGroup[BaseException]) -> BaseException:
        """Return why a connection was lost; of several errors, one with a close code."""
        found = list(leaves(group))
        for leaf in found:
            if isinstance(leaf, ConnectionRejected):
                return ConnectionLost(f"{self.url} answers HTTP {leaf.status_code}")
        lost = [leaf for leaf in found if isinstance(leaf, ConnectionLost)]
        if len(lost) == len(found):
            return max(lost, key=lambda leaf: leaf.close_code or 0)
        return found[0] if len(found) == 1 else group

    def _not_trusted(self, error: ssl.SSLCertVerificationError) -> ConnectionLost:
        why = error.verify_message
        if error.verify_code in UNKNOWN_AUTHORITY:
            why += "; SSL_CERT_FILE can name the file of its authority"
        return ConnectionLost(f"the certificate of {self.url} is not valid: {why}")

    def _not_a_node(self) -> ConnectionLost:
        return ConnectionLost(
            f"{quote(self.url)} is not the URL of a node, such as http://127.0.0.1:8765"
        )
