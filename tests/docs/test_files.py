"""The programs of the page about files, run as a reader would run them."""

import os
import sys

import pytest

from tests.docs.test_docs import blocks
from tests.docs.test_examples import hear, running

WITH_TRIO, WITH_ASYNCIO = blocks("docs/howto/files.md", "python")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (WITH_TRIO, "holiday.jpg: 100000 bytes"),
        (WITH_ASYNCIO, r"Received received.holiday\.jpg"),
    ],
    ids=["trio", "asyncio"],
)
def test_programs_of_the_page_take_files(program, says, node_process, tmp_path, monkeypatch):
    script = tmp_path / "receiver.py"
    script.write_text(program.replace("http://127.0.0.1:8765", node_process))
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(os.urandom(100_000))
    monkeypatch.chdir(tmp_path)
    with running(sys.executable, script) as receiver:
        link = hear(receiver, r"http://\S+")
        send = (sys.executable, "-m", "proxim", "send", "--to", link, "--json", photo)
        with running(*send) as sender:
            hear(receiver, f"{says}$")
            sender.communicate()
            assert sender.returncode == 0
        out, errors = receiver.communicate(timeout=60)
        assert (out, errors, receiver.returncode) == ("", "", 0)
    assert (tmp_path / "received" / "holiday.jpg").read_bytes() == photo.read_bytes()
