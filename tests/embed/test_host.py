"""What the host in the process does by itself."""

import trio

from tests.embed.helpers import Parlour

TURN = {"turn": ("turn:turn.example:3478",), "turn_secret": "s" * 32, "turn_ttl": 600}


async def test_ice_servers_are_refreshed_before_they_expire(autojump_clock, nursery):
    parlour = Parlour(nursery, settings=TURN)
    session, _ = await parlour.pair_up("persistent")
    (first,) = session.ice_servers
    await trio.sleep(440)
    assert session.ice_servers == [first]
    await trio.sleep(20)
    (second,) = session.ice_servers
    assert second.urls == first.urls
    assert second.username != first.username
    nursery.cancel_scope.cancel()


async def test_ended_session_does_not_stop_the_refresh_of_others(autojump_clock, nursery):
    parlour = Parlour(nursery, settings=TURN)
    over, _ = await parlour.pair_up("persistent")
    goes_on, _ = await parlour.pair_up("persistent")
    (first,) = goes_on.ice_servers
    last = over.ice_servers
    await over.close()
    await trio.sleep(460)
    assert over.ice_servers == last
    assert goes_on.ice_servers != [first]
    nursery.cancel_scope.cancel()
