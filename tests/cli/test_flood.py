"""What the other side can have printed at a terminal is bounded."""

from functools import partial

import pytest
import trio

from proxim.cli import flood
from proxim.cli.flood import ROWS, Heard
from proxim.cli.terminal import Reporter
from proxim.cli.transfers import MOST_WITHDRAWN, Transfers
from tests.files import pair


@pytest.fixture
def reporter(monkeypatch):
    """The reporter of a person at a terminal; ``said`` is what it has printed."""
    reporter = Reporter(as_json=False)
    reporter.screen.is_terminal = True
    reporter.said = []
    monkeypatch.setattr(reporter.screen, "say", reporter.said.append)
    return reporter


def left_out(reporter):
    """Return how many lines the reporter says were left out."""
    said = [line for line in reporter.said if "left out" in line]
    return sum(int(line.split()[1].replace(",", "")) for line in said)


async def test_flood_is_cut_and_counted(reporter, nursery, autojump_clock):
    heard = Heard(reporter)
    nursery.start_soon(heard.run)
    for number in range(10_000):
        heard.report("chat", f"< {number}")
    assert len(reporter.said) == ROWS
    await trio.sleep(1.5)
    assert reporter.said[-1] == "… 9,500 lines left out"
    heard.report("chat", "< again")
    assert reporter.said[-1] == "< again"
    nursery.cancel_scope.cancel()


async def test_flood_that_goes_on_prints_little(reporter, nursery, autojump_clock):
    heard = Heard(reporter)
    nursery.start_soon(heard.run)
    for _ in range(6000):
        heard.report("chat", "x" * 10_000)
        await trio.sleep(0.01)
    heard.say_left_out()
    printed = [line for line in reporter.said if "left out" not in line]
    # 126 rows each: four at first, and nine or ten in a minute.
    assert len(printed) == pytest.approx(13, abs=2)
    assert len(reporter.said) - len(printed) <= 60
    assert left_out(reporter) == 6000 - len(printed)
    nursery.cancel_scope.cancel()


async def test_long_paste_is_shown(reporter):
    heard = Heard(reporter)
    for number in range(ROWS):
        heard.report("chat", f"< line {number}")
    heard.say_left_out()
    assert len(reporter.said) == ROWS


@pytest.mark.parametrize("change", ["as_json", "is_terminal"])
async def test_program_and_pipe_get_everything(reporter, monkeypatch, change):
    said = []
    if change == "as_json":
        monkeypatch.setattr(reporter, "as_json", True)
    else:
        monkeypatch.setattr(reporter.screen, "is_terminal", False)
    monkeypatch.setattr(reporter, "report", lambda *event, **_: said.append(event))
    heard = Heard(reporter)
    for number in range(3 * ROWS):
        heard.report("chat", f"< {number}")
    assert len(said) == 3 * ROWS


class Questions:
    """Counts the questions; a person answers those that ``answers`` holds."""

    def __init__(self, answers=()):
        self.asked = 0
        self._answers = list(answers)

    async def ask(self, question, tell):
        self.asked += 1
        tell()
        if not self._answers:
            await trio.sleep_forever()
        return self._answers.pop()


async def offer(sender, number, *, withdraw):
    """Offer a file in a raw way, and take it back, or hear the answer."""
    data = await sender.open("file")
    await data.tell(name=f"{number}.jpg", size=1)
    if not withdraw:
        return await data.hear()
    await trio.sleep(0.01)
    return await data.tell(cancel="cancelled")


async def test_withdrawn_offers_neither_fill_the_screen_nor_lock_the_keyboard(
    reporter, nursery, autojump_clock, tmp_path
):
    heard, questions = Heard(reporter), Questions()
    transfers = Transfers(reporter, heard, questions, "Phone", tmp_path, take_all=False)
    mine, theirs = pair.channels()
    nursery.start_soon(transfers.receive, mine)
    for number in range(2000):
        await offer(theirs, number, withdraw=True)
        await trio.sleep(0.01)
    await trio.sleep(1)
    heard.say_left_out()
    # 40 seconds: as many as at once, and one every two seconds.
    assert questions.asked <= MOST_WITHDRAWN + 21
    assert len(reporter.said) <= ROWS + 41 * flood.ROWS_PER_SECOND + 1
    assert left_out(reporter) > 500
    # The next honest offer is asked about.
    nursery.start_soon(partial(offer, theirs, 0, withdraw=False))
    asked = questions.asked
    await trio.sleep(3)
    assert questions.asked == asked + 1
    nursery.cancel_scope.cancel()


async def test_answered_offers_do_not_wait(reporter, nursery, autojump_clock, tmp_path):
    questions = Questions([False] * 100)
    transfers = Transfers(reporter, Heard(reporter), questions, "Phone", tmp_path, take_all=False)
    mine, theirs = pair.channels()
    nursery.start_soon(transfers.receive, mine)
    for number in range(100):
        assert await offer(theirs, number, withdraw=False) == {"cancel": "declined"}
    assert trio.current_time() < 1
    nursery.cancel_scope.cancel()
