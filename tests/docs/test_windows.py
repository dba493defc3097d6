"""The programs with a window in docs/examples, and a phone that is a Python program."""

import json
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from proxim.client import open_guest
from proxim.files import open_offers, send_file
from proxim.protocol.errors import SessionOver, TransferFailed
from tests.docs import screen
from tests.docs.test_docs import ROOT

HERE = Path(__file__).parent
EXAMPLES = ROOT / "docs" / "examples"
PATIENCE = 60
"""Timeout in seconds."""


def on_a_screen(value):
    """Mark a test, or a parameter, that needs a screen."""
    return pytest.param(value, marks=[pytest.mark.full("Xvfb"), pytest.mark.needs("Xvfb")])


class Window:
    """A window that a driver looks at and operates."""

    def __init__(self, process, home, errors, *, yes, no):
        self.yes, self.no = yes, no
        self.downloads = home / "Downloads"
        self._errors = errors
        self.process = process
        self._lines = []
        self._rest = b""

    async def sees(self, pattern):
        """Wait until a text is seen that matches and was not asked for yet; return the match."""
        with trio.fail_after(PATIENCE):
            while True:
                for line in self._lines:
                    if match := re.search(pattern, line):
                        self._lines.remove(line)
                        return match[0]
                some = await self.process.stdout.receive_some()
                assert some, f"the program has ended; no {pattern!r} in {self._lines}"
                *lines, self._rest = (self._rest + some).split(b"\n")
                self._lines += [line.decode().rstrip("\r") for line in lines]

    async def does(self, *commands):
        for command in commands:
            await self.process.stdin.send_all(f"{command}\n".encode())

    async def approves(self, phone):
        await self.sees("asks to connect")
        await self.does(f"type {phone.code}", "press OK")
        await phone.approved()

    async def closes(self):
        """Close the window, and return the threads and descriptors that are left."""
        await self.does("close")
        await self.process.stdin.aclose()
        with trio.fail_after(PATIENCE):
            assert await self.process.wait() == 0
        *errors, left = self._errors.read_text(encoding="utf-8").splitlines()
        assert [line for line in errors if "This plugin does not support" not in line] == []
        return json.loads(left)


