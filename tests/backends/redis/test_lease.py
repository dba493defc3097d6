"""For how long a node may act for its sessions, by its own clock."""

import trio

from proxim.backends.redis.lease import Lease


async def renews(lease, seconds):
    """Renew the lease, and note that the process runs, for so long."""
    for _ in range(int(seconds * 4)):
        lease.renew(trio.current_time())
        lease.answered()
        lease.note_running()
        await trio.sleep(0.25)


async def test_lease_ends_here_before_it_ends_in_redis(autojump_clock):
    lease = Lease(10)
    await renews(lease, 3)
    assert lease.is_held
    await trio.sleep(9)
    assert not lease.is_held


async def test_process_that_wakes_up_without_its_lease_was_suspended(autojump_clock):
    lease = Lease(10)
    await renews(lease, 3)
    # Other nodes may own its sessions after ten seconds without a heartbeat.
    await trio.sleep(4)
    assert not lease.was_suspended
    lease.note_running()
    await trio.sleep(5)
    assert not lease.is_held
    assert lease.was_suspended


async def test_process_that_runs_without_redis_was_not_suspended(autojump_clock):
    lease = Lease(10)
    await renews(lease, 3)
    for _ in range(200):
        assert not lease.was_suspended
        lease.note_running()
        await trio.sleep(0.25)
    assert not lease.is_held
    await trio.sleep(11)
    assert lease.was_suspended
