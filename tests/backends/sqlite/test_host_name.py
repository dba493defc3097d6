"""The name of the host's device is not written to the disk."""

from msgspec import UNSET

from proxim.protocol import messages as wire
from tests.actors.helpers import DEVICE


async def test_name_of_the_host_is_not_stored(live):
    first = await live()
    host = await first.node.host()
    created = await host.asks(
        wire.CreateSession(session_type="persistent", host_name="Work laptop")
    )
    await first.die()
    second = await live()
    await second.node.host()
    ask = {"session_id": created.session.session_id, "token": created.token, "device_info": DEVICE}
    pending = await second.node.connect().asks(wire.PairRequest(**ask))
    assert pending.host_name is UNSET
