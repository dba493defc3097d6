"""A proxy in front of a node that records every byte, and shows it without the masks of frames."""

import re
import socket
import threading
from contextlib import suppress


class Recorder:
    """Passes TCP connections on to ``port``, and keeps what goes either way."""

    def __init__(self, port):
        self._port = port
        self._streams = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets, self._threads = [], []
        self._run(self._accept)

    def close(self):
        """Stop, and wait for what is on its way."""
        # Closing alone does not wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()
        for each in (self._listener, *self._sockets):
            each.close()

    def text(self):
        """Return everything so far: HTTP as it was sent, WebSocket frames as their payloads."""
        return "\n".join(readable(bytes(stream)) for stream in self._streams)

    def _run(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    self._streams.append(bytearray())
                    self._run(self._pass, source, sink, self._streams[-1])

    def _pass(self, source, sink, stream):
        with suppress(OSError):
            while chunk := source.recv(65536):
                stream += chunk
                sink.sendall(chunk)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def readable(stream):
    head, _, rest = stream.partition(b"\r\n\r\n")
    if not re.search(rb"^upgrade: websocket", head, re.IGNORECASE | re.MULTILINE):
        return stream.decode("utf-8", "replace")
    return "\n".join(part.decode("utf-8", "replace") for part in (head, *payloads(rest)))


def payloads(stream):
    """Return the payloads of frames (RFC 6455, 5.2)."""
    found, at = [], 0
    while at + 2 <= len(stream):
        is_masked, size = stream[at + 1] & 128, stream[at + 1] & 127
        at += 2
        for mark, width in ((126, 2), (127, 8)):
            if size == mark:
                size = int.from_bytes(stream[at : at + width], "big")
                at += width
                break
        mask = stream[at : at + 4] if is_masked else bytes(4)
        at += 4 if is_masked else 0
        payload = stream[at : at + size]
        found.append(bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)))
        at += size
    return found
