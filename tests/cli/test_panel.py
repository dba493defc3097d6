"""What a host and a guest see in a window: in this process, on a terminal that pyte emulates."""

import os
import re

import pyte
import pytest

from proxim import qr
from proxim.cli import panel
from proxim.cli.approval import NumberQuestion
from proxim.cli.invitation import Invitation, Waiting, Way
from proxim.cli.pairing import ONLY_HERE
from proxim.cli.panel import Panel
from proxim.protocol.messages import DeviceInfo
from tests.cli.helpers import picture, scan

PLAIN = "http://127.0.0.1:8765/join#" + "a1B2c" * 4 + "d3." + "T0ken-_" * 6 + "x"
SEALED = PLAIN.replace("127.0.0.1", "desk.office.tst") + "." + "K3y" * 14 + "k"
THEMES = {
    "light": ("#000000", "#ffffff"),
    "dark": ("#cccccc", "#000000"),
    "solarized": ("#839496", "#002b36"),
}
LEFT = "4:59"
"""The time left of every view."""


class Window:
    """A terminal, and a panel that draws a view on it."""

    def __init__(self, monkeypatch, columns, rows):
        self._monkeypatch = monkeypatch
        self.screen = pyte.HistoryScreen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self.panel = Panel(self._write)
        self.written = ""
        self._tell_size()

    def _write(self, text):
        self.written += text
        self._stream.feed(text)

    def _tell_size(self):
        size = os.terminal_size((self.screen.columns, self.screen.lines))
        self._monkeypatch.setattr(panel.shutil, "get_terminal_size", lambda: size)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self._tell_size()

    def say(self, *lines):
        for line in lines:
            self._write(f"{line}\r\n")

    def draw(self, view, *notes):
        self.written = ""
        self.panel.draw(view, list(notes))

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        """What is written in words, the lines of a paragraph joined."""
        blocks = str.maketrans("▀▄█", "   ")
        return " ".join(" ".join(line.translate(blocks) for line in self.lines).split())


@pytest.fixture
def window(monkeypatch):
    return lambda columns, rows: Window(monkeypatch, columns, rows)


def invitation(link, *, has_keys=True, about=(ONLY_HERE,), left=lambda: LEFT):
    ways = [Way("run this on another computer", f".venv/bin/proxim join '{link}'")]
    return Invitation(link, ways, list(about), left, has_keys=has_keys)


def question(name="Phone", device_id="b0b52ec16993ea29", left=lambda: "0:39"):
    asked = NumberQuestion(DeviceInfo(name=name, id=device_id), left)
    asked.is_open = True
    return asked


SIZES = [
    (PLAIN, 80, 24),
    (SEALED, 80, 24),
    (SEALED, 77, 24),
    (PLAIN, 40, 32),
    (SEALED, 140, 60),
    (PLAIN, 69, 20),
]


@pytest.mark.needs("zbarimg")
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("link", "columns", "rows"), SIZES)
def test_code_fits_beside_its_text_and_can_be_scanned(window, tmp_path, link, columns, rows, theme):
    shown = window(columns, rows)
    shown.say(*["$ earlier output"] * rows)
    shown.draw(invitation(link))
    assert scan(picture(shown.screen, *THEMES[theme]), tmp_path / "screen.png") == link
    assert "Scan this code with the other device." in shown.text
    assert "Only this computer can open the link." in shown.text
    assert f"The link expires in {LEFT}" in shown.text


def test_sealed_code_with_an_address_of_32_characters_takes_24_rows():
    assert len(SEALED.partition("#")[0]) == 32
    code = qr.TerminalCode(SEALED)
    assert code.size(0)[0] == 45
    assert code.size(1) == (47, 24)


@pytest.mark.parametrize(
    ("columns", "rows", "has_keys", "needed"),
    [
        (40, 24, True, "77 columns and 24 rows"),
        (80, 23, True, "77 columns and 24 rows"),
        (80, 24, False, "47 columns and"),
    ],
)
def test_small_window_says_what_size_the_code_needs_and_shows_the_link(
    window, columns, rows, has_keys, needed
):
    shown = window(columns, rows)
    shown.draw(invitation(SEALED, has_keys=has_keys))
    assert f"The QR code needs a window of {needed}" in shown.text
    assert f"This one has {columns} and {rows}." in shown.text
    assert SEALED in "".join(shown.screen.display)
    assert f"expires in {LEFT}" in shown.text
    assert not set("▀▄█") & set("".join(shown.lines))


NOTES = ["Can't reach the node. Reconnecting…", "Another device has opened the same link."]


@pytest.mark.parametrize(("columns", "rows"), [(30, 8), (40, 7), (80, 5)])
@pytest.mark.parametrize("notes", [[], NOTES])
def test_smallest_windows_show_the_link_and_what_the_code_needs(window, columns, rows, notes):
    shown = window(columns, rows)
    shown.draw(invitation(SEALED, about=["Sealed.", ONLY_HERE]), *notes)
    assert SEALED in "".join(shown.screen.display)
    assert "The QR code needs 77 columns and 24 rows." in shown.text
    assert f"The link expires in {LEFT}" in shown.text


def test_window_that_is_too_small_for_anything_else_shows_the_end_of_the_link(window):
    shown = window(20, 4)
    shown.draw(invitation(SEALED))
    assert SEALED.endswith("".join(shown.screen.display).rstrip())


