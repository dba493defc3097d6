"""A store that an earlier version wrote is read.

`earlier/sessions.db` was written by commit f682a040, which was stopped with SIGTERM: a host had two
persistent sessions, and a guest was paired with the first.
"""

import shutil
from pathlib import Path

from proxim.protocol import messages as wire
from proxim.protocol.messages import Status

EARLIER = Path(__file__).parent / "earlier" / "sessions.db"
UUID = "4acc86da-c587-4968-8c82-c86e3b094fa6"
KEY = "Z4wMDshD1II_F8pf0-8loMQVJCuEX54BguoXiZXBhUE"
SESSION = "fJXv7pQ-7ald3AmcQGf-yQ"
RESUME_TOKEN = "mnQAhjSlFYjNu5W_kVhS1vSeQ8lSrziKeJTACcTYnDA"


async def test_store_of_an_earlier_version_is_read(live, tmp_path):
    shutil.copyfile(EARLIER, tmp_path / "sessions.db")
    (tmp_path / "sessions.db").chmod(0o600)
    life = await live()
    host, guest = life.node.connect(), life.node.connect()
    registered = await host.asks(wire.Register(uuid=UUID, key=KEY))
    status_of = {info.session_id: info.status for info in registered.sessions}
    assert status_of[SESSION] is Status.APPROVED
    assert sorted(status_of.values()) == [Status.APPROVED, Status.PENDING]
    resumed = await guest.asks(wire.Resume(session_id=SESSION, resume_token=RESUME_TOKEN))
    assert isinstance(resumed, wire.Resumed)
    assert resumed.host_online
