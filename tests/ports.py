"""Ports that are bound before they are anybody's."""

import socket


class HeldPort:
    """A port that a server of a test may have, again and again, and no other program meanwhile.

    It is bound here without listening. So the kernel gives it to nobody who asks for any port, and
    a server that sets ``SO_REUSEADDR``, as all do, can still listen at it.
    """

    def __init__(self):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = self._socket.getsockname()[1]

    def __enter__(self):
        return self.number

    def __exit__(self, *_):
        self.free()

    def free(self):
        self._socket.close()
