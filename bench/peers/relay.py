"""A relay with an approval step as one would write it in an afternoon, on `websockets`.

python relay.py PORT        connect to /ROOM/host, then /ROOM/guest
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

rooms: dict[str, dict[str, ServerConnection]] = defaultdict(dict)
opened: set[str] = set()


async def relay(socket: ServerConnection) -> None:
    _, name, side = socket.request.path.split("/")
    room, peer = rooms[name], "guest" if side == "host" else "host"
    room[side] = socket
    if side == "guest":
        await room["host"].send('{"type":"ask"}')
    else:
        await socket.send('{"type":"ready"}')
    try:
        async for message in socket:
            if name in opened:
                if peer in room:
                    await room[peer].send(message)
            elif side == "host" and json.loads(message)["type"] == "yes":
                opened.add(name)
                await room["guest"].send('{"type":"open"}')
                await socket.send('{"type":"open"}')
    except ConnectionClosed:
        pass
    finally:
        room.pop(side, None)
        opened.discard(name)
        if peer in room:
            await room[peer].close()
        else:
            rooms.pop(name, None)


async def main() -> None:
    options = {"compression": None, "backlog": 4096}
    async with serve(relay, "127.0.0.1", int(sys.argv[1]), **options) as server:
        await server.serve_forever()


asyncio.run(main())
