"""An asyncio program that is the host: it asks in the terminal, and echoes what the guest sends.

python asyncio_host.py
"""

import asyncio
import sys

import proxim

THE_END = object()


async def main():
    """Pair with one device, and talk until one of the two has enough."""
    keyboard = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(keyboard)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)

    async def decide(prompt):
        print(f"Let “{prompt.device_info.name}” in? [y/N]", flush=True)
        return await keyboard.readline() == b"y\n"

    with proxim.run_in_thread(port=0) as node:
        session = node.open_session("one_time", decide=decide)
        print(f"Open {session.link}", flush=True)
        session.refuse_channel()  # What the guest says comes as signals, through the node.
        signals = session.signals()
        # What waits for the guest waits in a thread, and the loop goes on.
        while (data := await asyncio.to_thread(next, signals, THE_END)) is not THE_END:
            # A terminal or a page also sends objects, such as the reason of its end.
            if isinstance(data, str):
                print(f"guest: {data}", flush=True)
                session.send({"you said": data})
        print(session.over)


asyncio.run(main())
