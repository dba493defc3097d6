"""A guest that never answers WebRTC, as a program that only follows the wire protocol.

It prints the number to type, sends each chat message back, and at "bye" ends the session.
"""

from __future__ import annotations

import sys

import trio

from proxim.client import open_guest


async def main(link: str) -> None:
    async with open_guest(link, name="A script") as guest:
        await guest.wait_code()
        print(guest.code, flush=True)
        await guest.approved()
        async for data in guest.signals():
            if data == "bye":
                await guest.send({"end": "done"})
                await guest.close()
            elif isinstance(data, str):
                await guest.send(f"You said: {data}")


trio.run(main, sys.argv[1])
