"""What the application's host does by itself."""

import trio

from tests.embed.helpers import Parlour

TURN = {"turn": ("turn:turn.example:3478",), "turn_secret": "s" * 32, "turn_ttl": 600}


async def test_ice_servers_are_renewed_before_they_lapse(autojump_clock, nursery):
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


async def test_a_session_that_is_over_is_not_renewed_and_no_other_suffers(autojump_clock, nursery):
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
