"""Sealed sessions in a cluster: seals cross nodes, and survive their session's node."""

import socket
from contextlib import contextmanager

import pytest
import trio

from proxim.protocol import messages as wire
from proxim.protocol.messages import Status
from proxim.session import snapshot
from tests.actors.helpers import PERSISTENT
from tests.actors.test_sealed import SEALED, sealed_request
from tests.backends.redis.memory_coordinator import Memory
from tests.backends.redis.nodes import Cluster
from tests.backends.redis.test_backend import MemberNode
from tests.backends.redis.test_secrecy import everything
from tests.e2e.client import PATIENCE
from tests.e2e.sealed import SealedPair


@pytest.fixture
async def members(nursery, autojump_clock):
    memory = Memory()
    nodes = [MemberNode(memory) for _ in range(3)]
    for node in nodes:
        await nursery.start(node.live)
    return nodes


async def asked(host, guest):
    """Open a sealed session and ask to pair; return its id and the resume token."""
    created = await host.asks(wire.CreateSession(**SEALED))
    session_id = created.session.session_id
    pending = await guest.asks(sealed_request(session_id))
    await host.asks(wire.PairAck(session_id=session_id, seal="ack"))
    return session_id, pending.resume_token


async def test_seals_cross_nodes_both_ways(autojump_clock, members):
    host, guest = await members[0].host(), members[1].connect()
    session_id, _ = await asked(host, guest)
    assert host.heard(wire.PairPrompt)[0].seal == "request"
    assert guest.heard(wire.PairAck) == [wire.PairAck(session_id=session_id, seal="ack")]
    # The host moves away from the session's node, is prompted again there, and decides.
    moved = await members[2].host()
    assert moved.heard(wire.Registered)[0].sessions[0].seal == 1
    assert moved.heard(wire.PairPrompt)[0].seal == "request"
    other = await moved.asks(wire.PairAck(session_id=session_id, seal="other"))
    assert other.code == "not_allowed"
    refused = await moved.asks(wire.PairDecision(session_id=session_id, approve=True))
    assert (refused.code, refused.session_id) == ("bad_message", session_id)
    decision = wire.PairDecision(session_id=session_id, approve=True, seal="answer")
    assert (await moved.asks(decision)).status is Status.APPROVED
    assert guest.heard(wire.PairResult)[0].seal == "answer"


async def test_same_request_at_another_node_takes_the_seat(autojump_clock, members):
    host, guest = await members[0].host(), members[1].connect()
    session_id, _ = await asked(host, guest)
    newer = members[2].connect()
    await newer.asks(sealed_request(session_id))
    assert newer.heard(wire.PairPending)
    assert newer.heard(wire.PairAck) == [wire.PairAck(session_id=session_id, seal="ack")]
    await trio.sleep(1)
    assert guest.close_code == 4000
    assert len(host.heard(wire.PairPrompt)) == 1


@pytest.mark.parametrize("dies", [True, False])
async def test_seals_survive_the_node_of_their_session(autojump_clock, members, dies):
    host, guest = await members[0].host(), members[1].connect()
    session_id, resume_token = await asked(host, guest)
    await host.asks(wire.PairDecision(session_id=session_id, approve=True, seal="answer"))
    await trio.sleep(1)
    if dies:
        members[0].life.cancel()
        await trio.sleep(30)
    else:
        await members[0].supervisor.drain()
        await members[0].member.leave()
        await trio.sleep(1)
    resume = wire.Resume(session_id=session_id, resume_token=resume_token)
    resumed = await members[2].connect().asks(resume)
    assert (resumed.ack, resumed.seal, resumed.session.seal) == ("ack", "answer", 1)
    host = await members[1].host()
    assert host.heard(wire.Registered)[0].sessions[0].seal == 1
    again = await members[1].connect().asks(sealed_request(session_id))
    assert again.code == "token_used"
    assert host.heard(wire.Contested) == []


async def test_program_that_knows_no_seals_cannot_take_a_sealed_session_over(
    autojump_clock, members, monkeypatch, caplog
):
    """Such a node would relay without seals; it refuses the record instead, and says so."""
    host, guest = await members[0].host(), members[1].connect()
    session_id, resume_token = await asked(host, guest)
    await host.asks(wire.PairDecision(session_id=session_id, approve=True, seal="answer"))
    plain = await host.asks(wire.CreateSession(session_type=PERSISTENT))
    await trio.sleep(1)
    members[0].life.cancel()
    await trio.sleep(30)
    monkeypatch.setattr(snapshot, "VERSIONS", snapshot.VERSIONS[:-1])
    resume = wire.Resume(session_id=session_id, resume_token=resume_token)
    assert (await members[2].connect().asks(resume)).code == "unknown_session"
    assert "a session cannot be read: version 3; this program knows 2" in caplog.text
    left = (await members[2].host()).heard(wire.Registered)[0].sessions
    assert [info.session_id for info in left] == [plain.session.session_id]


@contextmanager
def monitored(redis):
    """Note all that is sent to a Redis inside the block; yields a list that has it afterwards."""
    commands = []
    with socket.create_connection(("127.0.0.1", redis.port), PATIENCE) as monitor:
        monitor.sendall(b"MONITOR\r\n")
        lines = monitor.makefile("rb")
        assert lines.readline() == b"+OK\r\n"
        yield commands
        redis.ask("ECHO", "the end")
        for line in lines:
            if b"the end" in line:
                break
            commands.append(line)


@pytest.mark.parametrize("session_type", ["persistent", "one_time"])
def test_no_name_and_no_signal_of_a_sealed_session_is_in_redis(start_redis, session_type):
    """Without a key, so that all that nodes write and send to each other can be read."""
    redis = start_redis()
    cluster = Cluster(redis, 2)
    try:
        with monitored(redis) as commands:
            names = {"host_name": "Canary desk", "guest_name": "Canary phone"}
            pair = SealedPair(*cluster.nodes, session_type, **names).approve()
            pair.say({"sdp": "canary-ufrag"})
        written = b"".join(commands)
        for carried in (b"pair_ack", b"pair_result", b"SendSignal", b"Sealed device"):
            assert carried in written
        assert b"anary" not in written
        assert b"anary" not in b"".join(everything(redis).values())
    finally:
        cluster.stop()
