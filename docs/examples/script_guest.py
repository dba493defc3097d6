"""A plain script that is the guest: it shows its number, says hello, and prints the answer.

python script_guest.py LINK
"""

import sys

import proxim

if len(sys.argv) < 2:
    sys.exit(__doc__)

try:
    with proxim.sync.open_guest(sys.argv[1], name="My program") as guest:
        if number := guest.wait_code():
            print(f"The host asks for this number: {number}", flush=True)
        guest.approved()
        guest.refuse_channel()  # What the host says comes as signals, through the node.
        guest.send("hello")
        print("host:", repr(guest.receive(timeout=60)))  # Escapes control characters.
        guest.close()
except proxim.ProximError as error:
    sys.exit(str(error))
