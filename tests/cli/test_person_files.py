"""Files between two people at terminals."""

import re

import pytest

from proxim.client.names import computer_name
from tests.cli.helpers import PATIENCE
from tests.cli.test_person import LINK

ASKED = r"“Phone” wants to send “holiday\.jpg”, 300\.0 kB – take it\? \[y/N\]"


@pytest.fixture
def talking(start, node):
    """Two people whose devices are connected."""
    desk = start("host", "--node", node, terminal=True)
    phone = start("join", desk.see(LINK)[1], "--name", "Phone", terminal=True)
    desk.type_number(phone)
    for side in (desk, phone):
        side.see(r"Connected directly\. Your lines go to the other side; /send FILE")
    return desk, phone


def test_file_is_taken_once_the_person_agrees(talking, photo, tmp_path):
    desk, phone = talking
    phone.type(f"/send {photo}\n")
    phone.see(r"Offering holiday\.jpg, 300\.0 kB\. The other side has to accept it\.")
    desk.see(ASKED)
    # There is no progress before the answer.
    assert not phone.has(r"Sending holiday\.jpg")
    desk.type("maybe\n")
    desk.see("Type y or n")
    # What the other side says does not take the question away.
    phone.type("please\n")
    desk.see(r"< please\n.*Type y or n")
    desk.type("y\n")
    saved = tmp_path / "Downloads" / "holiday.jpg"
    desk.see(rf"Saved 300\.0 kB as {saved}")
    phone.see(r"Sent holiday\.jpg, 300\.0 kB")
    assert saved.read_bytes() == photo.read_bytes()


def test_folder_that_cannot_be_written_is_named(talking, photo, tmp_path):
    desk, phone = talking
    folder = tmp_path / "Downloads"
    folder.write_text("This is a file.")
    phone.type(f"/send {photo}\n")
    desk.see(ASKED)
    desk.type("y\n")
    desk.see(rf"holiday\.jpg was not received: [\w ]+: {folder}\.")
    phone.see(r"holiday\.jpg was not sent: ")


@pytest.mark.parametrize("answer", ["n\n", "\n", "No\n"])
def test_file_is_declined(talking, photo, answer):
    desk, phone = talking
    phone.type(f"/send {photo}\n")
    desk.see(ASKED)
    desk.type(answer)
    desk.see("Declined holiday.jpg, 300.0 kB")
    phone.see("holiday.jpg was not sent: the other side declined it")


def test_question_goes_if_the_offer_is_taken_back(talking, photo):
    desk, phone = talking
    phone.type(f"/send {photo}\n")
    desk.see(ASKED)
    phone.type("/cancel\n")
    phone.see("holiday.jpg was not sent: you cancelled it")
    desk.see("holiday.jpg was not received: the other side cancelled it")
    assert "take it" not in desk.text
    desk.type("y\n")
    phone.see("< y")


def test_directory_is_not_offered(talking, tmp_path):
    _, phone = talking
    (tmp_path / "trip").mkdir()
    for name, why in (
        ("trip", "a directory cannot be sent"),
        ("gone", "No such file or directory"),
    ):
        phone.type(f"/send {tmp_path / name}\n")
        phone.see(rf"{name} was not sent: {why}\.")
    phone.type("/send\n")
    phone.see("/send FILE offers a file")
    for side in talking:
        assert "ffering" not in side.text


@pytest.mark.full("transfers between processes")
def test_progress_is_shown_below_what_is_said(talking, film):
    desk, phone = talking
    phone.type(f"/send '{film}'\n")
    desk.see(r"take it\? \[y/N\]")
    desk.type("y\n")
    desk.see(r"Receiving film\.mp4 .*8\.0 MB")
    phone.see(r"Sending film\.mp4 .*8\.0 MB")
    phone.type("on its way\n")
    desk.see(r"< on its way\n(.*\n)?.*Receiving film\.mp4|Saved")
    desk.see(r"Saved 8\.0 MB as")
    phone.see(r"Sent film\.mp4")
    for side in (desk, phone):
        assert "ing film.mp4 " not in side.text


@pytest.mark.not_on("win32", reason="no key types an escape there, and no file name has one")
def test_name_cannot_control_the_terminal(talking, tmp_path):
    desk, phone = talking
    path = tmp_path / "a\u202egpj.\x1b[2Jexe"
    path.write_text("x")
    phone.type(f"/send {path}\n".replace("\x1b", "\x16\x1b"))
    desk.see(r"“Phone” wants to send “agpj\.\[2Jexe”, 1 byte")


@pytest.mark.parametrize("anew", [True], ids=["anew"])
def test_send_and_receive_at_terminals(start, node, photo, tmp_path):
    giver = start("send", str(photo), "--node", node, terminal=True)
    link = giver.see(r"""receive ['"](http\S+)['"]""")[1]
    taker = start("receive", link, "--name", "Laptop", terminal=True)
    giver.type_number(taker)
    # The name in the guest's session is its own; that of the host is the name of this computer.
    name = re.escape(computer_name())
    taker.see(rf"“{name}” wants to send “holiday\.jpg”, 300\.0 kB – take it\? \[y/N\]")
    taker.type("y\n")
    assert [side.exit() for side in (giver, taker)] == [0, 0]
    assert "The session has ended: the other side is done." in taker.text
    assert (tmp_path / "Downloads" / "holiday.jpg").read_bytes() == photo.read_bytes()


@pytest.mark.full("transfers between processes")
def test_enter_ends_a_receiver(start, node, photo):
    taker = start("receive", "--node", node, terminal=True)
    link = taker.see(r"""send --to ['"](http\S+)['"] FILE""")[1]
    phone = start("join", link, "--name", "Phone", terminal=True)
    taker.type_number(phone)
    phone.see("Connected directly")
    phone.type(f"/send {photo}\n")
    taker.see(ASKED)
    taker.type("y\n")
    taker.see("Saved 300.0 kB")
    taker.type("\n")
    assert taker.exit() == 0
    assert phone.exit() == 0
    assert "the other side is done" in phone.text


@pytest.mark.full("transfers between processes")
@pytest.mark.not_on("win32", reason="a closed console ends its programs")
def test_closed_terminal_removes_the_partial_file(start, node, film, tmp_path):
    giver = start("send", "--yes", "--json", "--node", node, str(film))
    link = giver.event("session")["link"]
    folder = tmp_path / "received"
    taker = start("receive", link, "--yes", "--save-to", str(folder), terminal=True)
    taker.see(r"Receiving film\.mp4 .*(0\.[1-9]|[1-9]\.\d)/8\.0 MB")
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    taker.hang_up()
    taker.process.wait(PATIENCE)
    assert list(folder.iterdir()) == []
    assert giver.exit() == 1
