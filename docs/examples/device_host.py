"""A plain script that is the host: a device pairs once by its number, and then comes again.

python device_host.py NODE_URL FOLDER
"""

import sys
from pathlib import Path

import proxim

if len(sys.argv) < 3:
    sys.exit(__doc__)

folder = Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
key_file = folder / "host-key"
key = key_file.read_text() if key_file.exists() else None
devices = proxim.DeviceFile(folder / "devices.json")


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
    with proxim.sync.open_host(sys.argv[1], uuid="device-host", key=key, devices=devices) as host:
        key_file.touch(mode=0o600)
        key_file.write_text(host.key)
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
            print(f"{visit.device.name} is here again. Let it in? [y/N]", flush=True)
            if sys.stdin.readline() != "y\n":
                visit.prompt().decline()
                continue
            visit.prompt().approve()
            visit.refuse_channel()
            for data in visit.signals():
                print(f"guest: {data!r}", flush=True)  # Escapes control characters.


try:
    main()
except (KeyboardInterrupt, EOFError):
    sys.exit("Stopped.")
except proxim.ProximError as error:
    sys.exit(str(error))
