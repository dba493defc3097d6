"""A proxy on loopback between a node and its Redis, which can stall and break like a cable."""

import struct
from socket import SO_LINGER, SOL_SOCKET

import trio

TO_REDIS, FROM_REDIS = "to redis", "from redis"


class Cable:
    """Carries all traffic until it is stalled or broken, and again once it is mended."""

    def __init__(self, redis_port):
        self.redis_port = redis_port
        self.port = 0
        self._flows = trio.Event()
        self._flows.set()
        self._is_broken = False
        self._halved = None
        self._ends = set()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    async def run(self, *, task_status=trio.TASK_STATUS_IGNORED):
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        await trio.serve_listeners(self._carry, [listener], task_status=task_status)

    # -- faults ---------------------------------------------------------------------------------

    def stall(self):
        """Hold up all traffic; connections stay open."""
        if self._flows.is_set():
            self._flows = trio.Event()

    def break_off(self):
        """Reset both ends of every connection, and of every new one."""
        self._is_broken = True
        self._flows.set()
        for end in list(self._ends):
            _reset(end)

    def halve(self, direction):
        """Let half of the next message in that direction through, then break."""
        self._halved = direction

    def mend(self):
        """Let through what was held up, and accept connections again."""
        self._is_broken, self._halved = False, None
        self._flows.set()

    # -- traffic ----------------------------------------------------------------------------

    async def _carry(self, node):
        try:
            redis = await trio.open_tcp_stream("127.0.0.1", self.redis_port)
        except OSError:
            _reset(node)
            return
        ends = {node, redis}
        self._ends |= ends
        async with node, redis, trio.open_nursery() as nursery:
            if self._is_broken:
                self.break_off()
            nursery.start_soon(self._pump, node, redis, TO_REDIS, nursery.cancel_scope)
            nursery.start_soon(self._pump, redis, node, FROM_REDIS, nursery.cancel_scope)
        self._ends -= ends

    async def _pump(self, source, sink, direction, scope):
        try:
            while data := await source.receive_some(65536):
                await self._flows.wait()
                if self._halved == direction:
                    await sink.send_all(data[: len(data) // 2])
                    self.break_off()
                    break
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass
        scope.cancel()


def _reset(stream):
    # A close without lingering sends a reset, as when a cable breaks under traffic.
    if stream.socket.fileno() >= 0:
        stream.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()
