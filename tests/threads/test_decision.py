"""What `decide` may do, and that it cannot end the node."""

import asyncio
import queue
import sys

import pytest

import proxim
from tests.threads.helpers import PATIENCE, Guest, nothing_left

if not sys.platform.startswith("linux"):
    pytest.skip("descriptors are counted in /proc", allow_module_level=True)


@pytest.fixture(autouse=True)
def tidy():
    with nothing_left():
        yield


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        BaseExceptionGroup("several", [SystemExit(3)]),
    ],
    ids=repr,
)
def test_exit_in_a_coroutine_does_not_end_the_node(caplog, error):
    async def decide(prompt):
        raise error

    with proxim.run_in_thread(port=0) as node:
        other = node.open_session()
        session = node.open_session(decide=decide)
        assert Guest(session.link).reason() == "rejected"
        assert session.ended(timeout=PATIENCE).reason == "rejected"
        assert other.over is None
        assert len(node.sessions()) == 2
    assert type(error).__name__ in caplog.text.splitlines()


def test_call_in_runs_one_prompt_at_a_time():
    calls = queue.Queue()
    with proxim.run_in_thread(port=0, call_in=calls.put) as node:
        sessions = [node.open_session(decide=lambda _: True) for _ in range(2)]
        guests = [Guest(session.link, "in") for session in sessions]
        for session in sessions:
            session.prompt(timeout=PATIENCE)
        first = calls.get(timeout=PATIENCE)
        with pytest.raises(queue.Empty):
            calls.get(timeout=0.3)
        first()
        calls.get(timeout=PATIENCE)()
        assert [session.receive(timeout=PATIENCE) for session in sessions] == ["in", "in"]
        for session in sessions:
            session.close()
        assert [guest.reason() for guest in guests] == ["closed", "closed"]
