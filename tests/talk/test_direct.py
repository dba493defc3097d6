"""When chat goes through the node, with a session whose channel never opens."""

import pytest
import trio

from proxim.talk import PATIENCE, Direct


class Session:
    """A session that is approved after a minute, and whose sides never reach each other."""

    over = None

    def expect_channel(self):
        pass

    async def wait_approved(self):
        await trio.sleep(60)

    async def channel(self):
        await trio.sleep_forever()


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
