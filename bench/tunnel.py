"""A tunnel before a server, so that a load generator without TLS can load one that has it.

    python tunnel.py PORT SERVER_PORT plain|tls

Accepts plain connections on loopback, and makes one to the server for each, by TLS or without. It
checks no certificate. All times include the tunnel's own, except the CPU time of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

HOST = "127.0.0.1"
BACKLOG = 4096
CHUNK = 65_536


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until either end is closed, and close the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(port: int, server_port: int, way: str) -> None:
    context = None
    if way == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    copying = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(HOST, server_port, ssl=context)
        except OSError:
            writer.close()
            return
        for ends in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(copy(*ends))
            copying.add(task)
            task.add_done_callback(copying.discard)

    async with await asyncio.start_server(join, HOST, port, backlog=BACKLOG) as server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
