"""The application decides: what counts as approval, and what happens if it takes too long."""

import threading

import pytest
import trio

from proxim.actors.log import log_id
from tests.embed.helpers import over


async def result(guest):
    return (await guest.hear("pair_result"))["status"]


async def test_true_approves_the_guest(autojump_clock, parlour):
    asked = []

    async def decide(prompt):
        asked.append(prompt.device_info.name)
        await trio.sleep(39)
        return True

    session = await parlour.open_session(decide=decide)
    guest = await parlour.guest(session)
    assert await result(guest) == "approved"
    assert asked == ["Phone"]


@pytest.mark.parametrize("answer", [False, None, 1, "no", "482"])
async def test_anything_but_true_rejects_the_guest(autojump_clock, parlour, answer):
    async def decide(prompt):
        return answer

    session = await parlour.open_session(decide=decide)
    assert await result(await parlour.guest(session)) == "rejected"
    assert await over(session) == ("rejected", "rejected")


@pytest.mark.parametrize("plain", [True, False])
async def test_code_that_decide_returns_approves_the_guest(parlour, plain):
    typed = trio.Event()
    shown = []

    async def later(prompt):
        await typed.wait()
        return shown[0]

    decide = (lambda prompt: later(prompt)) if plain else later
    session = await parlour.open_session(confirm="code", decide=decide)
    guest = await parlour.guest(session)
    shown.append(guest.code)
    typed.set()
    assert await result(guest) == "approved"


@pytest.mark.parametrize("answer", ["another", "12", True, False, None, 1])
async def test_anything_but_the_code_rejects_the_guest(autojump_clock, parlour, answer, caplog):
    typed = trio.Event()
    shown = []

    async def decide(prompt):
        await typed.wait()
        assert prompt.confirm == "code"
        return "123" if shown == ["124"] else "124" if answer == "another" else answer

    session = await parlour.open_session(confirm="code", decide=decide)
    guest = await parlour.guest(session)
    shown.append(guest.code)
    typed.set()
    assert await result(guest) == "rejected"
    assert await over(session) == ("rejected", "rejected")
    assert ("approved without the code" in caplog.text) is (answer is True)


async def test_failing_decide_rejects_the_guest_and_is_logged(autojump_clock, parlour, caplog):
    async def decide(prompt):
        raise ValueError(f"no row for {prompt.device_info.name}")

    session = await parlour.open_session(decide=decide)
    assert await result(await parlour.guest(session)) == "rejected"
    (record,) = caplog.records
    assert "the guest is rejected" in record.message
    assert "in decide" in record.message
    assert record.message.endswith("ValueError"), "its text names the device"
    assert record.session == log_id(session.session_id)
    _, guest = await parlour.pair_up()
    assert await guest.pings()


@pytest.mark.parametrize("how", ["time", "guest", "host"])
async def test_slow_decide_is_cancelled(autojump_clock, parlour, how):
    cancelled = trio.Event()

    async def decide(prompt):
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    session = await parlour.open_session(decide=decide)
    guest = await parlour.guest(session)
    if how == "guest":
        await guest.ws.aclose()
    elif how == "host":
        await session.close()
    reason = {"time": "approval_timeout", "guest": "disconnected", "host": "closed"}[how]
    assert await over(session) == ("expired", reason)
    with trio.fail_after(20):
        await cancelled.wait()


async def test_session_can_end_before_a_guest_asks(autojump_clock, parlour):
    session = await parlour.open_session(decide=lambda _: 1 / 0)
    await session.close()
    await trio.testing.wait_all_tasks_blocked()
    assert await over(session) == ("expired", "closed")


async def test_application_can_decide_by_itself(autojump_clock, parlour):
    async def decide(prompt):
        await prompt.approve()
        return False

    session = await parlour.open_session(decide=decide)
    assert await result(await parlour.guest(session)) == "approved"
    await trio.testing.wait_all_tasks_blocked()
    assert session.over is None


# With threads, and so in real time.


@pytest.mark.parametrize("answer", [True, False])
async def test_plain_function_runs_in_its_own_thread(parlour, answer):
    before = threading.active_count()
    may_answer = threading.Event()
    asked_in = []

    def decide(prompt):
        asked_in.append(threading.get_ident())
        may_answer.wait(60)
        return answer

    session = await parlour.open_session(decide=decide)
    guest = await parlour.guest(session)
    # The node continues in the meantime.
    assert await guest.pings()
    may_answer.set()
    assert await result(guest) == ("approved" if answer else "rejected")
    assert asked_in != [threading.get_ident()]
    with trio.fail_after(20):
        while threading.active_count() > before:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.01)


async def test_plain_function_can_return_a_coroutine(parlour):
    async def later():
        await trio.lowlevel.checkpoint()
        return True

    session = await parlour.open_session(decide=lambda _: later())
    assert await result(await parlour.guest(session)) == "approved"


async def test_plain_function_that_exits_ends_only_its_thread(parlour, caplog):
    def decide(prompt):
        raise SystemExit

    session = await parlour.open_session(decide=decide)
    assert await result(await parlour.guest(session)) == "rejected"
    assert "SystemExit" in caplog.text


async def test_result_of_a_thread_after_the_end_is_ignored(parlour):
    may_answer, answered = threading.Event(), threading.Event()

    def decide(prompt):
        may_answer.wait(60)
        answered.set()
        return True

    session = await parlour.open_session("persistent", decide=decide)
    await parlour.guest(session)
    await session.prompt()
    await session.close()
    may_answer.set()
    assert await trio.to_thread.run_sync(answered.wait, 10)
    assert await over(session) == ("expired", "closed")
