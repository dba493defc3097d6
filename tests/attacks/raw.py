"""A client that may be as rude as it likes: a plain socket, and bytes."""

import json
import os
import socket
import ssl
import struct
import time

from tests.wire import checked

PATIENCE = 30.0
"""Seconds to wait for what has to come; long, since a busy machine may be slow."""

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": NONCE,
}


def head(method="GET", path="/ws", version="1.1", headers=None, **changes):
    """A request's bytes; ``changes`` overrides a header of a good handshake, None drops one."""
    fields = dict(UPGRADE if headers is None else headers)
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]).encode("latin-1")


def frame(opcode, payload=b"", *, fin=True, reserved=0, mask=None, length=None):
    """A client's frame, good or not; ``mask=b""`` leaves it out, ``length`` tells another one."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload) if length is None else length
    first, masked = fin << 7 | reserved << 4 | opcode, bool(mask) << 7
    if size < 126:
        start = bytes([first, masked | size])
    elif size < 1 << 16:
        start = bytes([first, masked | 126]) + size.to_bytes(2)
    else:
        start = bytes([first, masked | 127]) + size.to_bytes(8)
    if mask:
        key = (mask * (len(payload) // 4 + 1))[: len(payload)]
        number = int.from_bytes(payload) ^ int.from_bytes(key)
        payload = number.to_bytes(len(payload))
    return start + mask + payload


def split(opcode, *parts):
    """A message in fragments."""
    last = len(parts) - 1
    return [
        frame(opcode if index == 0 else CONTINUATION, part, fin=index == last)
        for index, part in enumerate(parts)
    ]


class Gone(Exception):
    """The peer has closed the socket."""


class Raw:
    """A socket to a node."""

    def __init__(self, address, *, receive_buffer=None, tls=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def __del__(self):
        """A case may drop a client as it is; its socket is closed then."""
        self.socket.close()

    # -- bytes -------------------------------------------------------------------------------

    def send(self, *data, pause=0.0):
        """Send bytes, each in a write of its own. Raises ``Gone`` when the peer is."""
        for each in data:
            try:
                self.socket.sendall(each)
            except (ConnectionError, ssl.SSLError):
                raise Gone from None
            if pause:
                time.sleep(pause)

    def drip(self, data):
        """Send byte by byte."""
        self.send(*(data[at : at + 1] for at in range(len(data))))

    def reset(self):
        """Close so that the kernel sends RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def take(self, size):
        while len(self._read) < size:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def rest(self):
        """All that comes until the peer closes."""
        try:
            while True:
                self._more()
        except Gone:
            taken, self._read = self._read, b""
            return taken

    def _more(self):
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            raise Gone
        self._read += data

    # -- HTTP --------------------------------------------------------------------------------

    def answer(self):
        """The head of the answer: its status, and its fields by their lower-case names."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        start, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *fields = start.decode("latin-1").split("\r\n")
        return int(first.split()[1]), dict(field.lower().split(": ", 1) for field in fields)

    def upgrade(self, request=None):
        self.send(head() if request is None else request)
        status, fields = self.answer()
        assert (status, fields["sec-websocket-accept"]) == (101, ACCEPT.lower())
        return self

    # -- frames and messages -----------------------------------------------------------------

    def frame(self):
        """The next frame: its opcode and its payload. The node's are whole and unmasked."""
        first, second = self.take(2)
        assert first & 0xF0 == 0x80, "the node fragments nothing and sets no reserved bit"
        assert second < 0x80, "a server masks nothing (RFC 6455, 5.1)"
        length = second
        if second >= 126:
            length = int.from_bytes(self.take(2 if second == 126 else 8))
        return first & 0x0F, self.take(length)

    def hear(self, kind=None):
        """The next message; with ``kind``, the next of that kind. Answers pings."""
        while True:
            opcode, payload = self.frame()
            if opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == CLOSE:
                raise Gone(int.from_bytes(payload[:2]), payload[2:].decode())
            elif opcode == TEXT:
                message = checked(json.loads(payload))
                if kind in (None, message["type"]):
                    return message

    def hear_out(self):
        """Hear all that comes; the close code at the end of it, None without a close frame."""
        try:
            while True:
                self.hear()
        except Gone as gone:
            return gone.args[0] if gone.args else None

    def say(self, kind, **fields):
        self.text(json.dumps({"type": kind, **fields}))

    def text(self, text):
        self.send(frame(TEXT, text.encode() if isinstance(text, str) else text))

    def ask(self, kind, **fields):
        self.say(kind, **fields)
        return self.hear()

    def refused(self, kind, **fields):
        """The code of the error that answers a request."""
        error = self.ask(kind, **fields)
        assert error["type"] == "error", error
        return error["code"]

    def pings(self):
        return self.ask("ping", ref="p") == {"type": "pong", "ref": "p"}

    def code(self):
        """The code of the close frame, once it comes; None if the socket ends without one."""
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2])
        except Gone:
            return None
