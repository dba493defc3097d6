"""A guest in Python: a channel with a host in a browser, by WebRTC.

    python aiortc_guest.py [--relay-only] 'http://127.0.0.1:8765/join#…'

It asks to pair, waits for the approval, says hello and answers what it hears. With --relay-only
nothing goes to the other side but through the TURN server of the node.

Needs: pip install '.[rtc]', from a clone of Proxim
"""

import sys

import trio

from proxim import open_guest


async def main(link: str, relay_only: bool) -> None:
    async with open_guest(link, name="Python") as guest:
        print("The host is being asked.", flush=True)
        await guest.wait_code()
        if guest.code:
            print(f"It needs this number: {guest.code}", flush=True)
        channel = await guest.channel(relay_only=relay_only)
        print("connected", flush=True)
        await channel.send("Hello from Python")
        async for text in channel:
            print(f"host: {text}", flush=True)
            await channel.send(f"You said: {text}")
        print(f"over: {(await guest.ended()).reason}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    trio.run(main, sys.argv[-1], "--relay-only" in sys.argv)
