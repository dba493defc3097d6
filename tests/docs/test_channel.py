"""The programs of the page about the channel, run as they stand, with a guest that answers."""

import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import trio

import proxim
from proxim.files import open_offers
from tests.docs.test_docs import blocks
from tests.docs.test_examples import PATIENCE, hear, running

IN_TRIO, IN_THREAD, TALK = blocks("docs/howto/channel.md", "python")


def greets_and_prints(program, folder):
    """Be the guest of a program. It has to say hello, and to print the answer."""
    script = folder / "program.py"
    script.write_text(program, encoding="utf-8")
    with running(sys.executable, script) as process:
        link = hear(process, r"http\S+/join#\S+")

        async def answer():
            with trio.fail_after(PATIENCE):
                async with proxim.open_guest(link, name="Phone") as guest:
                    channel = await guest.channel()
                    assert await channel.receive() == "hello"
                    await channel.send("hi!")
                    await trio.to_thread.run_sync(hear, process, "hi!")

        trio.run(answer)


def test_program_with_trio_talks_with_a_guest(tmp_path):
    with proxim.run_in_thread(port=0) as node:
        assert "http://127.0.0.1:8765" in IN_TRIO
        program = IN_TRIO.replace("http://127.0.0.1:8765", node.url)
        greets_and_prints(program, tmp_path)


def test_talk_of_the_page_sends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday.jpg").write_bytes(b"photo")
    told = queue.Queue()
    is_sent = threading.Event()
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session("persistent", decide=lambda _: True)
        names = {"session": session, "show": told.put, "ask": lambda _: True}

        async def answer():
            with trio.fail_after(PATIENCE):
                async with proxim.open_guest(session.link, name="Phone") as guest:
                    await guest.approved()
                    # The channel opens once the other side talks, too.
                    await trio.to_thread.run_sync(exec, TALK, names)
                    channel = await guest.channel()
                    assert await channel.receive() == "hello"
                    await channel.send("hi!")
                    async with open_offers(channel) as offers:
                        await (await offers.receive()).save("phone")
                    await trio.to_thread.run_sync(is_sent.wait, PATIENCE)
                    await guest.close()

        with ThreadPoolExecutor() as threads:
            answered = threads.submit(trio.run, answer)
            exec(TALK, names)
            heard = []
            while heard[-1:] != ["the session has ended: closed."]:
                heard.append(str(told.get(timeout=PATIENCE)))
                if heard[-1] == "Sent holiday.jpg":
                    is_sent.set()
            answered.result()
    assert {"hi!", "Sent holiday.jpg", "Connected directly."} <= set(heard)
    assert (tmp_path / "phone" / "holiday.jpg").read_bytes() == b"photo"


def test_program_with_a_node_of_its_own_talks_with_a_guest(tmp_path):
    assert "port=8765" in IN_THREAD
    greets_and_prints(IN_THREAD.replace("port=8765", "port=0"), tmp_path)
