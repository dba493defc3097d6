"""Files for asyncio, between two programs in one process."""

import asyncio
import sys
import threading

import pytest

import proxim
from tests.aio.test_aio import paired, run
from tests.threads.helpers import nothing_left

if not sys.platform.startswith("linux"):
    pytest.skip("descriptors are counted in /proc", allow_module_level=True)


@pytest.fixture(autouse=True, scope="module")
def imported():
    # aiortc keeps a few descriptors from its import on.
    import proxim.rtc.connection  # noqa: F401


@pytest.fixture(scope="module")
def node(imported):
    with nothing_left(but_idle_workers=True), proxim.run_in_thread(port=0) as node:
        yield node


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(bytes(range(256)) * 8000)
    return path


async def channels(session, guest):
    return await asyncio.gather(session.channel(), guest.channel())


@pytest.mark.parametrize("kind", ["function", "coroutine function"])
def test_accepted_file_is_stored_and_both_functions_run_in_the_loop(node, photo, tmp_path, kind):
    async def main():
        threads, arrived, sent = set(), asyncio.Queue(), []

        def decide(offer):
            threads.add(threading.current_thread())
            return offer.name == "holiday.jpg"

        def done(offer):
            threads.add(threading.current_thread())
            arrived.put_nowait(offer)

        async def decide_slowly(offer):
            await asyncio.sleep(0.01)
            return decide(offer)

        def count(number):
            threads.add(threading.current_thread())
            sent.append(number)

        ask = decide if kind == "function" else decide_slowly
        async with paired(node) as (session, guest):
            ours, theirs = await channels(session, guest)
            taking = asyncio.create_task(
                ours.receive_files(tmp_path / "got", decide=ask, done=done)
            )
            await theirs.send_file(photo, progress=count)
            offer = await arrived.get()
            assert offer.path == tmp_path / "got" / "holiday.jpg"
            assert offer.path.read_bytes() == photo.read_bytes()
            assert (offer.received, offer.is_over) == (offer.size, True)
            assert sent == sorted(set(sent))
            assert sent[-1] == offer.size
            (other := tmp_path / "other.txt").touch()
            with pytest.raises(proxim.TransferFailed, match="declined"):
                await theirs.send_file(other)
            assert threads == {threading.current_thread()}
            await session.close()
            await taking

    run(main)


def test_cancelled_sender_takes_the_question_back(node, photo, tmp_path):
    async def main():
        asked, done = asyncio.Queue(), asyncio.Queue()

        async def decide(offer):
            asked.put_nowait(offer)
            try:
                await asyncio.sleep(3600)
            finally:
                asked.put_nowait("cancelled")

        async with paired(node) as (session, guest):
            ours, theirs = await channels(session, guest)
            work = ours.receive_files(tmp_path / "got", decide=decide, done=done.put)
            taking = asyncio.create_task(work)
            sending = asyncio.create_task(theirs.send_file(photo))
            offer = await asked.get()
            assert not offer.is_over
            sending.cancel()
            assert await asked.get() == "cancelled"
            assert (await done.get()).error.reason == "cancelled"
            assert not (tmp_path / "got").exists()
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    run(main)


def test_missing_file_and_failed_function_are_said(node, photo, tmp_path, caplog):
    async def main():
        async def decide(_):
            raise LookupError("of the application")

        async with paired(node) as (session, guest):
            ours, theirs = await channels(session, guest)
            taking = asyncio.create_task(ours.receive_files(tmp_path, decide=decide, done=print))
            with pytest.raises(IsADirectoryError):
                await theirs.send_file(tmp_path)
            with pytest.raises(proxim.TransferFailed, match="declined"):
                await theirs.send_file(photo)
            await session.close()
            await taking

    run(main)
    assert "`decide` failed" in caplog.text


def test_two_programs_talk_as_the_pages_do(node, photo, tmp_path):
    async def main():
        told = {name: asyncio.Queue() for name in ("desk", "phone")}
        loop_thread = threading.current_thread()

        async with paired(node) as (session, guest):
            talks = {}
            for name, side in (("desk", session), ("phone", guest)):

                def tell(line, queue=told[name]):
                    assert threading.current_thread() is loop_thread
                    queue.put_nowait(str(line))

                talks[name] = side.talk(
                    tmp_path / name, hear=tell, notice=tell, decide=lambda _: True, done=tell
                )

            async def is_told(name, wanted):
                while await told[name].get() != wanted:
                    pass

            for name in talks:
                await is_told(name, "Connected directly.")
            talks["desk"].send("hello")
            await is_told("phone", "hello")
            sent = talks["phone"].send_file(photo)
            assert (sent.name, sent.size) == ("holiday.jpg", photo.stat().st_size)
            await is_told("phone", "Sent holiday.jpg")
            await is_told("desk", f"Received {tmp_path / 'desk' / 'holiday.jpg'}")
            assert (tmp_path / "desk" / "holiday.jpg").read_bytes() == photo.read_bytes()
            assert sent.is_over
            await session.close()
            for name in talks:
                await is_told(name, "the session has ended: closed.")

    run(main)
