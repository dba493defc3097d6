"""A plain script that is the guest: the first time by a link, later without one.

python device_guest.py FILE [LINK]
"""

import sys

import proxim

if len(sys.argv) < 2:
    sys.exit(__doc__)

grants = proxim.GrantFile(sys.argv[1])
known = grants.load()
try:
    if len(sys.argv) > 2:
        opening = proxim.sync.open_guest(sys.argv[2], name="My program", grants=grants)
    elif known:
        opening = proxim.sync.open_visit(known[-1], name="My program", grants=grants)
    else:
        sys.exit("No host knows this device: give a link.")
    with opening as guest:
        if number := guest.wait_code():
            print(f"The host asks for this number: {number}", flush=True)
        guest.approved()
        if guest.grant:
            print(f"{guest.grant.name} knows this device", flush=True)
        guest.refuse_channel()
        guest.send("hello")
        guest.close()
except proxim.ProximError as error:
    sys.exit(str(error))
