"""What a received file does in its folder: never over another one, never through a link."""

import errno
import os
import resource
import stat
import threading

import pytest
import trio

from proxim.files import partial, receive_offer
from proxim.protocol.errors import ChannelClosed, TransferFailed
from tests.files import pair


async def save(folder, name="a.txt", content=b"new", size=None):
    """Receive a file, and return its path and the last words of its receiver."""
    sender, receiver = pair.ends()
    await sender.tell(name=name, size=len(content) if size is None else size)
    offer = await receive_offer(receiver)
    if content:
        await sender.send(content)
    words = []

    async def listen():
        try:
            while True:
                words.append(await sender.hear())
                if words[-1] == {"ok": True}:
                    await sender.aclose()
        except ChannelClosed:
            pass

    path = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        try:
            path = await offer.save(folder)
        except TransferFailed as error:
            words.append(error.reason)
    return path, words


async def test_folder_is_made(folder):
    path, _ = await save(folder / "deep" / "er")
    assert path == folder / "deep" / "er" / "a.txt"


async def test_existing_file_stays(folder):
    folder.mkdir()
    (folder / "a.txt").write_text("old")
    (folder / "a (2).txt").mkdir()
    path, _ = await save(folder)
    assert path == folder / "a (3).txt"
    assert (folder / "a.txt").read_text() == "old"


@pytest.mark.parametrize("where", ["file", "folder", "nowhere"])
async def test_link_is_not_followed(folder, tmp_path, where):
    folder.mkdir()
    target = tmp_path / "target"
    if where == "file":
        target.write_text("old")
    elif where == "folder":
        target.mkdir()
    (folder / "a.txt").symlink_to(target)
    path, _ = await save(folder)
    assert path == folder / "a (2).txt"
    assert (folder / "a.txt").is_symlink()
    assert not target.is_file() or target.read_text() == "old"
    assert target.exists() == (where != "nowhere")


async def test_name_never_leaves_the_folder(folder, tmp_path):
    path, _ = await save(folder, name="../../outside.txt")
    assert path == folder / "outside.txt"
    path, _ = await save(folder, name=str(tmp_path / "absolute.txt"))
    assert path == folder / "absolute.txt"


async def test_longest_name_is_stored(folder):
    for number in range(3):
        path, _ = await save(folder, name="é" * 300 + ".jpeg")
        assert path.suffix == ".jpeg"
        assert len(list(folder.iterdir())) == number + 1


async def test_file_system_without_links_keeps_an_existing_file(folder, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    folder.mkdir()
    (folder / "a.txt").write_text("old")
    (folder / "a (2).txt").symlink_to(folder / "nowhere")
    path, _ = await save(folder)
    assert path == folder / "a (3).txt"
    assert path.read_bytes() == b"new"
    assert (folder / "a.txt").read_text() == "old"
    assert len(list(folder.iterdir())) == 3


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
async def test_file_has_the_usual_mode(folder):
    before = os.umask(0o027)
    try:
        path, _ = await save(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_file_larger_than_the_free_space_is_refused_before_a_byte(folder, listed):
    path, words = await save(folder, content=b"", size=2**53 - 1)
    assert path is None
    assert {"accept": True} not in words
    assert "disk_full" in words
    assert {"cancel": "disk_full"} in words
    assert listed() == []


@pytest.mark.not_on("win32", reason="processes have no limits")
async def test_disk_that_is_full_is_told_and_nothing_is_left(folder, listed):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        path, words = await save(folder, content=b"x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path is None
    assert words[0] == {"accept": True}
    assert "disk_full" in words
    assert {"cancel": "disk_full"} in words
    assert listed() == []


async def test_folder_that_cannot_be_written_fails(tmp_path):
    (tmp_path / "file").write_text("")
    sender, receiver = pair.ends()
    await sender.tell(name="a", size=1)
    offer = await receive_offer(receiver)
    with pytest.raises(OSError, match="xist"):
        await offer.save(tmp_path / "file")
    assert await sender.hear() == {"cancel": "failed"}


def test_concurrent_receivers_have_files_of_their_own(folder):
    """Many threads publish the same name at once."""
    together = threading.Barrier(16)
    paths = []

    def receive(number):
        file = partial.PartialFile(folder, "a.txt", 10)
        file.write(str(number).encode())
        together.wait()
        paths.append(file.publish())

    threads = [threading.Thread(target=receive, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 16
    assert {path.read_text() for path in paths} == {str(number) for number in range(16)}
    assert len(list(folder.iterdir())) == 16
