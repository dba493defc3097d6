"""Tables of the commands in windows of any width."""

import pytest
from rich.console import Console

from proxim.cli import tables
from proxim.cli.tables import show_table
from proxim.cli.words import width

HEADINGS = ("Session", "Type", "Device", "Opened", "Expires")
ROWS = [
    ("AJA61-enX_IrFGCoxMD5Og", "persistent", "Phone of somebody", "30 Nov 04:00:00", ""),
    ("Pj130CVKLiVGRKIzGNETgg", "temporary", "\x1b[2J 電話", "30 Nov 04:00:00", "1 Dec 04:00:00"),
]


@pytest.fixture
def shown(monkeypatch, capsys):
    """Returns the lines of the table in a window of so many columns."""

    def shown(columns):
        console = lambda: Console(width=columns, highlight=False)  # noqa: E731
        monkeypatch.setattr(tables, "open_console", console)
        show_table(HEADINGS, ROWS)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return shown


def test_wide_window_shows_a_table(shown):
    heading, first, second = shown(120)
    assert heading.split() == list(HEADINGS)
    assert first.split() == " ".join(ROWS[0]).split()
    ends = [width(line.partition("30 Nov")[0]) for line in (first, second)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_narrow_window_shows_paragraphs_with_whole_words(shown, columns):
    lines = shown(columns)
    assert all(width(line) <= columns for line in lines)
    text = " ".join(" ".join(lines).split())
    assert text == (
        f"{ROWS[0][0]} type persistent, device Phone of somebody, opened 30 Nov 04:00:00 "
        f"{ROWS[1][0]} type temporary, device \\x1b[2J 電話, opened 30 Nov 04:00:00, "
        "expires 1 Dec 04:00:00"
    )
