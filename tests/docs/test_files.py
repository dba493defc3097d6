"""The programs of the page about files, run as a reader would run them."""

import os
import sys

from tests.docs.test_docs import blocks
from tests.docs.test_examples import hear, running


def test_the_program_of_the_page_takes_files(node_process, tmp_path, monkeypatch):
    (program,) = blocks("docs/howto/files.md", "python")
    script = tmp_path / "receiver.py"
    script.write_text(program.replace("http://127.0.0.1:8765", node_process))
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(os.urandom(100_000))
    monkeypatch.chdir(tmp_path)
    with running(sys.executable, script) as receiver:
        link = hear(receiver, r"http://\S+")
        send = (sys.executable, "-m", "proxim", "send", "--to", link, "--json", photo)
        with running(*send) as sender:
            assert hear(receiver, "holiday.*") == "holiday.jpg: 100000 bytes"
            sender.communicate()
            assert sender.returncode == 0
        out, errors = receiver.communicate(timeout=60)
        assert (out, errors, receiver.returncode) == ("", "", 0)
    assert (tmp_path / "received" / "holiday.jpg").read_bytes() == photo.read_bytes()
