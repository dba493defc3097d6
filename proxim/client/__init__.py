"""The Python SDK: be a host or a guest from any Trio program.

::

    async with open_host("http://127.0.0.1:8765", uuid="my-desktop") as host:
        session = await host.create("one_time")
        print(session.link)
        prompt = await session.prompt()
        await prompt.approve()
        await session.send({"hello": "guest"})

    async with open_guest(link, name="My phone") as guest:
        await guest.approved()
        print(await guest.receive())

A lost connection is opened again automatically; it takes its seats again and sends the signals
queued in the meantime. Signals that were on their way may be lost, since the protocol has no
acknowledgements. A refused request raises the exception of the same name from
``proxim.protocol.errors``.
"""

from proxim.client.devices import Device, Remember
from proxim.client.guest import Guest
from proxim.client.guests import open_guest, open_visit, resume_guest
from proxim.client.host import Host
from proxim.client.host_session import HostSession
from proxim.client.hosts import open_host
from proxim.client.notices import Notice
from proxim.client.prompt import Prompt
from proxim.client.visit import Visit

__all__ = [
    "Device",
    "Guest",
    "Host",
    "HostSession",
    "Notice",
    "Prompt",
    "Remember",
    "Visit",
    "open_guest",
    "open_host",
    "open_visit",
    "resume_guest",
]
