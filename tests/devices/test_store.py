"""The files of known devices and of grants."""

import os
import stat
import subprocess
import sys

import pytest

from proxim.devices.record import Tickets
from proxim.devices.store import DeviceFile, GrantFile, HostGrant, MemoryStore
from proxim.protocol.errors import InvalidSetting
from tests.devices.test_record import known

GRANT = HostGrant(
    "https://node.example", "s" * 22, "Desk", b"s" * 32, b"h" * 32, b"p" * 32, b"t" * 16, 9.5
)
DEVICE = known(tickets=Tickets(b"a" * 16, b"b" * 16, True), seen=(b"k" * 32,), last_seen=1.5)
STORES = pytest.mark.parametrize(("store", "entry"), [(DeviceFile, DEVICE), (GrantFile, GRANT)])


@STORES
def test_entries_come_back(tmp_path, store, entry):
    path = tmp_path / "new" / "devices.json"
    assert store(path).load() == []
    store(path).save([entry])
    assert store(path).load() == [entry]
    store(path).save([])
    assert store(path).load() == []
    assert os.listdir(path.parent) == ["devices.json"]


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
def test_only_the_user_reads_the_file(tmp_path):
    path = tmp_path / "devices.json"
    path.write_text("{}")
    path.chmod(0o644)
    DeviceFile(path).save([DEVICE])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
def test_file_that_all_can_write_is_refused(tmp_path):
    path = tmp_path / "devices.json"
    DeviceFile(path).save([DEVICE])
    path.chmod(0o666)
    with pytest.raises(InvalidSetting, match="can write"):
        DeviceFile(path).load()


@STORES
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b'{"v":2,"entries":[]}',
        b'{"v":1,"entries":[{}]}',
        b'{"v":1,"entries":[{"session_id":"\xff"}]}',
        b'{"v":1,"entries":' + b"[" * 100_000,
    ],
)
def test_broken_file_is_named_with_the_way_out(tmp_path, store, entry, text):
    path = tmp_path / "devices.json"
    path.write_bytes(text)
    with pytest.raises(InvalidSetting, match="delete it and pair the devices again") as caught:
        store(path).load()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == text


def test_failed_save_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    store = DeviceFile(tmp_path / "devices.json")
    store.save([DEVICE])

    def full(_descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        store.save([])
    assert store.load() == [DEVICE]
    assert os.listdir(tmp_path) == ["devices.json"]


@pytest.mark.not_on("win32", reason="Windows opens no folders")
def test_folder_is_synced_after_the_file_took_its_name(tmp_path, monkeypatch):
    path = tmp_path / "devices.json"
    synced, fsync = [], os.fsync

    def noted(descriptor):
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    DeviceFile(path).save([DEVICE])
    assert synced == [(False, False), (True, True)]


@pytest.mark.parametrize("make", [DeviceFile, GrantFile, lambda _path: MemoryStore()])
def test_lock_is_taken_once_until_it_is_given_back(tmp_path, make):
    store = make(tmp_path / "new" / "devices.json")
    assert store.try_lock()
    assert not store.try_lock()
    store.unlock()
    assert store.try_lock()
    store.unlock()


def test_lock_of_a_file_holds_for_other_programs_until_its_program_ends(tmp_path):
    path = tmp_path / "grants.json"
    script = (
        "import sys\nfrom proxim.devices.store import GrantFile\n"
        "print(GrantFile(sys.argv[1]).try_lock(), flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout.readline().strip() == b"True"
        assert not GrantFile(path).try_lock()
        program.communicate()
    assert GrantFile(path).try_lock()


def test_secrets_are_not_shown():
    assert "Desk" in repr(GRANT)
    for entry in (GRANT, DEVICE):
        assert "b'" not in repr(entry)


@pytest.mark.not_on("win32", reason="Windows opens what a link leads to")
@STORES
def test_lock_that_is_a_symbolic_link_is_refused(tmp_path, store, entry):
    """Otherwise a store in a folder of others would make, or lock, any file of its user."""
    path, target = tmp_path / "devices.json", tmp_path / "target"
    (tmp_path / "devices.json.lock").symlink_to(target)
    with pytest.raises(InvalidSetting, match=r"devices\.json\.lock is a symbolic link"):
        store(path).try_lock()
    assert not target.exists()
