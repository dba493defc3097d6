"""An asyncio program that is the host: it asks in the terminal, and echoes what the guest sends.

python asyncio_host.py           # with a node of its own
python asyncio_host.py NODE_URL
"""

import asyncio
import sys

import proxim


async def be_host(url):
    """Pair with one device, and talk until one of the two has enough."""
    keyboard = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(keyboard)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)

    async with proxim.aio.open_host(url, uuid="asyncio-host") as host:
        session = await host.create("one_time")
        print(f"Open {session.link}", flush=True)
        prompt = await session.prompt()
        print(f"Let {prompt.device_info.name!r} in? [y/N]", flush=True)
        if await keyboard.readline() == b"y\n":
            await prompt.approve()
        else:
            await prompt.decline()
        session.refuse_channel()  # What the guest says comes as signals, through the node.
        async for data in session.signals():
            # A terminal or a page also sends objects, such as the reason of its end.
            if isinstance(data, str):
                print(f"guest: {data!r}", flush=True)  # Escapes control characters.
                await session.send(f"you said: {data}")
        print(session.over)


try:
    if sys.argv[1:]:
        asyncio.run(be_host(sys.argv[1]))
    else:
        with proxim.run_in_thread(port=0) as node:
            asyncio.run(be_host(node.url))
except proxim.ProximError as error:
    sys.exit(str(error))
