"""An echo on the very connection class that the node uses, for a WebSocket fuzzing client.

    python bench/echo.py [--port 9001] [--message-bytes 65536]

Serves the WebSocket at any path, on loopback, and sends back every message as it came: text as
text, binary as binary. Point the Autobahn fuzzing client at the address that is printed;
``tests/attacks/test_rfc6455.py`` has cases of its own for what that covers in groups 1 to 7 and 10.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
from functools import partial

import trio
from trio_websocket import ConnectionClosed

from proxim.net.closing import lingering_close
from proxim.net.cork import Cork
from proxim.net.http import BadRequest, Response, read_request
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Outbox
from proxim.net.outbox_totals import OutboxTotals
from proxim.net.stats import NetStats
from proxim.net.stream import TcpStream
from proxim.net.upgrade import handshake_answer, refuse_upgrade
from proxim.net.websocket import NodeWebSocket


async def serve(limits: Limits, socket_stream: trio.SocketStream) -> None:
    """One connection, from its head to its end."""
    stream = TcpStream(socket.socket(fileno=socket_stream.socket.detach()))
    with contextlib.suppress(trio.BrokenResourceError):
        try:
            request = await read_request(stream, limits)
            refusal = refuse_upgrade(request)
        except BadRequest as error:
            refusal = Response(error.status, f"{error}\n")
        if refusal is None:
            await stream.send_all(handshake_answer(request))
            await echo(stream, limits)
        else:
            await stream.send_all(refusal.encode())
    await lingering_close(stream, limits.linger_time)


async def echo(stream: TcpStream, limits: Limits) -> None:
    """Send back what comes, until the peer is done."""
    async with trio.open_nursery() as nursery:
        keepalive = Keepalive(limits)
        totals = OutboxTotals(limits.max_outbox_bytes, NetStats())
        outbox = Outbox(stream, limits, Cork(), totals, keepalive, nursery.start_soon)
        ws = NodeWebSocket(stream, limits, outbox, keepalive)
        with keepalive.deadline_scope():
            while messages := await ws.receive():
                with contextlib.suppress(ConnectionClosed):
                    for message in messages:
                        await ws.send_message(message)
                # A client that sends and does not read delays only itself.
                await outbox.wait_below(limits.outbox_size)
            await ws.finish()
        nursery.cancel_scope.cancel()


async def run(port: int, limits: Limits) -> None:
    """Serve until cancelled."""
    listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
    address, port = listeners[0].socket.getsockname()
    print(f"The echo is at http://{address}:{port}, as ws://{address}:{port}/ws", flush=True)
    await trio.serve_listeners(partial(serve, limits), listeners)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=9001, help="0 picks a free one")
    parser.add_argument("--message-bytes", type=int, default=Limits().message_size)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(run, options.port, Limits(message_size=options.message_bytes))


if __name__ == "__main__":
    main()
