"""A Python program at one side of a session, for the tests in a browser.

``python -m tests.rtc.side host URL`` prints a link, and ``… guest LINK`` follows one. It prints a
line for each event, and takes commands from its standard input:

    send TEXT · bytes COUNT · path · open LABEL · try · close
"""

import sys
from contextlib import aclosing

import trio

from proxim.client import open_guest, open_host
from proxim.protocol.errors import NotSupported, SessionOver, Unreachable


def say(*words):
    print(*words, flush=True)


async def host(url, relay_only):
    async with open_host(url, uuid="python") as host:
        session = await host.create("persistent")
        say(session.link)
        await (await session.prompt()).approve()
        await talk(session, relay_only)


async def guest(link, relay_only):
    async with open_guest(link, name="Python") as guest:
        say("code", guest.code)
        await guest.approved()
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
        async for message in each:
            say(each.label, message)
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
        elif command == "close":
            await session.close()
            return


if __name__ == "__main__":
    role, where = sys.argv[1:3]
    trio.run({"host": host, "guest": guest}[role], where, "--relay-only" in sys.argv)
