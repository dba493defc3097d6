"""Host and guest at a terminal."""

import json
import os
import signal

import pytest
from websockets.sync.client import connect

from tests.cli.helpers import FIELD, NUMBER, scan
from tests.ports import reserved_port

LINK = r"""join ['"](http\S+)['"]"""
QUESTION = r"Type the number that the device shows\."
SENT_AS_ESCAPE = pytest.mark.not_on("win32", reason="no key sends an escape sequence")


@pytest.fixture
def desk(start, node):
    """A host at a terminal."""
    return start("host", "--node", node, terminal=True)


@pytest.fixture
def asked(start, desk):
    """A host at its prompt, and the guest at another terminal."""
    guest = start("join", desk.see(LINK)[1], "--name", "Phone", terminal=True)
    desk.see(QUESTION)
    desk.see(FIELD)
    return desk, guest


@pytest.fixture
def talking(asked):
    desk, guest = asked
    desk.type_number(guest)
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


def test_link_to_this_computer_is_for_another_terminal(start, desk):
    desk.see(r"Or run this in another terminal:\n  \S*proxim join ['\"]http://127\.0\.0\.1")
    assert "another computer" not in desk.text
    with start("serve", "--port", "0", "--public-url", "http://192.0.2.1:1") as public:
        public.url()
        local = public.line().split()[-1]
        host = start("host", "--node", local, terminal=True)
        host.see(
            r'Or run this on another computer:\n  proxim join "http://192\.0\.2\.1:1/join#\S+"'
        )


def test_remaining_time_is_counted_down(start, desk):
    first = desk.see(r"Waiting\. The link expires in (\d:\d\d)")[1]
    desk.see(rf"expires in (?!{first})\d:\d\d")
    assert desk.text.count("expires in") == 1
    guest = start("join", desk.see(LINK)[1], terminal=True)
    for side in (desk, guest):
        first = side.see(r"(\d:\d\d) left\.")[1]
        side.see(rf"(?!{first})0:\d\d left\.")
        assert side.text.count("left.") == 1


def test_countdown_keeps_the_typed_answer(asked):
    desk, guest = asked
    number = guest.see(NUMBER)[1]
    desk.type(number[:2])
    first = desk.see(rf"(?m)^> {number[:2]}$(?s:.*)(0:\d\d) left")[1]
    desk.see(rf"(?m)^> {number[:2]}$(?s:.*)(?!{first})0:\d\d left")
    desk.type(f"{number[2]}\n")
    desk.see("Approved")


@pytest.mark.parametrize(
    "keys",
    [
        *["\n", "12\n", "y\n", "yes\n", "n\n", "0\n", "x"],
        pytest.param("\x1b[A", marks=SENT_AS_ESCAPE),
        pytest.param("\x1bOP", marks=SENT_AS_ESCAPE),
    ],
)
def test_enter_acts_only_after_three_digits(asked, keys):
    desk, guest = asked
    desk.type(keys)
    digits = "".join(key for key in keys if key in "12")
    desk.type("\x7f" * len(digits))
    desk.type_number(guest)
    desk.see("Connected")


def test_digits_reach_the_field_wherever_they_are_typed(asked):
    desk, guest = asked
    first, *others = guest.see(NUMBER)[1]
    wrong = "1" if others[0] != "1" else "2"
    desk.type(f"no0 {first}?{wrong}\x7f{others[0]}-{others[1]}77")
    desk.see(rf"(?m)^> {first}{others[0]}{others[1]}$")
    desk.type("\n")
    desk.see("Connected")


def test_wrong_number_declines_and_shows_a_new_code(start, asked):
    desk, guest = asked
    desk.type("123\n" if guest.see(NUMBER)[1] != "123" else "124\n")
    assert guest.exit() == 1
    assert "the host declined" in guest.text
    assert "declined, or typed another number. If that was a mistake, use the link" in guest.text
    desk.see(r"That was another number, so the device was declined\.")
    again = start("join", desk.see(LINK)[1], terminal=True)
    desk.type_number(again)
    desk.see("Connected")


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *[(state, "persistent") for state in ("waiting", "asked", "paired")],
        ("paired", "temporary"),
        ("waiting", "one_time"),
        ("asked", "one_time"),
    ],
)
def test_host_of_a_node_that_was_killed_shows_a_new_code(start, state, kind):
    ttl = ["--ttl", "600"] if kind == "temporary" else []
    with reserved_port() as port:
        node = start("serve", "--port", str(port))
        options = ["--plain", "--type", kind, *ttl]
        desk = start("host", *options, "--node", node.url(), terminal=True)
        link = desk.see(LINK)[1]
        if state != "waiting":
            first = start("join", link, terminal=True)
            first.see(NUMBER)
            desk.see(QUESTION)
        if state == "paired":
            desk.type_number(first)
            desk.see("Connected")
        node.process.kill()
        node.process.wait()
        node = start("serve", "--port", str(port))
        node.url()
        desk.see(r"has forgotten the session: this is a new code\.")
        again = desk.see(LINK)[1]
        assert again != link
        guest = start("join", again, terminal=True)
        desk.type_number(guest)
        guest.see("Connected")
        if kind != "one_time":
            node.process.kill()
            node.process.wait()
            start("serve", "--port", str(port)).url()
            desk.see(r"has forgotten the session: this is a new code\.")
            assert desk.see(LINK)[1] not in (link, again)


