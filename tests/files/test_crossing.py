"""A sender and a receiver, with a channel in memory between them."""

import os

import pytest
import trio
import trio.testing

from proxim.files import MOST_OPEN, send_file
from proxim.protocol.errors import TransferFailed


async def sending(channel, path, failures, **options):
    """Send a file, and keep the exception that says why it did not cross."""
    try:
        await send_file(channel, path, **options)
    except TransferFailed as error:
        failures.append(error)


async def test_file_crosses_with_its_bytes_and_progress(sides, offers, photo, folder, listed):
    sent, received, offered, accepted = [], [], [], []
    async with trio.open_nursery() as nursery:

        async def send():
            await send_file(
                sides[0],
                photo,
                progress=sent.append,
                offered=offered.append,
                accepted=lambda: accepted.append(len(sent)),
            )

        nursery.start_soon(send)
        offer = await offers.receive()
        assert (offer.name, offer.size, offer.type) == ("holiday.jpg", 1_280_000, "image/jpeg")
        assert (offered, accepted) == ([1_280_000], [])
        assert listed() == []
        path = await offer.save(folder, progress=received.append)
    assert path == folder / "holiday.jpg"
    assert path.read_bytes() == photo.read_bytes()
    assert listed() == ["holiday.jpg"]
    assert accepted == [0]
    for steps in (sent, received):
        assert steps[-1] == 1_280_000
        assert steps == sorted(set(steps))
    assert all(end.is_closed for end in sides[0].opened)


async def test_empty_file_crosses(sides, offers, tmp_path, folder):
    empty = tmp_path / "empty.txt"
    empty.touch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_file, sides[0], empty)
        path = await (await offers.receive()).save(folder)
    assert path.read_bytes() == b""


async def test_files_cross_at_the_same_time(sides, offers, photo, folder, listed):
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(send_file, sides[0], photo)
        for _ in range(5):
            nursery.start_soon((await offers.receive()).save, folder)
    assert listed() == [*(f"holiday ({number}).jpg" for number in range(2, 6)), "holiday.jpg"]
    assert {path.read_bytes() for path in folder.iterdir()} == {photo.read_bytes()}


async def test_declined_file_sends_no_byte(sides, offers, photo, listed):
    failures = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sending, sides[0], photo, failures)
        await (await offers.receive()).decline()
    [failure] = failures
    assert (failure.reason, failure.by_other_side) == ("declined", True)
    assert listed() == []
    assert [type(message) for message in sides[0].opened[0].sent] == [str]


async def test_offer_that_the_sender_takes_back_is_withdrawn(sides, offers, photo):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_file, sides[0], photo)
        offer = await offers.receive()
        nursery.cancel_scope.cancel()
    failure = await offer.withdrawn()
    assert (failure.reason, failure.by_other_side) == ("cancelled", True)
    assert not offer.is_open


async def test_question_may_end_before_the_offer_is_withdrawn(sides, offers, photo, folder):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_file, sides[0], photo)
        offer = await offers.receive()
        async with trio.open_nursery() as asking:
            asking.start_soon(offer.withdrawn)
            await trio.testing.wait_all_tasks_blocked()
            asking.cancel_scope.cancel()
        assert offer.is_open
        assert (await offer.save(folder)).read_bytes() == photo.read_bytes()


async def test_cancelled_sender_tells_and_nothing_is_left(sides, offers, photo, folder, listed):
    async with trio.open_nursery() as nursery:

        async def send():
            with trio.CancelScope() as scope:
                await send_file(sides[0], photo, progress=lambda _: scope.cancel())

        nursery.start_soon(send)
        with pytest.raises(TransferFailed) as caught:
            await (await offers.receive()).save(folder)
    assert (caught.value.reason, caught.value.by_other_side) == ("cancelled", True)
    assert listed() == []


