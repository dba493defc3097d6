"""A program with a node in it: a phone pairs once by its number, and then comes again.

python embedded_devices.py FOLDER          # for this computer
python embedded_devices.py FOLDER --lan    # for phones in your network
"""

import os
import sys
from pathlib import Path

import proxim

if len(sys.argv) < 2:
    sys.exit(__doc__)

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
devices = proxim.DeviceFile(folder / "devices.json")
# Known devices come back to this port.
port = int(os.environ.get("PORT", "8765"))


def approve(prompt, wish):
    """Ask for the number until it has three digits."""
    while True:
        print("Which number does the device show?", flush=True)
        try:
            return prompt.approve(input().strip(), remember=wish)
        except proxim.CodeRequired:
            print("It has three digits.", flush=True)


def main():
    """Pair a device unless one is known, and let known devices in."""
    with (
        proxim.run_in_thread(port=port, lan="--lan" in sys.argv) as node,
        node.open_host(devices=devices) as host,
    ):
        if not host.devices():
            session = host.create("one_time", sealed=True)
            print(f"Open {session.link}", flush=True)
            prompt = session.prompt()
            wish = proxim.Remember(name="My phone", days=30) if prompt.can_remember else None
            approve(prompt, wish)
            session.ended()
        print("Waiting for", ", ".join(device.name for device in host.devices()), flush=True)
        for visit in host.visits():
            if visit.over:  # The device was turned away: "copied", "stranger" or "expired".
                print(f"{visit.device.name}: {visit.over}", flush=True)
                continue
            print(
                f"{visit.device.name} is here again. Let it in? [y/N, f to forget it]", flush=True
            )
            answer = sys.stdin.readline().strip()
            if answer == "y":
                visit.prompt().approve()
                visit.refuse_channel()
                for data in visit.signals():
                    print(f"guest: {data!r}", flush=True)  # Escapes control characters.
            elif answer == "f":
                host.forget(visit.device.id)
                break
            else:
                visit.prompt().decline()


try:
    main()
except (KeyboardInterrupt, EOFError):
    sys.exit("Stopped.")
except proxim.ProximError as error:
    sys.exit(str(error))
