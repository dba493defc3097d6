"""A node in a thread: start, calls from other threads, and a clean stop."""

import asyncio
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

import proxim
from proxim import clock
from proxim.portal.futures import in_own_thread
from proxim.protocol.errors import BadMessage
from tests.ports import reserved_port
from tests.threads.helpers import PATIENCE, Guest, nothing_left

if not sys.platform.startswith("linux"):
    pytest.skip("descriptors are counted in /proc", allow_module_level=True)


@pytest.fixture(autouse=True)
def tidy():
    with nothing_left():
        yield


def yes(prompt):
    return True


def healthy(node):
    with urllib.request.urlopen(f"{node.url}/healthz", timeout=PATIENCE) as answer:
        return answer.status == 200


def test_node_frees_its_port_when_it_stops():
    with reserved_port() as port:
        for _ in range(2):
            with proxim.run_in_thread(proxim.Settings(port=port)) as node:
                assert healthy(node)


def test_stopped_node_cannot_be_used_again():
    with proxim.run_in_thread(port=0) as node:
        pass
    with pytest.raises(RuntimeError, match="runs once; start another"), node:
        pass


def test_several_nodes_run_independently():
    nodes = [proxim.run_in_thread(port=0) for _ in range(3)]
    sessions = [node.open_session() for node in nodes]
    nodes[0].stop()
    assert sessions[0].over.reason == "shutdown"
    assert [session.over for session in sessions[1:]] == [None, None]
    assert [len(node.sessions()) for node in nodes[1:]] == [1, 1]
    assert all(healthy(node) for node in nodes[1:])
    for node in nodes:
        node.stop()


def test_host_approves_a_guest_and_they_exchange_signals():
    with proxim.run_in_thread(port=0) as node:
        events = node.events()
        session = node.open_session()
        assert 290 < session.lapses_in <= 300
        guest = Guest(session.link, {"hello": "host"})
        prompt = session.prompt(timeout=PATIENCE)
        assert prompt.device_info.name == "Phone"
        assert 0 < prompt.expires_in <= 40
        assert not prompt.is_over
        prompt.approve()
        assert session.receive(timeout=PATIENCE) == {"hello": "host"}
        assert session.peer_online
        assert session.device_info == prompt.device_info
        for number in range(3):
            session.send(number)
        session.close()
        assert guest.reason() == "closed"
        assert guest.heard == [0, 1, 2]
        assert session.ended(timeout=PATIENCE).reason == "closed"
        assert prompt.is_over
        with pytest.raises(proxim.AlreadyDecided):
            prompt.decline()
        assert [type(events.next(PATIENCE)) for _ in range(2)] == [proxim.Paired, proxim.Ended]


def test_remaining_time_is_true_after_the_machine_has_slept(monkeypatch):
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session()
        guest = Guest(session.link)
        prompt = session.prompt(timeout=PATIENCE)
        monkeypatch.setattr(clock._sleep, "seconds", 30.0)
        assert 0 < prompt.expires_in <= 10
        assert 260 < session.lapses_in <= 270
        prompt.decline()
        assert prompt.is_over
        assert guest.reason() == "rejected"


def test_signals_and_presence_are_iterators():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session("persistent", decide=yes)
        presence = session.presence()
        guest = Guest(session.link, 1, 2, 3)
        assert next(presence) is True
        signals = session.signals()
        assert [next(signals) for _ in range(3)] == [1, 2, 3]
        assert session.refresh_ice().ice_servers == session.ice_servers == []
        session.close()
        assert list(signals) == []
        assert list(presence) == []
        assert guest.reason() == "closed"


def test_link_can_be_renewed_and_drawn():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(qr="svg")
        before = session.link
        session.renew()
        assert session.link != before
        assert session.link.endswith(session.token)
        assert proxim.qr.png(session.link).startswith(b"\x89PNG")


def test_link_leads_to_the_page_of_the_application():
    with proxim.run_in_thread(port=0, join_url="http://bücher.example/pair") as node:
        session = node.open_session()
        assert session.link.startswith(f"http://xn--bcher-kva.example/pair#{session.session_id}.")
        own = node.open_session(join_url="https://app.example/")
        own.renew()
        assert own.link.startswith(f"https://app.example/#{own.session_id}.")
        with pytest.raises(BadMessage, match="join_url"):
            node.open_session(join_url="https://app.example/#x")


