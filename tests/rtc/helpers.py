"""Both sides of a session and their channels."""

from contextlib import aclosing, asynccontextmanager

import trio

from proxim.rtc.connector import MAX_RETRIES
from tests.client.helpers import PATIENCE, paired, until


@asynccontextmanager
async def joined(url, **options):
    """The channels of a host and a guest, and their sessions."""
    async with paired(url, **options) as sessions:
        yield *await channels(*sessions), *sessions


async def channels(*sessions):
    """Return the open channel of each session."""
    found = {}

    async def get(session):
        found[session] = await session.channel()

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for session in sessions:
                nursery.start_soon(get, session)
    return [found[session] for session in sessions]


async def is_open(channel, wanted):
    """Wait until a channel is open, or not."""
    with trio.fail_after(PATIENCE):
        async with aclosing(channel.presence()) as changes:
            while channel.is_open is not wanted:
                await anext(changes)


async def break_connection(channel):
    """Lose the connection under a channel; both sides notice it by themselves."""
    peer = channel._connector
    await peer._loop.call(peer._connection._pc.close)


async def end_attempts(session):
    """Let each attempt of a session to connect end unanswered, once its offer has been sent."""
    await until(lambda: session._peering and session._peering._connector)
    connector = session._peering._connector
    await until(lambda: connector._negotiation.is_connecting and session.peer_online)
    for _ in range(1 + MAX_RETRIES):
        # Done after the start of the attempt, and that sends the offer.
        connector._do(connector._timed_out)


def close_main(channel):
    """Close the main data channel alone, and return it."""
    main = channel._connector.channels.main
    channel._connector._loop.soon(main._pipe.close)
    return main
