"""Chat and files of a program, with a real node and channel in the same process."""

from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.client import open_guest, open_host
from proxim.files import Transfer
from proxim.talk import Talk
from tests.client.helpers import PATIENCE, until
from tests.client.sealed import at
from tests.client.test_restarts import restart


class Person:
    """What one side hears, is told and is asked. ``takes`` is the answer about a file."""

    def __init__(self, folder, takes=True):
        self.takes = takes
        self.asked = []
        self.talk = None
        self._folder = folder
        self._told, self._all = trio.open_memory_channel(100)

    def begins(self, session):
        self.talk = Talk(
            session,
            self._folder,
            hear=self._told.send,
            notice=self._told.send,
            decide=self._decide,
            done=self._told.send,
        )
        return self.talk

    async def _decide(self, offer):
        self.asked.append(offer)
        if self.takes is None:
            await trio.sleep_forever()
        return self.takes

    async def is_told(self, wanted):
        """Wait until this is heard or told, and return all that came with it."""
        found = []
        with trio.fail_after(PATIENCE):
            while not any(wanted in str(each) for each in found):
                found.append(await self._all.receive())
        return found


@asynccontextmanager
async def talking(url, desk, phone, *, has_channel=True):
    """Both sides of a session that talk, from before the approval."""
    async with open_host(url, uuid="desk") as host, trio.open_nursery() as nursery:
        session = await host.create("persistent")
        nursery.start_soon(desk.begins(session).run)
        async with open_guest(session.link, name="Phone") as guest:
            if has_channel:
                nursery.start_soon(phone.begins(guest).run)
            else:
                guest.refuse_channel()
            await (await session.prompt()).approve()
            yield session, guest
            if session.over is None:
                await session.close()


@pytest.fixture
def desk(tmp_path):
    return Person(tmp_path / "desk")


@pytest.fixture
def phone(tmp_path):
    return Person(tmp_path / "phone")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(bytes(range(256)) * 5000)
    return path


def transfer(path):
    return Transfer(path.name, path.stat().st_size if path.exists() else 0, path)


async def test_both_sides_chat_and_are_told_how_it_ends(node, desk, phone):
    async with talking(node.url, desk, phone) as (session, _):
        desk.talk.send("before there is a channel")
        for side in (desk, phone):
            await side.is_told("Connected directly.")
        for one, other in ((desk, phone), (phone, desk)):
            one.talk.send("first")
            one.talk.send("second")
            await other.is_told("first")
            assert await other.is_told("second") == ["second"]
        await session.close()
        for side in (desk, phone):
            await side.is_told("the session has ended: closed.")


async def test_file_crosses_and_is_seen_by_both(node, desk, phone, photo, tmp_path):
    async with talking(node.url, desk, phone):
        sent = transfer(photo)
        desk.talk.send_file(sent)
        *_, done = await phone.is_told("Received")
        assert done.path == tmp_path / "phone" / "holiday.jpg"
        assert done.path.read_bytes() == photo.read_bytes()
        assert (await desk.is_told("Sent holiday.jpg"))[-1] is sent
        for each in (sent, done):
            assert (each.crossed, each.is_over, each.error) == (photo.stat().st_size, True, None)
        assert desk.talk.transfers == phone.talk.transfers == []


async def test_declined_file_is_told_to_its_sender_alone(node, desk, phone, photo):
    phone.takes = False
    async with talking(node.url, desk, phone):
        desk.talk.send_file(transfer(photo))
        await desk.is_told("holiday.jpg: the other side declined it")
        desk.talk.send("next")
        assert "holiday" not in str([str(each) for each in await phone.is_told("next")])
        assert phone.asked[0].is_over


async def test_file_that_cannot_be_read_is_told(node, desk, phone, tmp_path):
    async with talking(node.url, desk, phone):
        desk.talk.send_file(transfer(tmp_path / "nothing.txt"))
        await desk.is_told("nothing.txt: No such file or directory")
        desk.talk.send_file(transfer(tmp_path))
        await desk.is_told("a directory cannot be sent")
        assert phone.asked == []


