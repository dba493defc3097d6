"""A mailbox against its contract, which is that of Trio's memory channel."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from proxim.actors.mailbox import Mailbox
from proxim.actors.timers import Timers


class Channel:
    """Trio's memory channel in the shape of a mailbox."""

    def __init__(self, timers):
        self._sender, self._receiver = trio.open_memory_channel(float("inf"))
        self.send_nowait = self._sender.send_nowait
        self.receive, self.receive_nowait = self._receiver.receive, self._receiver.receive_nowait
        self.close = self._sender.close

    def __len__(self):
        return self._receiver.statistics().current_buffer_used


@pytest.fixture
async def timers(nursery):
    timers = Timers()
    nursery.start_soon(timers.run)
    return timers


@pytest.fixture
def mailbox(timers):
    return Mailbox(timers)


@pytest.fixture(params=[Mailbox, Channel])
def either(request, timers):
    return request.param(timers)


@pytest.fixture
async def receiver(nursery, autojump_clock):
    """Starts a task that receives; it returns what that got, and a scope to cancel it by."""

    async def start(mailbox, *until):
        got, scope = [], trio.CancelScope()

        async def receive():
            with scope:
                try:
                    while True:
                        got.append(await mailbox.receive(*until))
                except trio.EndOfChannel:
                    got.append("end")

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        return got, scope

    return start


# -- what both keep --------------------------------------------------------------------------


async def test_what_is_sent_comes_in_order(autojump_clock, either, receiver):
    either.send_nowait(1)
    either.send_nowait(2)
    assert len(either) == 2
    got, _ = await receiver(either)
    assert (got, len(either)) == ([1, 2], 0)
    for number in (3, 4, 5):
        either.send_nowait(number)
    await wait_all_tasks_blocked()
    assert got == [1, 2, 3, 4, 5]


async def test_without_waiting_there_is_something_or_not(autojump_clock, either):
    with pytest.raises(trio.WouldBlock):
        either.receive_nowait()
    either.send_nowait(1)
    assert either.receive_nowait() == 1


async def test_what_was_sent_before_the_close_still_comes(autojump_clock, either):
    either.send_nowait(1)
    either.close()
    with pytest.raises(trio.ClosedResourceError):
        either.send_nowait(2)
    assert await either.receive() == 1
    for _ in range(2):
        with pytest.raises(trio.EndOfChannel):
            await either.receive()


async def test_the_close_wakes_who_waits(autojump_clock, either, receiver):
    got, _ = await receiver(either)
    either.close()
    either.close()
    await wait_all_tasks_blocked()
    assert got == ["end"]


async def test_to_receive_is_a_checkpoint(autojump_clock, either):
    either.send_nowait(1)
    with assert_checkpoints():
        await either.receive()


async def test_a_cancelled_receiver_takes_nothing_that_waits(autojump_clock, either):
    either.send_nowait(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await either.receive()
    assert scope.cancelled_caught
    assert either.receive_nowait() == 1


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_what_is_sent_in_the_step_of_a_cancellation_is_not_lost(
    autojump_clock, either, receiver, cancelled_first
):
    got, scope = await receiver(either)
    if cancelled_first:
        scope.cancel()
        either.send_nowait(1)
    else:
        either.send_nowait(1)
        scope.cancel()
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught
    assert got == ([] if cancelled_first else [1])
    assert len(either) == (1 if cancelled_first else 0)


async def test_who_comes_after_a_cancelled_receiver_is_served(autojump_clock, either, receiver):
    _, scope = await receiver(either)
    scope.cancel()
    await wait_all_tasks_blocked()
    got, _ = await receiver(either)
    either.send_nowait(1)
    await wait_all_tasks_blocked()
    assert got == [1]


# -- what is its own -------------------------------------------------------------------------


async def test_nothing_until_then_is_none_at_that_very_moment(autojump_clock, mailbox):
    assert await mailbox.receive(7.25) is None
    assert trio.current_time() == 7.25


async def test_a_moment_that_has_passed_still_lets_the_others_have_their_turn(
    autojump_clock, mailbox
):
    await trio.sleep(10)
    with assert_checkpoints():
        assert await mailbox.receive(5) is None
    assert trio.current_time() == 10


async def test_what_comes_at_the_last_moment_comes_first(autojump_clock, mailbox, receiver):
    got, scope = await receiver(mailbox, 5)
    autojump_clock.jump(5)
    mailbox.wake()
    mailbox.send_nowait(1)
    await trio.lowlevel.checkpoint()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert got[0] == 1


@pytest.mark.parametrize("order", ["wake, cancel", "cancel, wake", "wake, wake"])
async def test_to_be_woken_twice_in_one_step_is_to_be_woken(
    autojump_clock, mailbox, receiver, order
):
    _, scope = await receiver(mailbox)
    for act in order.split(", "):
        {"wake": mailbox.wake, "cancel": scope.cancel}[act]()
    await wait_all_tasks_blocked()
    mailbox.send_nowait(1)
    await wait_all_tasks_blocked()
    assert len(mailbox) == ("cancel" in order)


async def test_there_is_one_receiver(autojump_clock, mailbox, receiver):
    await receiver(mailbox)
    with pytest.raises(trio.BusyResourceError):
        await mailbox.receive()


async def test_a_closed_mailbox_and_an_endless_wait_need_no_timer(autojump_clock, timers, receiver):
    mailbox = Mailbox(timers)
    for until, count in ((50, 1), (trio.current_time() + 60, 1), (float("inf"), 0), (50, 1)):
        _, scope = await receiver(mailbox, until)
        scope.cancel()
        await wait_all_tasks_blocked()
        assert len(timers) == count
    mailbox.close()
    assert len(timers) == 0


# -- whatever happens, in whatever order ------------------------------------------------------

ACTS = st.sampled_from(["send", "send", "cancel", "wake", "turn", "rest", "later", "past"])


@given(acts=st.lists(ACTS, max_size=30), closes=st.booleans())
def test_all_that_was_sent_comes_once_and_in_order(acts, closes):
    async def play():
        timers, got, sent = Timers(), [], 0
        mailbox, scope = Mailbox(timers), trio.CancelScope()

        async def receive():
            """Receives for ever; who cancels it cancels one wait, and the next begins."""
            nonlocal scope
            try:
                while True:
                    with trio.CancelScope() as scope:
                        got.append(await mailbox.receive(trio.current_time() + 1))
            except trio.EndOfChannel:
                got.append("end")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run)
            nursery.start_soon(receive)
            for act in acts:
                match act:
                    case "send":
                        sent += 1
                        mailbox.send_nowait(sent)
                    case "cancel":
                        scope.cancel()
                    case "wake":
                        mailbox.wake()
                    case "turn":
                        await trio.lowlevel.checkpoint()
                    case "rest":
                        await wait_all_tasks_blocked()
                    case "later":
                        await trio.sleep(0.75)
                    case "past":
                        trio.lowlevel.current_clock().jump(2)
            if closes:
                mailbox.close()
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        numbers = [each for each in got if isinstance(each, int)]
        assert numbers == list(range(1, sent + 1))
        assert (got[-1:] == ["end"]) is closes
        assert len(mailbox) == 0

    trio.run(play, clock=MockClock(autojump_threshold=0))
