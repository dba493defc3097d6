"""For how long a node may act, by its own clock."""

import trio

from proxim.backends.redis.lease import Lease


async def beats(lease, seconds):
    """The coordinator grants it anew, and the node runs, for so long."""
    for _ in range(int(seconds * 4)):
        lease.renew(trio.current_time())
        lease.answered()
        lease.note_running()
        await trio.sleep(0.25)


async def test_it_ends_here_before_it_does_at_the_hub(autojump_clock):
    lease = Lease(10)
    await beats(lease, 3)
    assert lease.is_held
    await trio.sleep(9)
    assert not lease.is_held


async def test_who_wakes_up_without_it_was_frozen(autojump_clock):
    lease = Lease(10)
    await beats(lease, 3)
    # Others have it after ten seconds without a beat; however late the last pulse was.
    await trio.sleep(4)
    assert not lease.was_suspended
    lease.note_running()
    await trio.sleep(5)
    assert not lease.is_held
    assert lease.was_suspended


async def test_who_runs_while_the_hub_is_away_was_not_frozen(autojump_clock):
    lease = Lease(10)
    await beats(lease, 3)
    for _ in range(200):
        assert not lease.was_suspended
        lease.note_running()
        await trio.sleep(0.25)
    assert not lease.is_held
    await trio.sleep(11)
    assert lease.was_suspended