@pytest.fixture(scope="module")
def display(request):
    """The environment of a program of Tk."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter (python3-tk)")
    with screen.screen() as environ:
        yield environ


@pytest.fixture(params=[pytest.param("qt", marks=pytest.mark.full("PySide6")), on_a_screen("tk")])
def opening(request, tmp_path):
    """Return a function that opens a window, with settings for its node."""
    if request.param == "qt":
        # A system without its libraries raises another ImportError.
        pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)
        environ = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        yes, no = "press Yes", "press No"
    else:
        environ = request.getfixturevalue("display")
        yes, no = "press OK", "press Cancel"
    home = tmp_path / "home"
    home.mkdir()
    homes = {"HOME": str(home), "USERPROFILE": str(home), "PYTHONIOENCODING": "utf-8"}

    @asynccontextmanager
    async def opening(*settings):
        example = EXAMPLES / f"{request.param}_host.py"
        command = [sys.executable, HERE / "counted.py", HERE / "driver.py", example, *settings]
        with (tmp_path / "errors").open("w") as errors:
            process = await trio.lowlevel.open_process(
                [str(each) for each in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**environ, **homes},
            )
            try:
                yield Window(process, home, tmp_path / "errors", yes=yes, no=no)
            finally:
                process.kill()
                await process.wait()

    return opening


@pytest.fixture
async def window(opening):
    async with opening() as window:
        yield window


async def test_phone_chats_and_sends_a_photo_and_the_next_one_gets_a_new_code(window, tmp_path):
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(bytes(range(256)) * 2000)
    link = await window.sees(r"http://\S+")
    async with open_guest(link, name="My phone") as phone:
        await window.approves(phone)
        await window.sees("Connected to “My phone”")
        channel = await phone.channel()
        await channel.send("Hello from the phone")
        await window.sees("Phone: Hello from the phone")
        await window.does("type Hello from the window", "press Send")
        assert await channel.receive() == "Hello from the window"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_file, channel, photo)
            await window.sees("Take .*holiday.jpg.*, 0.5 MB")
            await window.does(window.yes)
        await window.sees("Received .*holiday.jpg")
        assert (window.downloads / "holiday.jpg").read_bytes() == photo.read_bytes()
        async with open_offers(channel) as offers:
            await window.does(f"choose {photo}", "press Send a file…")
            offer = await offers.receive()
            await window.sees("holiday.jpg: 0%")
            path = await offer.save(tmp_path / "phone")
        await window.sees("Sent holiday.jpg")
        assert path.read_bytes() == photo.read_bytes()
        await window.does("press Disconnect")
        assert (await phone.ended()).reason == "closed"
    await window.sees("the session has ended: closed")
    async with open_guest(await window.sees(r"http://\S+"), name="Phone") as phone:
        await window.approves(phone)
        assert await window.closes() == []
        assert (await phone.ended()).reason == "shutdown"


async def test_file_is_declined(window, tmp_path):
    async with open_guest(await window.sees(r"http://\S+"), name="Phone") as phone:
        await window.approves(phone)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def decline():
                await window.sees("Take .*pyproject.toml")
                await window.does(window.no)

            with pytest.raises(TransferFailed, match="declined"):
                await send_file(await phone.channel(), ROOT / "pyproject.toml")
    assert not window.downloads.exists()


async def test_key_that_ends_a_line_takes_no_file(window):
    async with open_guest(await window.sees(r"http://\S+"), name="Phone") as phone:
        await window.approves(phone)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def type_on():
                await window.sees("Take .*pyproject.toml")
                # The question of Tk then waits for a button.
                await window.does("enter", *[window.no] * (window.no == "press Cancel"))

            with pytest.raises(TransferFailed, match="declined"):
                await send_file(await phone.channel(), ROOT / "pyproject.toml")
    assert not window.downloads.exists()


async def test_question_about_a_file_goes_with_the_offer(window):
    async with open_guest(await window.sees(r"http://\S+"), name="Phone") as phone:
        await window.approves(phone)
        channel = await phone.channel()
        # The second one would wait behind a dialog that stays.
        for name in ("pyproject.toml", "README.md"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_file, channel, ROOT / name)
                await window.sees(f"Take .*{name}")
                nursery.cancel_scope.cancel()
            await window.sees(f"{name}: the other side cancelled it")


@pytest.mark.parametrize("answer", ["type 12", "type 000"])
async def test_wrong_number_rejects_and_shows_a_new_code(window, answer):
    link = await window.sees(r"http://\S+")
    async with open_guest(link, name="A <b>stranger") as phone:
        await window.sees("A <b>stranger”|<b>A &lt;b&gt;stranger</b>")
        await window.does(answer, "press OK")
        with pytest.raises(SessionOver, match="rejected"):
            await phone.approved()
    assert await window.sees(r"http://\S+") != link


async def test_question_ends_with_its_time(opening):
    async with opening("approval_timeout=3") as window:
        async with open_guest(await window.sees(r"http://\S+"), name="First") as phone:
            await window.sees("First.* asks to connect")
            assert (await phone.ended()).reason == "approval_timeout"
        async with open_guest(await window.sees(r"http://\S+"), name="Second"):
            await window.sees("Second.* asks to connect")


async def test_window_says_that_its_phone_is_offline(window):
    async with open_guest(await window.sees(r"http://\S+"), name="Phone") as phone:
        await window.approves(phone)
        await window.sees("Connected to “Phone”")
    await window.sees("Waiting for “Phone”")


async def test_phone_without_webrtc_chats_through_the_server(window):
    async with open_guest(await window.sees(r"http://\S+"), name="Phone") as phone:
        phone.refuse_channel()
        await window.approves(phone)
        await window.sees("Chat goes through the server.* Files cannot cross")
        await phone.send("Hello")
        await window.sees("Phone: Hello")
        await window.does("type Hi", "press Send")
        assert await phone.receive() == "Hi"


async def test_expired_code_is_renewed(opening):
    async with opening("qr_ttl=3") as window:
        link = await window.sees(r"http://\S+")
        renewed = await window.sees(r"http://\S+")
        assert renewed != link
        async with open_guest(renewed, name="Phone") as phone:
            await window.approves(phone)


@pytest.mark.needs("zbarimg")
async def test_link_is_copied_and_is_what_a_camera_reads(window, tmp_path):
    link = await window.sees(r"http://\S+")
    await window.does("press Copy the link", "clipboard")
    assert await window.sees("clipboard .*") == f"clipboard {link}"
    await window.does(f"picture {tmp_path / 'window.png'}", "clipboard")
    await window.sees("clipboard .*")
    assert screen.code_in(tmp_path / "window.png") == link


# -- what a program leaves behind ------------------------------------------------------------

GARBAGE = """
    import threading

    freed_in = []

    class Loop:
        def __init__(self):
            self.itself = self

        def __del__(self):
            freed_in.append(threading.current_thread().name)

    Loop()
    busy = threading.Thread(target=lambda: [[] for _ in range(100_000)])
    busy.start()
    busy.join()
    window.after(3000, window.destroy)
    window.mainloop()
    print(freed_in)
"""


@pytest.mark.full("Xvfb")
@pytest.mark.needs("Xvfb")
def test_window_frees_what_belongs_to_tk_in_its_own_thread(display, tmp_path):
    shown = (EXAMPLES / "tk_host.py").read_text(encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(shown.replace("\n    window.mainloop()\n", GARBAGE), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=PATIENCE, env=display
    )
    assert (done.stdout, done.stderr) == ("['MainThread']\n", "")
