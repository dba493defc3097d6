"""A narrow window breaks no word, and no line to copy."""

import json
import re

import pytest

from proxim.cli.words import width, wrap
from tests.cli.helpers import FIELD

NARROW = (40, 24)
WRONG = {
    ("host", "--node", "127.0.0.1:8765"): (
        "Error: Invalid value for '--node': '127.0.0.1:8765' is not the URL of a node, such as"
        " http://127.0.0.1:8765"
    ),
    ("join", "http://127.0.0.1:1/join#short"): (
        "Error: the part after # is missing or cut short; a link looks like"
    ),
    ("config", "shwo"): "Error: There is no command 'shwo'; did you mean `show`?",
}


def lines_of(terminal):
    return [line.rstrip() for line in terminal.screen.display]


def words_of(terminal):
    return " ".join(terminal.text.split())


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong[0])
def test_words_of_an_error_stay_whole(start, wrong):
    program = start(*wrong, size=NARROW)
    assert program.exit() == 2
    program.see("Error:")
    assert WRONG[wrong] in words_of(program)


PEER_LINES = {
    "words": "< " + "x" * 30 + " Approved. The file was saved.",
    "one word": "< " + "x" * 38 + "Approved.⠀The⠀file⠀was⠀saved.⠀" * 3,
    "wide word": "< " + "電" * 60,
    "spaces": "< x" + " " * 90 + "Approved.",
    "indented": "<   " + "x" * 50,
}


@pytest.mark.parametrize("name", PEER_LINES)
def test_each_row_of_the_other_side_is_marked(name):
    line = PEER_LINES[name]
    first, *others = wrap(line, 40)
    assert first.startswith("< ")
    assert others
    assert all(row.startswith("<   ") for row in others)
    assert all(width(row) <= 40 for row in (first, *others))
    shown = first[2:] + "".join(row[4:] for row in others)
    assert shown.replace(" ", "") == line[2:].replace(" ", "")


def test_short_line_of_the_other_side_is_unchanged():
    assert wrap("<   two  spaces", 40) == ["<   two  spaces"]


def test_error_in_a_pipe_is_one_line(start):
    _, err, code = start("host", "--node", "127.0.0.1:8765").finish()
    assert code == 2
    assert WRONG["host", "--node", "127.0.0.1:8765"] in err.splitlines()


def test_start_lines_of_a_node_stay_whole(start):
    node = start("serve", "--port", "0", size=NARROW)
    url = node.see(r"(http://127\.0\.0\.1:\d+)/\n")[1]
    node.see(r"Stop it with Ctrl-C\.")
    lines = lines_of(node)
    assert lines[lines.index("Next, in a browser:") + 1] == f"  {url}/"
    assert "Only this computer can open its codes. To let phones in" in words_of(node)
    assert "with --lan beside its options." in lines


def test_host_and_guest_meet_in_the_smallest_terminals(start, node):
    desk = start("host", "--node", node, size=(30, 8))
    desk.see(r"The QR code needs")
    desk.see(r"The link expires in \d:\d\d")
    link = re.search(r"http\S+", "".join(desk.screen.display))[0]
    guest = start("join", link, "--name", "Phone", size=(30, 8))
    number = guest.see(r"\n +(\d\d\d)\n")[1]
    guest.see(r"\d:\d\d\s+left\.")
    desk.see(FIELD)
    assert "Type the number that the" in desk.text
    desk.see(r"\d:\d\d\s+left\.")
    desk.type(f"{number}\n")
    for side in (desk, guest):
        side.see("Connected")


def test_findings_of_doctor_stay_whole_and_their_remedies_indented(start):
    arguments = ("doctor", "--host", "192.0.2.1", "--port", "8765")
    out, _, _ = start(*arguments, "--json").finish()
    findings = [json.loads(line) for line in out.splitlines()][:-1]
    doctor = start(*arguments, size=(40, 60))
    doctor.see(r"\d errors?, \d warnings?\.")
    for each in findings:
        assert f"{each['check']}: {each['found']}" in words_of(doctor)
        assert not each["remedy"] or f"→ {each['remedy']}" in words_of(doctor)
    (first,) = [n for n, line in enumerate(lines_of(doctor)) if line.startswith("  → choose an")]
    assert lines_of(doctor)[first + 1].startswith("    ")


def test_escape_sequences_take_no_columns():
    assert wrap("\x1b[32m✓\x1b[0m port: can listen", 21) == ["\x1b[32m✓\x1b[0m port: can listen"]
