"""The name that a host gives its device, which the guest sees."""

import pytest
from msgspec import UNSET

from proxim.protocol import messages as wire
from proxim.session import snapshot
from proxim.session.snapshot import Snapshot
from tests.session.helpers import GUEST, PERSISTENT, Meeting

NAME = "Work laptop"


@pytest.mark.parametrize(("given", "told"), [(NAME, NAME), ("", UNSET)])
def test_guest_is_told_the_name_of_the_host(given, told):
    meeting = Meeting(PERSISTENT, host_name=given)
    meeting.asks()
    assert meeting.told(GUEST, wire.PairPending)[-1].host_name == told
    meeting.comes(GUEST)
    assert meeting.told(GUEST, wire.Resumed)[-1].host_name == told


def test_name_of_the_host_survives_a_snapshot():
    session = Meeting(PERSISTENT, host_name=NAME).session
    taken = snapshot.decode(snapshot.encode(Snapshot.of(session, b"hash", skew=0.0)))
    assert taken.restore(session.terms, skew=0.0).host_name == NAME
