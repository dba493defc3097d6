import os
import resource
import signal
import sqlite3
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxim.backends.sqlite.file import DiskError, StoreFile, path_of
from proxim.protocol.errors import InvalidSetting


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "sessions.db")


@pytest.fixture
def file(path):
    file = StoreFile(path)
    yield file
    file.close()


def test_written_rows_are_read_after_reopening(file, path):
    assert file.rows() == {}
    file.write({b"a": b"1", b"b": b"2"})
    file.write({b"a": None, b"b": b"3", b"c": b"4"})
    file.close()
    assert file.rows() == {b"b": b"3", b"c": b"4"}


def test_only_this_user_may_read_the_files(file, path, tmp_path):
    file.write({b"a": b"1"})
    assert [stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()] == [0o600] * 2


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o601])
def test_file_that_others_may_open_is_warned_about_once(file, path, caplog, mode):
    file.write({b"a": b"1"})
    file.close()
    assert caplog.messages == []
    os.chmod(path, mode)
    assert file.rows() == {b"a": b"1"}
    file.close()
    file.rows()
    (message,) = caplog.messages
    assert message.startswith(f"store: others than the owner of {path} may open it")
    assert message.endswith(f"chmod 600 {path}")


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_file_that_anybody_may_write_is_refused(file, path, mode):
    file.write({b"a": b"1"})
    file.close()
    os.chmod(path, mode)
    with pytest.raises(InvalidSetting, match=f"anybody on this machine may write to {path}: chmod"):
        file.rows()
    os.chmod(path, 0o600)
    assert file.rows() == {b"a": b"1"}


def test_one_process_at_a_time_may_open_the_file(file, path):
    file.write({b"a": b"1"})
    with pytest.raises(InvalidSetting, match=r"another process has .* open"):
        StoreFile(path).rows()


def test_each_commit_is_synchronised(file):
    file.rows()
    pragma = file._connection.execute
    assert pragma("PRAGMA synchronous").fetchone() == (2,)
    assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)


def test_file_that_is_not_a_store_is_not_changed(path):
    Path(path).write_bytes(b"junk" * 1000)
    with pytest.raises(InvalidSetting, match="not a database"):
        StoreFile(path).rows()
    assert Path(path).read_bytes() == b"junk" * 1000


def test_database_of_another_program_is_not_changed(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = Path(path).read_bytes()
    with pytest.raises(InvalidSetting, match="another program"):
        StoreFile(path).rows()
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "INSERT INTO sessions VALUES (x'00', NULL)",
        "DROP TABLE sessions",
        "PRAGMA user_version = 0",
    ],
)
def test_changed_store_is_refused_with_an_explanation(file, path, damage):
    file.rows()
    file._connection.execute(damage)
    file.close()
    with pytest.raises(InvalidSetting, match=f"store: {path}"):
        StoreFile(path).rows()


def test_store_of_a_later_version_is_not_changed(file, path):
    file.rows()
    file._connection.execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(InvalidSetting, match=f"{path} was .* newer version.* move the file away"):
        StoreFile(path).rows()


def test_damaged_store_is_refused_and_not_changed(file, path):
    file.write({bytes([number]): b"x" * 4000 for number in range(100)})
    file.close()
    whole = Path(path).read_bytes()
    damaged = whole[:8192] + b"\xff" * (len(whole) - 8192)
    for wrong in (damaged, whole[: len(whole) // 2]):
        Path(path).write_bytes(wrong)
        with pytest.raises(InvalidSetting, match=f"{path} is damaged.* move it away"):
            StoreFile(path).rows()
        assert Path(path).read_bytes() == wrong


def test_path_below_a_file_is_an_invalid_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="Not a directory; it needs the path of a file"):
        StoreFile(str(tmp_path / "file" / "sessions.db")).rows()


@pytest.mark.parametrize(
    ("wrong", "why"), [("nowhere/sessions.db", "No such file"), ("", "Is a directory")]
)
def test_impossible_path_is_refused_by_name(tmp_path, wrong, why):
    with pytest.raises(InvalidSetting, match=f"store: {tmp_path}.*: {why}"):
        StoreFile(str(tmp_path / wrong)).rows()


def test_device_or_pipe_is_an_invalid_setting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", str(tmp_path / "pipe")):
        with pytest.raises(InvalidSetting, match=f"store: {path} is a device or a pipe"):
            StoreFile(path).rows()


def test_missing_table_is_not_a_disk_error(file, path):
    file.rows()
    file._connection.execute("DROP TABLE sessions")
    with pytest.raises(InvalidSetting, match=f"store: {path}: no such table"):
        file.write({b"a": b"1"})


@pytest.fixture
def no_room():
    """Forbid this process to enlarge any file, as on a full disk."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def full(size=0):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            # Within the test, since its outcome may be written to a file, too.
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    yield full
    signal.signal(signal.SIGXFSZ, ignored)


def test_full_disk_writes_all_or_nothing(file, path, no_room):
    file.write({b"a": b"1"})
    with no_room(os.path.getsize(f"{path}-wal")), pytest.raises(DiskError):
        file.write({b"a": b"2", b"b": b"3"})
    assert file.rows() == {b"a": b"1"}
    file.write({b"b": b"3"})
    assert file.rows() == {b"a": b"1", b"b": b"3"}


def test_full_disk_at_the_start_is_a_disk_error(file, no_room):
    with no_room(), pytest.raises(DiskError):
        file.rows()


def test_url_has_an_absolute_path():
    assert path_of("sqlite:///var/lib/a%20b.db") == "/var/lib/a b.db"
