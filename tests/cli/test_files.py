"""Files between two terminals or scripts: `send` and `receive`, `host` and `join`."""

import signal

import pytest


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "received"


@pytest.fixture
def listed(folder):
    return lambda: sorted(each.name for each in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def sender(start, node):
    """Starts a script that sends files to the first device."""
    return lambda *files: start("send", "--yes", "--json", "--node", node, *map(str, files))


@pytest.fixture
def receiver(start, folder):
    """Starts a script that receives from a sender."""

    def receive(sender, *options):
        link = sender.event("session")["link"]
        return start("receive", link, "--json", "--save-to", str(folder), *options)

    return receive


def file_event(program, *states):
    """Return the next event of a file in one of these states."""
    while (event := program.event("file"))["state"] not in states:
        pass
    return event


def test_files_are_sent_and_received(sender, receiver, photo, folder, tmp_path):
    empty = tmp_path / "empty.txt"
    empty.touch()
    giver = sender(photo, empty)
    taker = receiver(giver, "--yes")
    assert file_event(giver, "offered")["size"] == 300_000
    stored = file_event(taker, "stored")
    assert stored["path"] == str(folder / "holiday.jpg")
    assert (stored["direction"], stored["name"]) == ("in", "holiday.jpg")
    assert file_event(taker, "stored")["name"] == "empty.txt"
    assert taker.event("ended")["end"] == "done"
    assert (giver.exit(), taker.exit()) == (0, 0)
    assert (folder / "holiday.jpg").read_bytes() == photo.read_bytes()
    assert (folder / "empty.txt").read_bytes() == b""


@pytest.mark.full("transfers between processes")
def test_free_name_is_used(sender, receiver, photo, folder, listed):
    folder.mkdir()
    (folder / "holiday.jpg").write_text("mine")
    giver = sender(photo)
    taker = receiver(giver, "--yes")
    assert file_event(taker, "stored")["path"] == str(folder / "holiday (2).jpg")
    assert (giver.exit(), taker.exit()) == (0, 0)
    assert (folder / "holiday.jpg").read_text() == "mine"


@pytest.mark.full("transfers between processes")
def test_script_answers_each_file(sender, receiver, photo, film, listed):
    giver = sender(photo, film)
    taker = receiver(giver)
    assert file_event(taker, "offer")["name"] == "holiday.jpg"
    taker.type("n\n")
    assert file_event(giver, "declined")["name"] == "holiday.jpg"
    assert file_event(taker, "offer")["name"] == "film.mp4"
    taker.type("y\n")
    assert (giver.exit(), taker.exit()) == (1, 0)
    assert listed() == ["film.mp4"]


def test_file_is_declined_if_nobody_can_be_asked(sender, receiver, photo, listed):
    giver = sender(photo)
    taker = receiver(giver)
    taker.end_input()
    assert file_event(giver, "declined")
    assert (giver.exit(), taker.exit()) == (1, 1)
    assert listed() == []


def test_receiver_with_a_code_ends_after_the_first_file(start, node, photo, folder):
    taker = start("receive", "--once", "--yes", "--json", "--node", node, "--save-to", str(folder))
    link = taker.event("session")["link"]
    giver = start("send", "--to", link, "--json", str(photo))
    taker.event("prompt")
    taker.type(giver.event("pending")["code"] + "\n")
    assert file_event(taker, "stored")
    assert (giver.exit(), taker.exit()) == (0, 0)
    assert (folder / "holiday.jpg").read_bytes() == photo.read_bytes()


def test_folder_that_cannot_be_written_is_refused_before_pairing(run, tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.touch()
    for command in ("receive", "host"):
        _, err, code = run(command, "--save-to", str(there / "new"))
        assert (code, f"no file can be written in '{there}'" in " ".join(err.split())) == (2, True)
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    _, err, code = run("receive", "--save-to", str(tmp_path / "new" / "folder"))
    assert (code, f"no file can be written in '{tmp_path}'" in " ".join(err.split())) == (2, True)


@pytest.mark.full("transfers between processes")
def test_receiver_that_gets_nothing_exits_1(start, node):
    taker = start("receive", "--json", "--node", node)
    link = taker.event("session")["link"]
    guest = start("join", link, "--json")
    taker.event("prompt")
    taker.type(guest.event("pending")["code"] + "\n")
    guest.event("connected")
    guest.type("/close\n")
    assert taker.event("ended")["end"] == "left"
    assert (guest.exit(), taker.exit()) == (0, 1)


@pytest.mark.not_on("win32", "darwin", reason="the limits of another process cannot be set")
@pytest.mark.full("transfers between processes")
def test_full_disk_is_told_to_the_sender(sender, receiver, film, listed):
    import resource

    giver = sender(film)
    taker = receiver(giver)
    file_event(taker, "offer")
    resource.prlimit(taker.process.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    taker.type("y\n")
    assert file_event(taker, "disk_full")
    assert file_event(giver, "disk_full")
    assert (giver.exit(), taker.exit()) == (1, 1)
    assert listed() == []


@pytest.mark.full("transfers between processes")
@pytest.mark.parametrize("who", ["sender", "receiver"])
def test_ctrl_c_removes_the_partial_file_and_is_told(sender, receiver, film, listed, who):
    giver = sender(film)
    taker = receiver(giver, "--yes")
    taker.event("progress")
    assert [name[-5:] for name in listed()] == [".part"]
    stopped, other = (giver, taker) if who == "sender" else (taker, giver)
    stopped.process.send_signal(signal.SIGINT)
    assert file_event(other, "cancelled")
    assert stopped.event("stopped")
    assert (stopped.exit(), other.exit()) == (1, 1)
    assert listed() == []


def test_receiver_that_is_stopped_with_its_files_exits_0(start, node, photo, folder):
    taker = start("receive", "--yes", "--json", "--node", node, "--save-to", str(folder))
    link = taker.event("session")["link"]
    phone = start("join", link, "--json")
    taker.event("prompt")
    taker.type(phone.event("pending")["code"] + "\n")
    phone.type(f"/send {photo}\n")
    assert file_event(taker, "stored")
    taker.process.send_signal(signal.SIGINT)
    assert taker.event("stopped")
    assert taker.exit() == 0


@pytest.mark.full("transfers between processes")
def test_killed_sender_interrupts(start, serve, receiver, film, listed):
    giver = start("send", "--yes", "--json", "--node", serve(), str(film))
    taker = receiver(giver, "--yes")
    taker.event("progress")
    giver.process.kill()
    assert file_event(taker, "interrupted")
    assert taker.exit() == 1
    assert listed() == []


@pytest.mark.full("transfers between processes")
def test_file_crosses_though_the_node_is_gone(start, receiver, film, listed, folder):
    node = start("serve", "--port", "0")
    giver = start("send", "--yes", "--json", "--node", node.url(), str(film))
    taker = receiver(giver, "--yes")
    taker.event("progress")
    node.process.kill()
    assert file_event(taker, "stored")
    assert giver.exit() == 0
    # Nobody is there to end it.
    taker.type("\n")
    assert taker.exit() == 0
    assert (folder / "film.mp4").stat().st_size == film.stat().st_size


def test_host_and_join_exchange_files_and_chat(start, host, photo, film, folder):
    options = ["--json", "--save-to", str(folder)]
    guest = start("join", host.event("session")["link"], *options, "--take-files")
    guest.event("channel")
    host.type(f"look\n/send {photo}\n")
    assert guest.event("chat") == {"event": "chat", "text": "look", "by": "channel"}
    assert file_event(guest, "stored")["path"] == str(folder / "holiday.jpg")
    guest.type(f"/send {film}\n")
    assert file_event(host, "offer")["size"] == film.stat().st_size
    host.type("y\n")
    guest.event("progress")
    guest.type("/cancel\n")
    assert file_event(host, "cancelled")
    guest.type("/close\n")
    assert host.event("ended")["end"] == "left"
    assert (host.exit(), guest.exit()) == (0, 0)


def test_file_that_does_not_exist_is_reported(start, host):
    guest = start("join", host.event("session")["link"], "--json")
    guest.event("channel")
    guest.type("/send nothing.txt\n")
    assert file_event(guest, "failed")["name"] == "nothing.txt"


def test_what_cannot_be_read_is_wrong_usage(run, tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        _, err, code = run("send", str(path))
        assert code == 2
        assert "FILE" in err
