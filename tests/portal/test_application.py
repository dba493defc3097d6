"""How functions of an application are called from Trio."""

import gc
import threading
import weakref

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.portal.application import MOST_FILE_THREADS, MOST_THREADS, Application


async def abandoned(ask, value):
    """Ask, and stop waiting for the answer at once."""
    with trio.move_on_after(0.01):
        await ask(value)


async def test_question_that_nobody_waits_for_any_more_is_still_the_only_one(nursery):
    shown = []
    ask = Application(shown.append).wrap_question(lambda value: value)
    await abandoned(ask, "withdrawn")
    answers = []

    async def note():
        answers.append(await ask("next"))

    nursery.start_soon(note)
    await wait_all_tasks_blocked(0.01)
    assert len(shown) == 1
    shown[0]()
    while len(shown) < 2:
        await wait_all_tasks_blocked(0.01)
    shown[1]()
    await wait_all_tasks_blocked(0.01)
    assert answers == ["next"]


async def test_questions_that_nobody_waits_for_do_not_add_up_to_threads():
    goes_on, begun = threading.Event(), []

    def decide(value):
        begun.append(value)
        goes_on.wait()
        return value

    ask = Application(None).wrap_question(decide)
    try:
        async with trio.open_nursery() as nursery:
            for number in range(MOST_THREADS + 10):
                nursery.start_soon(abandoned, ask, number)
        assert len(begun) <= MOST_THREADS
    finally:
        goes_on.set()
    with trio.fail_after(60):
        assert await ask("next") == "next"


@pytest.mark.parametrize("call_in", [None, lambda function: function()], ids=["thread", "loop"])
async def test_wait_that_ends_before_its_thread_runs_does_not_keep_its_turn(monkeypatch, call_in):
    goes_on = threading.Event()

    class LateThread(threading.Thread):
        def run(self):
            goes_on.wait()
            super().run()

    monkeypatch.setattr("proxim.portal.futures.Thread", LateThread)
    monkeypatch.setattr("proxim.portal.application.MOST_THREADS", 1)
    ask = Application(call_in).wrap_question(lambda value: value)
    await abandoned(ask, "withdrawn")
    goes_on.set()
    with trio.fail_after(60):
        assert await ask("next") == "next"


async def test_function_that_could_not_be_called_does_not_keep_its_turn():
    def broken(function):
        raise RuntimeError("the window is gone")

    ask = Application(broken).wrap_question(lambda value: value)
    for _ in range(2):
        with trio.fail_after(60), pytest.raises(RuntimeError, match="the window is gone"):
            await ask("question")


class Window:
    """A window, whose method is a function of the application."""

    def show(self, value):
        return value


async def test_functions_are_let_go_when_the_application_ends(nursery):
    window, shown = Window(), []
    application = Application(shown.append)
    tell = application.wrap_callback(window.show)
    nursery.start_soon(tell, "before")
    await wait_all_tasks_blocked(0.01)
    shown.pop()()
    application.end()
    nursery.start_soon(tell, "after")
    await wait_all_tasks_blocked(0.01)
    assert shown == []
    gone = weakref.ref(window)
    gc.disable()
    try:
        del window
        assert gone() is None
    finally:
        gc.enable()
    nursery.cancel_scope.cancel()


async def test_functions_without_an_event_loop_of_the_application_are_still_called():
    application = Application(None)
    tell = application.wrap_callback(lambda value: value)
    application.end()
    with trio.fail_after(60):
        assert await tell("late") == "late"


async def test_questions_about_files_of_a_session_delay_no_other_question():
    goes_on, begun = threading.Event(), []

    def wait_for_person(value):
        begun.append(value)
        goes_on.wait()

    application = Application(None)
    ask_about_files = application.wrap_file_question(wait_for_person)
    try:
        async with trio.open_nursery() as nursery:
            for number in range(MOST_THREADS):
                nursery.start_soon(abandoned, ask_about_files, number)
        with trio.fail_after(60):
            assert await application.wrap_question(lambda value: value)("prompt") == "prompt"
            assert await application.wrap_file_question(lambda value: value)("other") == "other"
        assert len(begun) <= MOST_FILE_THREADS
    finally:
        goes_on.set()


async def test_prompt_in_the_loop_of_the_application_goes_before_files(nursery):
    shown, asked = [], []
    application = Application(shown.append)

    async def answer_next():
        while not shown:
            await wait_all_tasks_blocked(0.01)
        shown.pop()()

    ask_about_prompt = application.wrap_question(asked.append)
    for session in ("first", "second"):
        ask_about_file = application.wrap_file_question(asked.append)
        for number in range(3):
            nursery.start_soon(ask_about_file, f"{session} {number}")
            await wait_all_tasks_blocked()
    nursery.start_soon(ask_about_prompt, "prompt")
    await wait_all_tasks_blocked()
    with trio.fail_after(60):
        for _ in range(7):
            await answer_next()
    assert asked[:4] == ["first 0", "prompt", "second 0", "first 1"]
    assert len(asked) == 7


async def test_question_about_a_file_that_was_withdrawn_gives_its_turn_back(nursery):
    shown = []
    application = Application(shown.append)
    nursery.start_soon(application.wrap_question(lambda value: value), "prompt")
    await wait_all_tasks_blocked(0.01)
    ask = application.wrap_file_question(lambda value: value)
    await abandoned(ask, "withdrawn")
    nursery.start_soon(ask, "next")
    shown.pop()()
    with trio.fail_after(60):
        while not shown:
            await wait_all_tasks_blocked(0.01)
    shown.pop()()
