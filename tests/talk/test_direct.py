"""When chat goes through the node, and when over the channel, with a clock that does not wait."""

import pytest
import trio

from proxim.talk import PATIENCE, Direct


class OpenChannel:
    """A channel that stays open."""

    is_open = True

    async def path(self):
        return None

    async def presence_after(self, seen):
        await trio.sleep_forever()


class Listener:
    def opened(self, path):
        pass


class Session:
    """A session that is approved after a minute; without a channel its sides never connect."""

    over = None

    def __init__(self, channel=None):
        self._channel = channel

    def expect_channel(self):
        pass

    async def wait_approved(self):
        await trio.sleep(60)

    async def channel(self):
        return self._channel or await trio.sleep_forever()


async def test_time_without_a_channel_begins_with_the_approval(nursery, autojump_clock):
    begun = trio.current_time()
    direct = Direct(Session(), listener=None)
    nursery.start_soon(direct.run)
    assert await direct.wait_for_chat() is None
    assert trio.current_time() - begun == pytest.approx(60 + PATIENCE)
    # Later messages do not wait again.
    assert await direct.wait_for_chat() is None
    assert trio.current_time() - begun == pytest.approx(60 + PATIENCE)
    nursery.cancel_scope.cancel()


async def test_chat_goes_over_a_channel_that_has_been_open_for_long(nursery, autojump_clock):
    channel = OpenChannel()
    direct = Direct(Session(channel), Listener())
    nursery.start_soon(direct.run)
    await trio.sleep(60 + 3600)
    assert await direct.wait_for_chat() is channel
    nursery.cancel_scope.cancel()
