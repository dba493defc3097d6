"""Questions to a person: what counts as an answer, and how a question looks in a narrow window."""

import os
from math import inf

import pyte
import pytest
import trio

from proxim.cli import terminal
from proxim.cli.approval import NumberQuestion, ask_number, wants_new_link
from proxim.cli.invitation import Invitation, press_keys
from proxim.cli.keyboard import ESCAPE, GRACE, Keyboard
from proxim.cli.questions import Questions
from proxim.cli.quiet import QuietVisits
from proxim.cli.terminal import Reporter, cut, quoted
from proxim.cli.words import width, wrap
from proxim.protocol.messages import DeviceInfo

LONG = "very-long-name-of-a-film-that-somebody-gave-it-long-ago.mp4"


class Typist(Keyboard):
    """A keyboard on which a test presses keys."""

    is_person = True

    def __init__(self):
        super().__init__()
        self._press, self._pressed = trio.open_memory_channel(inf)

    def press(self, keys):
        self._press.send_nowait(keys.encode())

    def _flush(self):
        while self._pressed.statistics().current_buffer_used:
            self._pressed.receive_nowait()

    async def _read(self):
        return await self._pressed.receive()


@pytest.fixture
def reporter():
    """A reporter for a person at a terminal."""
    made = Reporter(as_json=False)
    made.keyboard = Typist()
    made.screen.is_terminal = True
    return made


class Answer:
    """The answer to a question that is being asked."""

    def __init__(self, nursery, ask):
        self.value = "not answered"
        nursery.start_soon(self._run, ask)

    async def _run(self, ask):
        self.value = await ask()


def asking_number(reporter):
    question = NumberQuestion(DeviceInfo(name="Phone", id="p"), lambda: "0:40")
    return lambda: ask_number(question, reporter)


async def test_keys_are_ignored_while_a_question_appears(reporter, autojump_clock, nursery):
    reporter.keyboard.press("123\n")  # Typed before it.
    for _ in range(2):  # A question that replaces another is as new as the first.
        answer = Answer(nursery, asking_number(reporter))
        await trio.sleep(GRACE - 0.01)
        reporter.keyboard.press(f"123\n{ESCAPE}")
        await trio.sleep(0.1)
        assert answer.value == "not answered"
        reporter.keyboard.press("482\n")
        await trio.testing.wait_all_tasks_blocked()
        assert answer.value == "482"


@pytest.mark.parametrize(
    "keys", [ESCAPE, "\x04", f"12{ESCAPE}", f"482{ESCAPE}", f"{ESCAPE}{ESCAPE}"]
)
async def test_escape_declines(reporter, autojump_clock, nursery, keys):
    answer = Answer(nursery, asking_number(reporter))
    await trio.sleep(1)
    reporter.keyboard.press(keys)
    await trio.sleep(1)
    assert answer.value is None


def test_enter_after_too_few_digits_says_how_many_there_are():
    question = NumberQuestion(DeviceInfo(name="Phone", id="p"), lambda: "0:40")
    short, keys = "The number has three digits. 0:40 left.", "Enter approves, Esc declines. 0:40"

    def drawn(typed):
        assert [question.press(key) for key in typed] == [None] * len(typed)
        return "\n".join(question.draw(80, 24, []).lines)

    assert keys in drawn("12")
    assert short in drawn("\n")
    assert keys in drawn("3")
    assert question.press("\n") == "123"


@pytest.mark.parametrize("keys", ["\x1b[A", "\x1bOP", "\x1b[1;5C", "\x1bx", "\x1b[", "ü", "\t"])
async def test_other_keys_are_not_an_answer(reporter, autojump_clock, nursery, keys):
    answer = Answer(nursery, asking_number(reporter))
    await trio.sleep(1)
    reporter.keyboard.press(keys)
    await trio.sleep(1)
    assert answer.value == "not answered"
    for key in "482\n":
        reporter.keyboard.press(key)
    await trio.sleep(1)
    assert answer.value == "482"