def test_events_end_with_the_node_without_a_loss():
    with proxim.run_in_thread(port=0) as node:
        events = node.events()
        with pytest.raises(TimeoutError):
            events.next(timeout=0.01)
        node.open_session()
    (event,) = events
    assert event.session.reason == "shutdown"


def test_many_threads_can_call_at_once():
    with proxim.run_in_thread(port=0) as node, ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(lambda _: node.open_session(), range(40)))
        assert len({session.session_id for session in sessions}) == 40
        list(pool.map(lambda session: session.close(), sessions))
        assert {info.status for info in node.sessions()} == {"expired"}


def test_node_in_trio_leaves_no_thread_or_descriptor():
    async def main():
        async with proxim.Node(port=0) as node:
            session = await node.open_session(decide=yes, qr="svg")
            guest = Guest(session.link, "in")
            assert await session.receive() == "in"
            await session.close()
            assert await in_own_thread(guest.reason) == "closed"

    trio.run(main)


def test_host_types_the_code_that_the_guest_shows():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(confirm="code")
        guest = Guest(session.link, "in")
        prompt = session.prompt(timeout=PATIENCE)
        assert prompt.confirm == "code"
        with pytest.raises(proxim.CodeRequired):
            prompt.approve()
        prompt.approve(code=guest.codes.get(timeout=PATIENCE))
        assert session.receive(timeout=PATIENCE) == "in"
        session.close()
        assert list(session.notices()) == []
        assert guest.reason() == "closed"


def test_wrong_code_declines():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(confirm="code")
        guest = Guest(session.link)
        prompt = session.prompt(timeout=PATIENCE)
        wrong = "123" if guest.codes.get(timeout=PATIENCE) != "123" else "124"
        with pytest.raises(proxim.WrongCode):
            prompt.approve(code=wrong)
        assert guest.reason() == "rejected"


@pytest.mark.parametrize("call_in", [True, False])
def test_decide_may_return_the_code(call_in):
    calls, guests = queue.Queue(), []

    def decide(prompt):
        return guests[0].codes.get(timeout=PATIENCE)

    with proxim.run_in_thread(port=0, call_in=calls.put if call_in else None) as node:
        session = node.open_session(confirm="code", decide=decide)
        guests.append(Guest(session.link, "in"))
        if call_in:
            calls.get(timeout=PATIENCE)()
        assert session.receive(timeout=PATIENCE) == "in"
        session.close()
        assert guests[0].reason() == "closed"


# -- start and stop ---------------------------------------------------------------------------


def test_port_in_use_is_raised_in_the_caller():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        proxim.run_in_thread(port=taken.getsockname()[1])


@pytest.mark.parametrize("given", [{"port": -1}, {"prot": 1}, {"tls_cert": "x"}], ids=str)
def test_invalid_setting_is_raised_in_the_caller(given):
    with pytest.raises(proxim.InvalidSetting):
        proxim.run_in_thread(**given)


def test_invalid_certificate_is_raised_in_the_caller(tmp_path):
    with pytest.raises(proxim.InvalidSetting, match="there is no file"):
        proxim.run_in_thread(port=0, tls_cert=tmp_path / "cert", tls_key=tmp_path / "key")


def test_waiting_calls_raise_when_the_node_stops():
    node = proxim.run_in_thread(port=0)
    session = node.open_session()
    outcomes = queue.Queue()

    def wait_for(call):
        try:
            outcomes.put(call())
        except proxim.ProximError as error:
            outcomes.put(error)

    waiting = [
        threading.Thread(target=wait_for, args=[call])
        for call in (session.prompt, session.receive, session.ended)
    ]
    for each in waiting:
        each.start()
    time.sleep(0.05)
    node.stop()
    for each in waiting:
        each.join(PATIENCE)
    told = [outcomes.get(timeout=PATIENCE) for _ in waiting]
    assert [error.reason for error in told] == ["shutdown"] * 3
    for call in (session.receive, session.close, node.sessions, node.open_session, node.events):
        with pytest.raises(proxim.ConnectionLost, match="stopped"):
            call()
    node.stop()


def test_call_in_the_nodes_own_thread_is_refused():
    errors = []

    async def decide(prompt):
        for call in (prompt.approve, node.stop, node.sessions):
            with pytest.raises(RuntimeError, match="own thread") as caught:
                call()
            errors.append(caught.value)
        return True

    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=decide)
        guest = Guest(session.link, "in")
        assert session.receive(timeout=PATIENCE) == "in"
    assert len(errors) == 3
    assert guest.reason() == "shutdown"


