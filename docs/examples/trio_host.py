"""A Trio program that is the host: it asks in the terminal, and echoes what the guest sends.

python trio_host.py
"""

import sys

import trio

import proxim


async def decide(prompt):
    """Whether the person lets the device in; cancelled when the time is up."""
    print(f"Let {prompt.device_info.name!r} in? [y/N]", flush=True)
    await trio.lowlevel.wait_readable(sys.stdin)
    return sys.stdin.readline() == "y\n"


async def report(events):
    """Say what happens to the sessions of the node."""
    async for event in events:
        match event:
            case proxim.Paired(session):
                print(f"paired with {session.device_info.name!r}", flush=True)
            case proxim.Ended(session):
                print(f"ended: {session.reason}", flush=True)


async def main():
    """Pair with one device, and talk until one of the two has enough."""
    async with trio.open_nursery() as nursery, proxim.Node(port=0) as node:
        nursery.start_soon(report, node.events())
        session = await node.open_session("one_time", decide=decide)
        print(f"Open {session.link}", flush=True)
        session.refuse_channel()  # What the guest says comes as signals, through the node.
        async for data in session.signals():
            # A terminal or a page also sends objects, such as the reason of its end.
            if isinstance(data, str):
                print(f"guest: {data!r}", flush=True)  # Escapes control characters.
                await session.send(f"you said: {data}")


trio.run(main)
