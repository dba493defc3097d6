"""An asyncio program that is the guest: it shows its number, says hello, prints the answer.

python asyncio_guest.py LINK
"""

import asyncio
import sys

import proxim


async def main(link):
    """Ask to pair, wait for the approval, and talk."""
    async with proxim.aio.open_guest(link, name="My program") as guest:
        if number := await guest.wait_code():
            print(f"The host asks for this number: {number}", flush=True)
        await guest.approved()
        guest.refuse_channel()  # What the host says comes as signals, through the node.
        await guest.send("hello")
        async with asyncio.timeout(60):
            print("host:", repr(await guest.receive()))  # Escapes control characters.
        await guest.close()


if len(sys.argv) < 2:
    sys.exit(__doc__)
try:
    asyncio.run(main(sys.argv[1]))
except proxim.ProximError as error:
    sys.exit(str(error))
