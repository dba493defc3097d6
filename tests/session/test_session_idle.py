import pytest

from proxim.protocol.messages import Reason
from proxim.session import events as ev
from proxim.session import snapshot
from proxim.session.events import Finish
from proxim.session.snapshot import Snapshot
from tests.session.helpers import GUEST, HOST, PERSISTENT, TEMPORARY, approved

DAY = 86_400.0


def swept(meeting):
    """Return the reason with which the sweep ends the session, or None."""
    meeting.hand(ev.Swept())
    finishes = [effect.reason for effect in meeting.effects if isinstance(effect, Finish)]
    return finishes[0] if finishes else None


def deserted(kind=PERSISTENT, **terms):
    """Return an approved session whose sides left at once."""
    meeting = approved(kind, **{"ttl": 1000 * DAY} if kind is TEMPORARY else {}, **terms)
    meeting.leaves(GUEST)
    meeting.leaves(HOST)
    return meeting


@pytest.mark.parametrize("kind", [PERSISTENT, TEMPORARY])
def test_session_ends_after_so_many_days_without_anybody(kind):
    meeting = deserted(kind, idle_days=30)
    meeting.now += 30 * DAY - 1
    assert swept(meeting) is None
    meeting.now += 1
    assert swept(meeting) is Reason.IDLE
    assert meeting.session.status == "expired"


def test_no_session_is_idle_by_default():
    meeting = deserted()
    meeting.now += 10_000 * DAY
    assert swept(meeting) is None


@pytest.mark.parametrize("role", [HOST, GUEST])
def test_session_is_not_idle_while_a_side_is_there(role):
    meeting = deserted(idle_days=30)
    meeting.now += 29 * DAY
    meeting.comes(role)
    meeting.now += 100 * DAY
    assert swept(meeting) is None
    meeting.leaves(role)
    meeting.now += 29 * DAY
    assert swept(meeting) is None
    meeting.now += DAY
    assert swept(meeting) is Reason.IDLE


def test_both_sides_are_told_why_it_ended():
    meeting = deserted(idle_days=1)
    meeting.now += DAY
    meeting.hand(ev.Swept())
    assert meeting.comes(GUEST).reason is Reason.IDLE


def restored(meeting, idle_days, skew=500.0):
    """Continue the session in another process, whose clock differs."""
    terms = ev.Terms(idle_days=idle_days)
    saved = snapshot.decode(snapshot.encode(Snapshot.of(meeting.session, b"k" * 32, skew=100.0)))
    meeting.now += 100.0 - skew
    meeting.session = saved.restore(terms, skew=skew)
    meeting.seats = set()
    meeting.hand(ev.Restored())
    return meeting


def test_days_go_on_over_a_restart():
    meeting = deserted(idle_days=30)
    meeting.now += 20 * DAY
    restored(meeting, idle_days=30)
    meeting.now += 10 * DAY - 1
    assert swept(meeting) is None
    meeting.now += 1
    assert swept(meeting) is Reason.IDLE


def test_days_begin_at_a_restart_that_both_sides_were_there_for():
    meeting = approved(PERSISTENT, idle_days=30)
    meeting.now += 100 * DAY
    restored(meeting, idle_days=30)
    meeting.now += 30 * DAY - 1
    assert swept(meeting) is None
    meeting.now += 1
    assert swept(meeting) is Reason.IDLE


def test_setting_that_is_new_counts_from_the_restart():
    meeting = deserted(idle_days=0)
    meeting.now += 100 * DAY
    restored(meeting, idle_days=30)
    assert swept(meeting) is None
    meeting.now += 30 * DAY
    assert swept(meeting) is Reason.IDLE