async def test_cancelled_receiver_tells_and_nothing_is_left(sides, offers, photo, folder, listed):
    failures = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sending, sides[0], photo, failures)
        offer = await offers.receive()
        with trio.CancelScope() as scope:

            def step(done):
                assert [name[-5:] for name in listed()] == [".part"]
                scope.cancel()

            await offer.save(folder, progress=step)
    assert [failure.reason for failure in failures] == ["cancelled"]
    assert listed() == []


async def test_file_that_is_stored_was_not_cancelled(sides, offers, photo, folder, listed):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_file, sides[0], photo)
        offer = await offers.receive()
        with trio.CancelScope() as scope:
            path = await offer.save(
                folder, progress=lambda done: done == offer.size and scope.cancel()
            )
    assert path.read_bytes() == photo.read_bytes()
    assert listed() == ["holiday.jpg"]


async def test_connection_that_breaks_interrupts_both(sides, offers, photo, folder, listed):
    failures = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sending, sides[0], photo, failures)
        offer = await offers.receive()
        with pytest.raises(TransferFailed) as caught:
            await offer.save(folder, progress=lambda _: sides[0].opened[0].vanish())
    assert [failure.reason for failure in failures] == ["interrupted"]
    assert (caught.value.reason, caught.value.by_other_side) == ("interrupted", False)
    assert listed() == []


@pytest.mark.parametrize("change", ["append", "truncate", "rewrite"])
async def test_file_that_changes_is_not_stored(sides, offers, photo, folder, listed, change):
    failures = []

    def step(done):
        if change == "append":
            with photo.open("ab") as file:
                file.write(b"more")
        elif change == "truncate":
            os.truncate(photo, done)
        else:
            os.utime(photo, ns=(1, 1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: sending(sides[0], photo, failures, progress=step))
        with pytest.raises(TransferFailed) as caught:
            await (await offers.receive()).save(folder)
    assert [failure.reason for failure in failures] == ["changed"]
    assert (caught.value.reason, caught.value.by_other_side) == ("changed", True)
    assert listed() == []


async def test_file_that_cannot_be_read_is_not_offered(sides, tmp_path):
    with pytest.raises(FileNotFoundError):
        await send_file(sides[0], tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="a directory cannot be sent"):
        await send_file(sides[0], tmp_path)
    assert not sides[0].opened


@pytest.mark.not_on("win32", reason="named pipes are elsewhere")
async def test_named_pipe_is_not_waited_for(sides, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        await send_file(sides[0], tmp_path / "pipe")


@pytest.mark.not_on("win32", "darwin", reason="names are Unicode")
async def test_name_that_is_not_unicode_can_be_sent(sides, offers, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sending, sides[0], path, [])
        offer = await offers.receive()
        assert offer.name == "caf?.txt"
        await offer.decline()


async def test_too_many_open_offers_are_busy(sides, offers, photo):
    failures = []
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_OPEN + 1):
            nursery.start_soon(sending, sides[0], photo, failures)
        waiting = [await offers.receive() for _ in range(MOST_OPEN)]
        while not failures:
            await trio.testing.wait_all_tasks_blocked()
        assert [failure.reason for failure in failures] == ["busy"]
        await waiting[0].decline()
        nursery.start_soon(sending, sides[0], photo, failures)
        waiting.append(await offers.receive())
        for offer in waiting:
            await offer.decline()


async def test_data_channel_for_another_purpose_is_closed(sides, offers, photo):
    other = await sides[0].open("game")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sending, sides[0], photo, [])
        await (await offers.receive()).decline()
    assert other.other.is_closed


async def test_offers_end_with_the_channel(sides, offers):
    sides[0].close()
    with pytest.raises(trio.EndOfChannel):
        await offers.receive()


async def test_failure_in_the_block_of_offers_is_raised_as_it_is(sides):
    from proxim.files import open_offers

    with pytest.raises(TransferFailed):
        async with open_offers(sides[1]):
            raise TransferFailed("declined", "")
