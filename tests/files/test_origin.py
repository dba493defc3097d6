"""How a received file is marked as one from elsewhere."""

import ctypes
import os

import pytest

from proxim.files import origin, receive_offer
from tests.files import pair


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    return path


def test_windows_gets_the_mark_of_the_web(file):
    # Elsewhere the name of the stream is one of a file.
    origin.mark(file, "win32")
    mark = file.with_name("a.txt:Zone.Identifier").read_bytes()
    assert mark == b"[ZoneTransfer]\r\nZoneId=3\r\n"
    assert file.read_bytes() == b"content"


def test_macos_gets_a_quarantine_attribute(file, monkeypatch):
    calls = []

    class Library:
        def __init__(self, _):
            pass

        def setxattr(self, path, name, value, size, *rest):
            calls.append((path, name, value[: size.value], rest))

    monkeypatch.setattr(ctypes, "CDLL", Library)
    origin.mark(file, "darwin")
    ((path, name, value, rest),) = calls
    assert (path, name, rest) == (os.fsencode(file), b"com.apple.quarantine", (0, 0))
    flags, _, program, identifier = value.split(b";")
    assert (flags, program, identifier) == (b"0081", b"Proxim", b"")


def test_file_system_without_marks_is_no_error(file, monkeypatch):
    origin.mark(file / "not a folder", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    origin.mark(file, "darwin")


async def test_received_file_is_marked_before_it_has_its_name(tmp_path, monkeypatch):
    marked = []
    monkeypatch.setattr(origin, "mark", lambda path: marked.append(path.name))
    sender, receiver = pair.ends()
    await sender.tell(name="a.txt", size=0)
    path = await (await receive_offer(receiver)).save(tmp_path)
    assert path.name == "a.txt"
    assert [name.startswith("a.txt.") and name.endswith(".part") for name in marked] == [True]
