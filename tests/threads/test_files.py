"""Files between a program without Trio and a guest in another thread."""

import queue
import sys
import threading

import pytest
import trio

import proxim
from proxim.client import open_guest
from proxim.files import open_offers, send_file
from proxim.protocol.errors import ConnectionLost, SessionOver, TransferFailed
from tests.threads.helpers import PATIENCE, nothing_left

if not sys.platform.startswith("linux"):
    pytest.skip("descriptors are counted in /proc", allow_module_level=True)


@pytest.fixture(autouse=True, scope="module")
def imported():
    # aiortc keeps a few descriptors from its import on.
    import proxim.rtc.connection  # noqa: F401


@pytest.fixture(autouse=True, scope="module")
def tidy(imported):
    with nothing_left(but_idle_workers=True):
        yield


class Phone(threading.Thread):
    """A guest that runs ``does(channel)``, and puts what it returns or raises into ``result``."""

    def __init__(self, link, does):
        super().__init__()
        self.result = queue.Queue()
        self._link, self._does = link, does
        self.start()

    def run(self):
        trio.run(self._live)

    async def _live(self):
        with trio.fail_after(PATIENCE):
            async with open_guest(self._link, name="Phone") as guest:
                try:
                    self.result.put(await self._does(await guest.channel()))
                except (TransferFailed, SessionOver) as error:
                    self.result.put(error)
                await guest.ended()


@pytest.fixture
def connect():
    """Return a function that opens a session whose guest is a phone, and its channel."""
    with proxim.run_in_thread(port=0) as node:
        phones = []

        def connect(does, node=node):
            session = node.open_session(decide=lambda _: True)
            phones.append((session, Phone(session.link, does)))
            return session.channel(PATIENCE), phones[-1][1].result

        yield connect
        for session, phone in phones:
            session.close()
            phone.join(PATIENCE)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(bytes(range(256)) * 2000)
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "received"


def sending(path):
    async def send(channel):
        await send_file(channel, path)
        return "sent"

    return send


def test_file_is_asked_for_and_stored(connect, photo, folder):
    ended, asked = queue.Queue(), queue.Queue()

    def decide(offer):
        asked.put((offer.name, offer.size, offer.type, offer.is_over))
        return True

    channel, result = connect(sending(photo))
    channel.receive_files(folder, decide=decide, done=ended.put)
    offer = ended.get(timeout=PATIENCE)
    assert offer.path == folder / "holiday.jpg"
    assert offer.path.read_bytes() == photo.read_bytes()
    assert (offer.received, offer.error, offer.is_over) == (512_000, None, True)
    assert asked.get_nowait() == ("holiday.jpg", 512_000, "image/jpeg", False)
    assert result.get(timeout=PATIENCE) == "sent"


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_only_true_accepts_a_file(connect, photo, folder, answer):
    ended = queue.Queue()
    channel, result = connect(sending(photo))
    channel.receive_files(folder, decide=lambda _: answer, done=ended.put)
    assert result.get(timeout=PATIENCE).reason == "declined"
    assert not folder.exists()
    assert ended.empty()


def test_exception_of_decide_declines_and_is_logged(connect, photo, folder, caplog):
    def decide(offer):
        raise RuntimeError("of the application")

    channel, result = connect(sending(photo))
    channel.receive_files(folder, decide=decide, done=print)
    assert result.get(timeout=PATIENCE).reason == "declined"
    assert "`decide` failed; the file is declined" in caplog.text


def test_exception_of_done_is_logged_and_the_next_file_comes(connect, photo, folder, caplog):
    ended = queue.Queue()

    def done(offer):
        ended.put(offer.path.name)
        raise RuntimeError("of the application")

    async def send_twice(channel):
        await send_file(channel, photo)
        await send_file(channel, photo)

    channel, _ = connect(send_twice)
    channel.receive_files(folder, decide=lambda _: True, done=done)
    names = {ended.get(timeout=PATIENCE), ended.get(timeout=PATIENCE)}
    assert names == {"holiday.jpg", "holiday (2).jpg"}
    assert "`done` failed for a file" in caplog.text


def test_folder_that_cannot_be_written_is_told_to_both_sides(connect, photo, folder):
    ended = queue.Queue()
    folder.write_text("this is a file")
    channel, result = connect(sending(photo))
    channel.receive_files(folder, decide=lambda _: True, done=ended.put)
    offer = ended.get(timeout=PATIENCE)
    assert isinstance(offer.error, OSError)
    assert offer.path is None
    assert result.get(timeout=PATIENCE).reason == "failed"


def test_offer_that_is_taken_back_ends_the_question(connect, photo, folder):
    asked, ended, answer = queue.Queue(), queue.Queue(), threading.Event()

    def decide(offer):
        asked.put(offer)
        return answer.wait(PATIENCE)

    withdraw = threading.Event()

    async def offer_and_take_back(channel):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_file, channel, photo)
            await trio.to_thread.run_sync(withdraw.wait, PATIENCE)
            nursery.cancel_scope.cancel()

    channel, _ = connect(offer_and_take_back)
    channel.receive_files(folder, decide=decide, done=ended.put)
    offer = asked.get(timeout=PATIENCE)
    withdraw.set()
    assert ended.get(timeout=PATIENCE) is offer
    assert offer.is_over
    assert (offer.error.reason, offer.error.by_other_side) == ("cancelled", True)
    answer.set()
    assert not folder.exists()


def test_call_in_calls_decide_and_done(photo, folder):
    calls, heard = queue.Queue(), []
    with proxim.run_in_thread(port=0, call_in=calls.put) as node:
        session = node.open_session()
        phone = Phone(session.link, sending(photo))
        session.prompt(PATIENCE).approve()
        channel = session.channel(PATIENCE)
        channel.receive_files(
            folder, decide=lambda _: not heard.append("decide"), done=heard.append
        )
        calls.get(timeout=PATIENCE)()
        assert heard == ["decide"]
        calls.get(timeout=PATIENCE)()
        assert heard[1].path == folder / "holiday.jpg"
        session.close()
        phone.join(PATIENCE)


def test_file_is_sent(connect, photo, folder):
    async def take(channel):
        async with open_offers(channel) as offers:
            return await (await offers.receive()).save(folder)

    channel, result = connect(take)
    channel.send_file(photo)
    assert result.get(timeout=PATIENCE).read_bytes() == photo.read_bytes()


def test_file_that_is_declined_or_missing_raises(connect, photo):
    async def decline(channel):
        async with open_offers(channel) as offers:
            await (await offers.receive()).decline()

    channel, _ = connect(decline)
    with pytest.raises(TransferFailed, match="the other side declined it"):
        channel.send_file(photo)
    with pytest.raises(FileNotFoundError):
        channel.send_file(photo.with_name("missing.jpg"))


def test_question_of_a_node_that_stops_is_over(photo, folder):
    asked, ended, answer = queue.Queue(), queue.Queue(), threading.Event()

    def decide(offer):
        asked.put(offer)
        return answer.wait(PATIENCE)

    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=lambda _: True)
        phone = Phone(session.link, sending(photo))
        channel = session.channel(PATIENCE)
        channel.receive_files(folder, decide=decide, done=ended.put)
        asked.get(timeout=PATIENCE)
    phone.join(PATIENCE)
    answer.set()
    assert not folder.exists()
    with pytest.raises(ConnectionLost):
        channel.send_file(photo)