@pytest.mark.parametrize(("keys", "wanted"), [("\n", True), ("xy \r", True), (ESCAPE, False)])
async def test_enter_draws_a_new_link_once_it_can_be_meant(
    reporter, autojump_clock, nursery, keys, wanted
):
    quiet = QuietVisits(None, reporter, has_known=False)
    answer = Answer(nursery, lambda: wants_new_link(reporter, None, quiet))
    await trio.sleep(GRACE / 2)
    reporter.keyboard.press(keys)
    await trio.sleep(GRACE)
    assert answer.value == "not answered"
    reporter.keyboard.press(keys)
    await trio.sleep(1)
    assert answer.value is wanted


async def test_l_shows_the_link_while_the_host_waits(reporter, autojump_clock, nursery):
    shown = Invitation("https://n.example/join#x", [], [], lambda: "5:00", has_keys=True)
    nursery.start_soon(press_keys, reporter, shown.press)
    reporter.keyboard.press("l")
    await trio.sleep(1)
    assert shown.shows_link
    reporter.keyboard.press("\n\x1b[AL")
    await trio.sleep(1)
    assert not shown.shows_link


async def test_line_typed_as_a_file_is_offered_is_not_an_answer(reporter, autojump_clock, nursery):
    questions = Questions(reporter)
    for _ in range(2):
        answer = Answer(nursery, lambda: questions.ask("Take it?", lambda: None))
        await trio.sleep(GRACE - 0.01)
        assert questions.take("y")
        await trio.sleep(0.1)
        assert answer.value == "not answered"
        assert questions.take("y")
        await trio.testing.wait_all_tasks_blocked()
        assert answer.value is True


@pytest.fixture
def screen(monkeypatch):
    """Makes a screen of so many columns, of which pyte shows what is printed."""

    def make(columns):
        shown = pyte.Screen(columns, 24)
        shown.set_mode(pyte.modes.LNM)  # As a terminal device does it for each line end.
        stream = pyte.Stream(shown)
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: size)
        monkeypatch.setattr(
            terminal.click, "echo", lambda text="", nl=True: stream.feed(text + "\n" * nl)
        )
        screen = terminal.Screen()
        screen.is_terminal = True
        return screen, lambda: [line.rstrip() for line in shown.display if line.strip()]

    return make


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("name", [LONG, "電話" * 30, "a b"])
def test_question_of_several_rows_is_drawn_over_itself(screen, columns, name):
    asked, lines = screen(columns)
    question = f"{quoted('Phone of ' * 7)} wants to send {quoted(name)}, 1.2 MB – take it? [y/N] "
    asked.ask(question)
    before = lines()
    assert " ".join(before) == question.strip()
    for number in range(5):
        asked.say(f"< line {number}")
    assert lines() == [*(f"< line {number}" for number in range(5)), *before]
    asked.ask(None)
    assert lines() == [f"< line {number}" for number in range(5)]


def test_sentences_break_between_words(screen):
    said, lines = screen(40)
    said.say("Chat goes through the server, which can read it. Files cannot cross.")
    assert lines() == ["Chat goes through the server, which can", "read it. Files cannot cross."]


def test_long_name_loses_its_middle():
    assert quoted("holiday.jpg") == "“holiday.jpg”"
    assert quoted(LONG) == "“very-long-name-of-a-f…ng-ago.mp4”"
    assert width(cut("電話" * 30, 20)) <= 20
    assert quoted("\x1b[2J") == "“\\x1b[2J”"


@pytest.mark.parametrize("columns", [10, 28, 40])
def test_wrapped_lines_are_narrow_and_whole(columns):
    command = "  proxim join 'a link that stays whole'"
    text = f"Only this computer can open it. 電話 は ここ\n\n{command}\nEnd"
    lines = wrap(text, columns)
    assert command in lines
    assert all(width(line) <= columns for line in lines if not line.startswith("  "))
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