def test_stop_raises_the_crash_of_the_node(monkeypatch):
    leave = proxim.Node.__aexit__

    async def crash(*error):
        await leave(*error)
        raise ZeroDivisionError

    node = proxim.run_in_thread(port=0)
    monkeypatch.setattr("proxim.node.Node.__aexit__", crash)
    other = proxim.run_in_thread(port=0)
    with pytest.raises(ZeroDivisionError):
        other.stop()
    other.stop()
    assert healthy(node)
    node.stop()


def test_node_stops_at_the_exit_of_the_program():
    program = """
import atexit, proxim
atexit.register(lambda: print(session.over))
node = proxim.run_in_thread(port=0)
session = node.open_session()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "the session has ended: shutdown\n"


# -- `decide` --------------------------------------------------------------------------------


def test_plain_decide_may_wait_for_a_person():
    may_answer = threading.Event()

    def decide(prompt):
        assert may_answer.wait(PATIENCE)
        return prompt.device_info.name == "Phone"

    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=decide)
        guest = Guest(session.link, "in")
        session.prompt(timeout=PATIENCE)
        # The node serves other clients at the same time.
        assert healthy(node)
        may_answer.set()
        assert session.receive(timeout=PATIENCE) == "in"
        session.close()
        assert guest.reason() == "closed"


def test_exception_in_decide_declines(caplog):
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=lambda _: 1 / 0)
        guest = Guest(session.link)
        assert guest.reason() == "rejected"
        assert session.ended(timeout=PATIENCE).reason == "rejected"
    assert "ZeroDivisionError" in caplog.text


def test_plain_decide_is_called_by_call_in():
    calls = queue.Queue()
    asked_in = []

    def decide(prompt):
        asked_in.append(threading.current_thread())
        return True

    with proxim.run_in_thread(port=0, call_in=calls.put) as node:
        session = node.open_session(decide=decide)
        guest = Guest(session.link, "in")
        calls.get(timeout=PATIENCE)()
        assert session.receive(timeout=PATIENCE) == "in"
        assert asked_in == [threading.current_thread()]
        session.close()
        assert guest.reason() == "closed"


def test_decide_is_not_called_after_the_end():
    calls = queue.Queue()
    with proxim.run_in_thread(port=0, call_in=calls.put) as node:
        session = node.open_session(decide=lambda _: pytest.fail("nobody asks any more"))
        guest = Guest(session.link)
        ask = calls.get(timeout=PATIENCE)
        session.close()
        assert guest.reason() == "closed"
    ask()


def test_coroutine_decide_runs_in_the_loop_that_opened_the_session():
    async def main(node):
        asked_in = []

        async def decide(prompt):
            await asyncio.sleep(0)
            asked_in.append(asyncio.get_running_loop())
            return True

        session = node.open_session(decide=decide)
        guest = Guest(session.link, "in")
        assert await asyncio.to_thread(session.receive, PATIENCE) == "in"
        assert asked_in == [asyncio.get_running_loop()]
        session.close()
        assert await asyncio.to_thread(guest.reason) == "closed"

        late = node.open_session(decide=lambda prompt: decide(prompt))
        guest = Guest(late.link, "in, too")
        assert await asyncio.to_thread(late.receive, PATIENCE) == "in, too"
        late.close()
        assert await asyncio.to_thread(guest.reason) == "closed"

    with proxim.run_in_thread(port=0) as node:
        asyncio.run(main(node))


def test_coroutine_decide_is_cancelled_when_the_session_ends():
    async def main(node):
        began, cancelled = asyncio.Event(), asyncio.Event()

        async def decide(prompt):
            began.set()
            try:
                await asyncio.sleep(PATIENCE)
            finally:
                cancelled.set()

        session = node.open_session(decide=decide)
        guest = Guest(session.link)
        await asyncio.wait_for(began.wait(), PATIENCE)
        session.close()
        await asyncio.wait_for(cancelled.wait(), PATIENCE)
        assert await asyncio.to_thread(guest.reason) == "closed"

    with proxim.run_in_thread(port=0) as node:
        asyncio.run(main(node))


def test_closed_loop_declines(caplog):
    async def decide(prompt):
        return True

    async def main(node):
        return node.open_session(decide=decide)

    with proxim.run_in_thread(port=0) as node:
        session = asyncio.run(main(node))
        assert Guest(session.link).reason() == "rejected"
    assert "Event loop is closed" in caplog.text