@pytest.mark.parametrize(("columns", "rows"), [(30, 8), (40, 6), (80, 4)])
def test_smallest_windows_show_the_question_its_field_and_the_time(window, columns, rows):
    shown, asked = window(columns, rows), question(name="n" * 64)
    shown.draw(asked, *NOTES)
    asked.press("4")
    shown.draw(asked, *NOTES)
    for sentence in view_sentences(asked):
        assert sentence in shown.text
    assert "0:39 left." in shown.text
    assert shown.lines[shown.screen.cursor.y] == "> 4"
    shown.draw(Waiting("482", lambda: "0:39"), *NOTES)
    assert "other device: 482 Waiting for approval. 0:39 left." in shown.text


@pytest.mark.parametrize("has_keys", [True, False])
@pytest.mark.parametrize("link", [PLAIN, SEALED])
def test_window_of_the_size_that_is_asked_for_shows_the_code(window, link, has_keys):
    shown = window(60, 18)
    shown.draw(invitation(link, has_keys=has_keys))
    size = re.search(r"needs a window of (\d+) columns and (\d+) rows", shown.text)
    shown.resize(int(size[1]), int(size[2]))
    shown.draw(invitation(link, has_keys=has_keys))
    assert "▀" in "".join(shown.lines)


def test_l_shows_the_link_and_the_code_again(window):
    shown, view = window(80, 24), invitation(SEALED)
    shown.draw(view)
    assert "Press L to show the link." in shown.text
    view.press("l")
    shown.draw(view)
    assert SEALED in "".join(shown.screen.display)
    assert f"expires in {LEFT}" in shown.text
    view.press("L")
    shown.draw(view)
    assert "Press L to show the link." in shown.text
    assert not any("Press L to show the QR code" in line for line in shown.lines)


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize(
    "view",
    [
        invitation(SEALED),
        question(),
        question(name="n" * 64, device_id="i" * 128),
        question(name="電話" * 32),
        Waiting("482", lambda: "0:39"),
    ],
    ids=["code", "question", "long name", "wide name", "guest"],
)
def test_countdown_and_question_stay_visible_and_words_whole(window, view, columns):
    shown = window(columns, 24)
    shown.say(*["$ earlier output"] * 30)
    notes = ["Can't reach the node. Reconnecting…", "Another device has opened the same link."]
    shown.draw(view, *notes)
    assert re.search(r"\d:\d\d( left\.|$)|expires in \d:\d\d", shown.text)
    # Every sentence, joined from its lines: a broken word would have a space in it.
    for sentence in (*notes, *view_sentences(view)):
        assert sentence in shown.text


def view_sentences(view):
    if isinstance(view, NumberQuestion):
        return (
            "A device asks to pair. Did you just scan the code?",
            "Type the number that the device shows.",
            "Enter approves, Esc declines.",
        )
    if isinstance(view, Waiting):
        return ("Type this number on the other device: 482", "Waiting for approval.")
    return (ONLY_HERE,)


def test_name_of_the_device_stands_away_from_the_field(window):
    shown = window(80, 24)
    shown.draw(question(name="number 482"))
    field = shown.lines.index(">")
    name = next(row for row, line in enumerate(shown.lines) if "482" in line)
    assert name - field > 3
    assert shown.lines[name] == "  “number 482”"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 24)])
def test_typed_digits_stand_where_the_cursor_is(window, columns, rows):
    shown, asked = window(columns, rows), question()
    shown.draw(asked)
    for key in "48":
        asked.press(key)
        shown.draw(asked)
    assert shown.lines[shown.screen.cursor.y] == "> 48"
    assert shown.screen.cursor.x == len("> 48")


def test_only_the_row_that_changed_is_written(window):
    times = ["4:59"]
    shown, view = window(80, 24), invitation(PLAIN, left=lambda: times[0])
    shown.draw(view)
    before = len(shown.written)
    times[0] = "4:58"
    shown.draw(view)
    assert "4:58" in shown.text
    assert "4:59" not in shown.text
    assert len(shown.written) < before / 8


@pytest.mark.parametrize("link", [PLAIN, SEALED])
def test_drawing_over_and_over_scrolls_nothing_away(window, link):
    shown = window(80, 24)
    shown.say("$ proxim host")
    times = [LEFT]
    view = invitation(link, left=lambda: times[0])
    shown.draw(view)
    first = shown.lines
    scrolled = len(shown.screen.history.top)
    for time in ("4:58", "0:01", LEFT):
        times[0] = time
        shown.draw(view)
    assert len(shown.screen.history.top) == scrolled
    assert shown.lines == first


def test_window_that_changes_its_size_is_drawn_anew(window):
    shown, view = window(80, 24), invitation(SEALED)
    shown.draw(view)
    shown.resize(60, 20)
    shown.draw(view)
    assert "This one has 60 and 20." in shown.text
    shown.resize(100, 30)
    shown.draw(view)
    assert shown.text.count("Scan this code") == 1


def test_view_leaves_nothing_behind(window):
    shown = window(80, 24)
    shown.say("$ proxim host")
    shown.draw(invitation(PLAIN))
    shown.panel.erase()
    shown.say("Approved.")
    assert [line for line in shown.lines if line][-1] == "Approved."
    assert "▀" not in "".join(shown.lines)


def test_link_of_several_rows_is_one_line_to_copy(window):
    shown = window(40, 24)
    shown.draw(invitation(SEALED))
    # A terminal copies rows as one line if no line end was written between them.
    assert f"  .venv/bin/proxim join '{SEALED}'" in shown.written


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("482\n", "482"),
        ("482\r", "482"),
        ("4x8 2\n", "482"),
        ("4829\n", "482"),
        ("49\x7f82\n", "482"),
        ("0482\n", "482"),
        ("48\n", None),
        ("\n", None),
        ("n\n", None),
    ],
)
def test_field_takes_three_digits_and_enter(keys, number):
    asked = question()
    assert [asked.press(key) for key in keys][-1] == number