def test_host_that_was_asking_shows_a_new_code_when_the_node_was_killed(start):
    with reserved_port() as port:
        node = start("serve", "--port", str(port))
        desk = start("host", "--type", "persistent", "--node", node.url(), terminal=True)
        link = desk.see(LINK)[1]
        start("join", link, terminal=True).see(NUMBER)
        desk.see(QUESTION)
        node.process.kill()
        node.process.wait()
        start("serve", "--port", str(port)).url()
        desk.see(r"has forgotten the session: this is a new code\.")
        assert desk.see(LINK)[1] != link


def test_one_time_session_of_a_node_that_was_killed_is_over(start):
    with reserved_port() as port:
        node = start("serve", "--port", str(port))
        desk = start("host", "--plain", "--node", node.url(), terminal=True)
        guest = start("join", desk.see(LINK)[1], terminal=True)
        desk.type_number(guest)
        desk.see("Connected")
        node.process.kill()
        node.process.wait()
        start("serve", "--port", str(port)).url()
        assert [side.exit() for side in (desk, guest)] == [1, 1]


def test_host_hears_of_another_device_with_the_same_link(start, desk):
    link = desk.see(LINK)[1]
    first = start("join", link, terminal=True)
    desk.see(QUESTION)
    second = start("join", link, terminal=True)
    assert second.exit() == 1
    assert "this link was used already, and a link connects one device" in second.text
    desk.see("Another device has opened the same link")
    desk.type_number(first)
    desk.see("Connected")


def test_host_that_lets_everybody_in_says_so_and_asks_for_no_number(start, node):
    desk = start("host", "--yes", "--node", node, terminal=True)
    desk.see(r"let in without a question \(--yes\)")
    guest = start("join", desk.see(LINK)[1], terminal=True)
    guest.see("Connected")


@pytest.mark.parametrize("answer", ["\x1b", "12\x1b", "\x04"])
def test_person_can_decline(asked, answer):
    desk, guest = asked
    desk.type(answer)
    assert [side.exit() for side in asked] == [1, 1]
    for side in (desk, guest):
        assert "the host declined" in side.text
    assert "Declined." in desk.text


def test_input_before_the_question_is_not_an_answer(start, desk):
    desk.see("expires in")
    desk.type("12\x1b3\n\x1b")
    guest = start("join", desk.see(LINK)[1], terminal=True)
    desk.type_number(guest)
    desk.see("Connected")


def test_keys_are_ignored_as_the_question_appears(start, desk):
    guest = start("join", desk.see(LINK)[1], terminal=True)
    guest.see(NUMBER)
    desk.see(QUESTION)
    # On a slow machine the field may have appeared in the meantime: then this shows nothing.
    if not desk.has(FIELD):
        desk.type("77\x1b")
    desk.type_number(guest)
    desk.see("Connected")


def test_enter_renews_an_expired_link(start, serve):
    desk = start("host", "--node", serve("--qr-ttl", "1"), terminal=True)
    first = desk.see(LINK)[1]
    desk.see("Press Enter for a new one")
    # The code that cannot be used is gone, and a key at once is not an answer.
    assert first not in desk.text
    desk.type_until("\n", LINK)
    assert desk.see(LINK)[1] != first


@pytest.mark.not_on("win32", reason="processes cannot be stopped and continued")
# Only a parent hears of a stop.
@pytest.mark.parametrize("anew", [True], ids=["anew"])
def test_question_is_back_after_the_shell_had_the_terminal(asked):
    desk, guest = asked
    desk.process.send_signal(signal.SIGSTOP)
    os.waitpid(desk.process.pid, os.WUNTRACED)
    desk.as_a_shell()
    desk.process.send_signal(signal.SIGCONT)
    desk.see(QUESTION)
    desk.type_number(guest)
    desk.see("Connected")


def test_mistyped_command_is_not_sent(talking):
    desk, guest = talking
    desk.type("/sned /etc/passwd\n")
    desk.see(r"There is no /sned; it was not sent\. /send FILE offers a file")
    desk.type("/etc/hosts is a path\n")
    guest.see(r"(?m)^< /etc/hosts is a path$")
    assert "passwd" not in guest.text


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
    assert desk.text.rstrip().endswith("\nStopped.")
    assert "Stopped" not in guest.text


def test_ctrl_c_before_approval_exits_1(asked):
    desk, guest = asked
    guest.type("\x03")
    assert [side.exit() for side in asked] == [1, 1]
    assert guest.text.rstrip().endswith("\nStopped.")
    assert "Traceback" not in desk.text


def test_ctrl_c_before_approval_ends_the_question_of_a_lasting_session(start, node):
    desk = start("host", "--node", node, "--type", "persistent", terminal=True)
    guest = start("join", desk.see(LINK)[1], "--name", "Phone", terminal=True)
    desk.see(FIELD)
    guest.type("\x03")
    assert [side.exit() for side in (desk, guest)] == [1, 1]
    assert "the other side disconnected" in desk.text


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
        desk.see(FIELD)
        escaped = name.encode("unicode_escape").decode()
        assert f"  “{escaped}”\n  id a\\u2003" in desk.text
        desk.type(pending(ws)["code"] + "\n")
        desk.see("Connecting")
        ws.send(json.dumps({"type": "signal", "session_id": session_id, "data": "\x1b[2J\u202e"}))
        desk.see(r"< \\x1b\[2J\\u202e")
