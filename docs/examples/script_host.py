"""A plain script that is the host: it asks in the terminal, and echoes what the guest sends.

python script_host.py NODE_URL
"""

import sys

import proxim

if len(sys.argv) < 2:
    sys.exit(__doc__)

try:
    with proxim.sync.open_host(sys.argv[1], uuid="script-host") as host:
        session = host.create("one_time")
        print(f"Open {session.link}", flush=True)
        prompt = session.prompt()
        print(f"Let {prompt.device_info.name!r} in? [y/N]", flush=True)
        if sys.stdin.readline() == "y\n":
            prompt.approve()
        else:
            prompt.decline()
        session.refuse_channel()  # What the guest says comes as signals, through the node.
        for data in session.signals():
            # A terminal or a page also sends objects, such as the reason of its end.
            if isinstance(data, str):
                print(f"guest: {data!r}", flush=True)  # Escapes control characters.
                session.send(f"you said: {data}")
        print(session.over)
except proxim.ProximError as error:
    sys.exit(str(error))
