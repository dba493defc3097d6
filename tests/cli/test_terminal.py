import shlex
import sys
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.table import Table

from proxim.cli.bars import Bars
from proxim.cli.terminal import cell, command_line, printable

HOSTILE = {
    "\x1b[2J\x1b]0;owned\x07": "\\x1b[2J\\x1b]0;owned\\x07",
    "a\r\nApproved.": "a\\r\\nApproved.",
    "\x9b2J": "\\x9b2J",
    "gpj.\u202eexe": "gpj.\\u202eexe",
    "a\u200bb\ufeff": "a\\u200bb\\ufeff",
    "\ud800": "\\ud800",
    "\ue000\U0010fffd": "\\ue000\\U0010fffd",
    "\U000e0041": "\\U000e0041",
    "a\u2028b": "a\\u2028b",
}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_control_characters_are_escaped(text):
    assert printable(text) == HOSTILE[text]


def test_command_for_another_computer_has_the_name_of_the_program_and_double_quotes(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/me/proxim/.venv/bin/proxim"])
    link = "https://x.example/join#a.b"
    assert command_line("join", link, elsewhere=True) == f'proxim join "{link}"'
    hostile = "https://x.example/$HOME`x`#a"
    assert shlex.split(command_line("join", hostile, elsewhere=True))[2] == hostile


def test_printable_text_is_unchanged():
    assert printable("Zoë’s Gerät 電話 📱") == "Zoë’s Gerät 電話 📱"


MARKUP = r"Mum :o: :smile: \ \[b] [red]x[/red] [/] C:\temp\ "


def test_name_in_a_table_is_shown_as_it_is():
    console = Console(file=StringIO(), width=200)
    table = Table("Device")
    table.add_row(cell(MARKUP))
    console.print(table)
    console.print(cell(MARKUP))
    shown = console.file.getvalue()
    assert shown.count(MARKUP.rstrip()) == 2


def test_name_beside_the_progress_of_a_file_is_shown_as_it_is():
    screen = SimpleNamespace(is_terminal=True, set_bars=lambda _: None, draw_bars=lambda: None)
    bars = Bars(SimpleNamespace(as_json=False, screen=screen))
    with bars.show(1, MARKUP, 5):
        column, (task,) = bars._progress.columns[0], bars._progress.tasks
        assert str(column.render(task)) == MARKUP