async def test_end_of_the_session_ends_the_transfers(node, desk, phone, photo):
    phone.takes = None
    async with talking(node.url, desk, phone) as (session, _):
        desk.talk.send_file(transfer(photo))
        await until(lambda: phone.asked)
        assert [str(each) for each in desk.talk.transfers] == ["holiday.jpg: 0%"]
        await session.close()
        for side in (desk, phone):
            # The data channel may close before the session does.
            await side.is_told("holiday.jpg: the ")
            await side.is_told("the session has ended: closed.")
        assert desk.talk.transfers == phone.talk.transfers == []


async def test_end_of_a_file_is_told_though_the_session_ends_meanwhile(node, desk, phone, tmp_path):
    told = []

    async def done(transfer):
        await desk.talk._session.ended()
        await wait_all_tasks_blocked()
        told.append(transfer)

    async with talking(node.url, desk, phone) as (session, _):
        desk.talk._done = done
        desk.talk.send_file(unread := transfer(tmp_path / "nothing.txt"))
        await until(lambda: unread.is_over)
        await session.close()
        await desk.is_told("the session has ended: closed.")
        assert told == [unread]


async def test_without_a_channel_chat_goes_through_the_node_and_files_wait(
    node, desk, phone, photo
):
    async with talking(node.url, desk, phone, has_channel=False) as (session, guest):
        *_, told = await desk.is_told("Chat goes through the server")
        assert "the other side has no WebRTC" in told
        assert "Files cannot cross." in told
        await guest.send("hello")
        await guest.send({"end": "left"})
        await desk.is_told("hello")
        desk.talk.send("hello, phone")
        with trio.fail_after(PATIENCE):
            assert await guest.receive() == "hello, phone"
        desk.talk.send_file(transfer(photo))
        await desk.is_told("holiday.jpg: the other side has no WebRTC")
        await session.close()
        assert [str(each) for each in await desk.is_told("closed")] == [
            "the session has ended: closed."
        ]


async def test_failure_of_the_application_is_logged_and_the_talk_goes_on(node, desk, phone, caplog):
    heard = []

    async def hear(text):
        heard.append(text)
        raise LookupError("of the application")

    async with talking(node.url, desk, phone):
        phone.talk._hear = hear
        desk.talk.send("one")
        desk.talk.send("two")
        await until(lambda: heard == ["one", "two"])
    assert "the application failed at what it was told" in caplog.text


async def test_signals_that_connect_are_kept_before_the_talk_runs(node, desk):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        async with open_guest(session.link, name="Phone") as guest:
            desk.begins(session)
            await (await session.prompt()).approve()
            await guest.approved()
            await guest.send({"rtc": {"from": "g1"}})
            await guest.send("hello")
            with trio.fail_after(PATIENCE):
                # A reader that comes first does not take the other side's beginning.
                assert await session.receive() == "hello"
            await session.close()


async def test_nothing_for_a_guest_that_a_restart_has_lost_goes_to_the_next_one(
    wire, serve, desk, photo, tmp_path
):
    tablet = Person(tmp_path / "tablet")
    async with open_host(wire.url, uuid="desk") as host, trio.open_nursery() as nursery:
        session = await host.create("persistent")
        nursery.start_soon(desk.begins(session).run)
        async with open_guest(at(session.link, wire.url), name="Phone") as guest:
            await (await session.prompt()).approve()
            await guest.approved()
            # It waits for a channel, which this guest does not open.
            waiting = transfer(photo)
            desk.talk.send_file(waiting)
            desk.talk.send("for the phone")
            await until(lambda: session._peering._connector is not None)
            link = session.link
            await restart(wire, serve, session)
            assert await session.link_after(link)
        told = await desk.is_told("the session has ended: lost.")
        assert any(waiting is each for each in told)
        assert (str(waiting.error), session.over) == ("the session has ended: lost", None)
        await until(lambda: session._connection.online)
        nursery.start_soon(desk.begins(session).run)
        async with open_guest(at(session.link, wire.url), name="Tablet") as guest:
            nursery.start_soon(tablet.begins(guest).run)
            await (await session.prompt()).approve()
            await tablet.is_told("Connected directly.")
            desk.talk.send("hello")
            assert await tablet.is_told("hello") == ["hello"]
            assert tablet.asked == []
            await session.close()
