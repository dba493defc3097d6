"""Host and guest at a terminal."""

import json
import re

import pytest
from websockets.sync.client import connect

from tests import systems
from tests.cli.helpers import scan

LINK = r"join '(http\S+)'"
QUESTION = r"Type the number that it shows, or press Enter to decline\."
ASKED = rf"{QUESTION} 0:\d\d"
NUMBER = r"It needs this number:\s+(\d\d\d)\s"


@pytest.fixture
def desk(start, node):
    """A host at a terminal."""
    return start("host", "--node", node, terminal=True)


@pytest.fixture
def asked(start, desk):
    """A host at its prompt, and the guest at another terminal."""
    guest = start("join", desk.see(LINK)[1], "--name", "Phone", terminal=True)
    desk.see(r"A device asks to pair\. .*\n  Phone \(id ")
    desk.see(ASKED)
    return desk, guest


@pytest.fixture
def talking(asked):
    desk, guest = asked
    desk.type(guest.see(NUMBER)[1] + "\n")
    for side in asked:
        side.see("Connected")
    return desk, guest


@pytest.mark.needs("zbarimg")
def test_qr_code_on_the_screen_can_be_scanned(desk, tmp_path):
    link = desk.see(LINK)[1]
    codes = [
        cell for row in desk.screen.buffer.values() for cell in row.values() if cell.data in "▀▄█"
    ]
    assert {(cell.fg, cell.bg) for cell in codes} == {("000000", "ffffff")}
    assert scan(desk.picture(), tmp_path / "screen.png") == link


@pytest.mark.needs("zbarimg")
def test_qr_draws_on_the_terminal(start, tmp_path):
    link = "https://node.example/join#" + "s" * 22 + "." + "t" * 43
    drawn = start("qr", link, terminal=True)
    assert drawn.exit() == 0
    assert scan(drawn.picture(), tmp_path / "screen.png") == link


def test_remaining_time_is_counted_down(start, desk):
    first = desk.see(r"Waiting\. The link expires in (\d:\d\d)")[1]
    desk.see(rf"expires in (?!{first})\d:\d\d")
    assert desk.text.count("expires in") == 1
    guest = start("join", desk.see(LINK)[1], terminal=True)
    for side, text in ((desk, QUESTION), (guest, r"Waiting for approval\.")):
        first = side.see(rf"{text} (\d:\d\d)")[1]
        side.see(rf"{text} (?!{first})0:\d\d")
        assert len(re.findall(text, side.text)) == 1


def test_countdown_keeps_the_typed_answer(asked):
    desk, guest = asked
    number = guest.see(NUMBER)[1]
    desk.type(number[:2])
    first = desk.see(rf"{QUESTION} (0:\d\d)\n> {number[:2]}")[1]
    desk.see(rf"{QUESTION} (?!{first})0:\d\d\n> {number[:2]}")
    desk.type(f"{number[2]}\n")
    desk.see("Approved")


@pytest.mark.parametrize("answer", ["y", "yes", "12", "1234", "012", "x"])
def test_answer_that_is_not_a_number_of_three_digits_is_asked_for_again(asked, answer):
    desk, guest = asked
    desk.type(f"{answer}\n")
    desk.see(r"That is not a number of three digits\.")
    desk.type(guest.see(NUMBER)[1] + "\n")
    desk.see("Approved")


def test_wrong_number_declines(asked):
    desk, guest = asked
    desk.type("123\n" if guest.see(NUMBER)[1] != "123" else "124\n")
    assert [side.exit() for side in asked] == [1, 1]
    assert "Wrong number. Declined." in desk.text
    for side in asked:
        assert "the host declined" in side.text


def test_host_hears_of_another_device_with_the_same_link(start, desk):
    link = desk.see(LINK)[1]
    first = start("join", link, terminal=True)
    desk.see(ASKED)
    assert start("join", link, terminal=True).exit() == 1
    desk.see("Another device has opened the same link")
    desk.type(first.see(NUMBER)[1] + "\n")
    desk.see("Connected")


def test_host_that_lets_everybody_in_says_so_and_asks_for_no_number(start, node):
    desk = start("host", "--yes", "--node", node, terminal=True)
    desk.see(r"let in without a question \(--yes\)")
    guest = start("join", desk.see(LINK)[1], terminal=True)
    guest.see("Connected")


@pytest.mark.parametrize("answer", ["\n", "n\n", "no\n", "\x04"])
def test_person_can_decline(asked, answer):
    desk, guest = asked
    desk.type(answer)
    assert [side.exit() for side in asked] == [1, 1]
    for side in (desk, guest):
        assert "the host declined" in side.text
    assert "Declined." in desk.text


def test_input_before_the_question_is_not_an_answer(start, desk):
    desk.see("expires in")
    desk.type("y\ny\ny")
    if systems.current() != "win32":
        # A Windows console echoes only input that the program reads.
        desk.see("y\ny")
    guest = start("join", desk.see(LINK)[1], terminal=True)
    desk.see(ASKED)
    desk.type("\n")
    assert guest.exit() == 1
    assert "the host declined" in guest.text


def test_enter_renews_an_expired_link(start, serve):
    desk = start("host", "--node", serve("--qr-ttl", "1"), terminal=True)
    first = desk.see(LINK)[1]
    desk.see("Press Enter for a new one")
    desk.screen.reset()
    desk.type("\n")
    assert desk.see(LINK)[1] != first


@pytest.mark.parametrize("end", ["/close\n", "\x04"])
def test_lines_are_exchanged_until_close(talking, end):
    desk, guest = talking
    desk.type("hello\n")
    guest.see("< hello")
    guest.type("grüß dich\n")
    desk.see("< grüß dich")
    guest.type(end)
    assert [side.exit() for side in talking] == [0, 0]
    assert "it was closed" in guest.text
    assert "the other side ended it" in desk.text


def test_ctrl_c_after_approval_exits_0(talking):
    desk, guest = talking
    desk.type("\x03")
    assert [side.exit() for side in talking] == [0, 0]
    assert "the other side disconnected" in guest.text
    assert "Traceback" not in desk.text


def test_ctrl_c_before_approval_exits_1(asked):
    desk, guest = asked
    guest.type("\x03")
    assert [side.exit() for side in asked] == [1, 1]
    assert "Traceback" not in guest.text + desk.text


def pending(ws):
    """Return the node's answer to a request to pair."""
    while (message := json.loads(ws.recv()))["type"] != "pair_pending":
        pass
    return message


def test_hostile_device_name_is_escaped(start, node):
    desk = start("host", "--plain", "--node", node, terminal=True)
    link = desk.see(LINK)[1]
    session_id, token = link.partition("#")[2].split(".")
    # The node refuses worse names. This one passes, and cannot be printed unescaped.
    name = "Phone\u3000\ufdd0\u00a0Approved."
    with connect(node.replace("http", "ws", 1) + "/ws") as ws:
        device = {"name": name, "id": "a\u2003"}
        request = {"type": "pair_request", "session_id": session_id, "token": token}
        ws.send(json.dumps({**request, "device_info": device}))
        desk.see(ASKED)
        shown = "".join(line.rstrip() for line in desk.screen.display)
        escaped = name.encode("unicode_escape").decode()
        assert f"  {escaped} (id a\\u2003)" in shown
        assert link in desk.text
        desk.type(pending(ws)["code"] + "\n")
        desk.see("Connecting")
        ws.send(json.dumps({"type": "signal", "session_id": session_id, "data": "\x1b[2J\u202e"}))
        desk.see(r"< \\x1b\[2J\\u202e")
