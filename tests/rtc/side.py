"""A Python program at one side of a session, for the tests in a browser.

``python -m tests.rtc.side host URL`` prints a link, and ``… guest LINK`` follows one. A guest
prints its ``seat``, and ``… resume SEAT`` takes it. It prints a line for each event, and takes
commands from its standard input:

    send TEXT · bytes COUNT · path · open LABEL · try · waiting · read · close

With ``--idle`` it receives only after the command ``read``.
"""

import sys
from contextlib import aclosing

import trio

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol.errors import ConnectionLost, NotSupported, SessionOver, Unreachable

may_read = trio.Event()


def say(*words):
    print(*words, flush=True)


async def host(url, relay_only):
    async with open_host(url, uuid="python") as host:
        session = await host.create("persistent", sealed=True)
        say(session.link)
        await (await session.prompt()).approve_unchecked()
        await talk(session, relay_only)


async def guest(link, relay_only):
    async with open_guest(link, name="Python") as guest:
        await guest.wait_code()
        say("code", guest.code)
        await guest.approved()
        say("seat", guest.node_url, guest.session_id, guest.resume_token)
        await talk(guest, relay_only)


async def resume(seat, relay_only):
    async with resume_guest(*seat.split()) as guest:
        await talk(guest, relay_only)


async def talk(session, relay_only):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear_signals, session)
        try:
            channel = await session.channel(relay_only=relay_only)
            say("open")
            nursery.start_soon(obey, session, channel)
            nursery.start_soon(watch, channel)
            nursery.start_soon(take, channel)
            if "--idle" in sys.argv:
                await may_read.wait()
            async for message in channel:
                say("got", message if isinstance(message, str) else len(message))
        except (NotSupported, Unreachable) as error:
            say("error", error.code)
            nursery.start_soon(obey, session, None)
        except SessionOver:
            pass
        over = await session.ended()
        say("over", over.reason)
        nursery.cancel_scope.cancel()


async def hear_signals(session):
    async for data in session.signals():
        say("signal", data)


async def watch(channel):
    async with aclosing(channel.presence()) as changes:
        async for is_open in changes:
            say("open" if is_open else "gap")


async def take(channel):
    async for each in channel.incoming():
        say("channel", each.label)
        if "--idle" in sys.argv:
            await may_read.wait()
        async for message in each:
            say(each.label, message.lstrip("0") or "0")
        say("closed", each.label)


async def obey(session, channel):
    # A thread that reads must not keep the program from its end.
    async for line in trio.wrap_file(sys.stdin):
        command, _, rest = line.rstrip("\n").partition(" ")
        if command == "send":
            await channel.send(rest)
        elif command == "bytes":
            await channel.send(bytes(int(rest)))
        elif command == "path":
            path = await channel.path()
            assert path.round_trip is not None
            say("path", path.local, path.remote, path.protocol, path.relayed)
        elif command == "open":
            async with await channel.open(rest) as other:
                await other.send("hello")
                say(rest, await other.receive())
        elif command == "try":
            channel = await session.channel()
            say("open")
        elif command == "waiting":
            say("waiting", channel._connector.channels.gate._waiting)
        elif command == "read":
            may_read.set()
        elif command == "close":
            await until_connected(session.close)
            return


async def until_connected(action):
    while True:
        try:
            return await action()
        except ConnectionLost:
            await trio.sleep(0.1)


if __name__ == "__main__":
    role, where = sys.argv[1:3]
    if "--without-aiortc" in sys.argv:
        sys.modules["aiortc"] = None
    trio.run(
        {"host": host, "guest": guest, "resume": resume}[role], where, "--relay-only" in sys.argv
    )
