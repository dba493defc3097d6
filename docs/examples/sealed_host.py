"""A plain script that is the host of a sealed session: the node cannot read what is said.

python sealed_host.py NODE_URL
"""

import sys

import proxim

if len(sys.argv) < 2:
    sys.exit(__doc__)

with proxim.sync.open_host(sys.argv[1], uuid="sealed-host", name="My desktop") as host:
    session = host.create("one_time", sealed=True)
    print(f"Open {session.link}", flush=True)
    prompt = session.prompt()
    print(f"{prompt.device_info.name!r} asks. Which number does it show?", flush=True)
    try:
        prompt.approve(sys.stdin.readline().strip())
    except proxim.CodeRequired:
        prompt.decline()
    except proxim.WrongCode:
        print("That was another number, so the device was declined.", flush=True)
    session.refuse_channel()  # What the guest says comes as signals, through the node.
    for data in session.signals():
        if isinstance(data, str):
            print(f"guest: {data!r}", flush=True)  # Escapes control characters.
    print(session.over)
