"""What goes wrong by itself: peers that vanish, ends, crashes, clocks, too few descriptors."""

import signal
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.attacks.raw import CLOSE, PATIENCE, Gone
from tests.attacks.target import until

HERE = Path(__file__).parent


@pytest.mark.slow("vanished peers")
@pytest.mark.real_time
def test_a_peer_that_vanishes_without_a_word_is_missed_within_45_seconds(node):
    with node.host(uuid="left-alone") as host:
        guest, _, _ = node.pair(host)
        # It never says a word again, nor does its socket: as if its network were gone.
        began = time.monotonic()
        host.socket.settimeout(50)
        assert host.hear()["type"] == "peer_offline"
        assert time.monotonic() - began < 45
        guest.socket.close()


# -- the end -------------------------------------------------------------------------------------


def heard_of_the_end(client):
    """How often a client is told that a session ends, and its close code."""
    endings = []
    try:
        while True:
            message = client.hear()
            if message["type"] == "session_ended":
                endings.append(message["reason"])
    except Gone as gone:
        client.socket.close()  # The node waits for those that do not answer its close frame.
        return endings, gone.args[0] if gone.args else None


def test_sigterm_among_a_thousand_sessions_is_told_to_every_seat(start):
    node = start()
    with ExitStack() as everybody:
        hosts = [everybody.enter_context(node.host(uuid=f"host-{n}")) for n in range(20)]
        for host in hosts:
            for _ in range(49):
                node.invite(host)
        guests = [everybody.enter_context(node.pair(host)[0]) for host in hosts]
        assert node.process.poll() is None
        node.process.send_signal(signal.SIGTERM)
        for guest in guests:
            assert heard_of_the_end(guest) in ((["shutdown"], 1001), (["shutdown"], 1012))
        for host in hosts:
            endings, code = heard_of_the_end(host)
            assert endings == ["shutdown"] * 50
            assert code in (1001, 1012)
        assert node.process.wait(PATIENCE) == 0
    assert "Traceback" not in node.log()


@pytest.mark.full("real time")
@pytest.mark.real_time
def test_sigterm_among_those_who_read_nothing_takes_ten_seconds_at_most(start):
    node = start()
    with ExitStack() as crowd:
        for number in range(100):
            crowd.enter_context(node.host(uuid=f"deaf-{number}", receive_buffer=4096))
        began = time.monotonic()
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 11


def test_a_second_signal_ends_it_at_once(start):
    node = start()
    with node.host() as deaf:
        node.process.send_signal(signal.SIGTERM)
        while deaf.frame()[0] != CLOSE:
            pass
        # The close frame is not answered, so the node still waits.
        assert node.process.poll() is None
        node.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert node.process.wait(PATIENCE) == 1
        assert time.monotonic() - began < 5, "which it would wait for an answer"


# -- descriptors ---------------------------------------------------------------------------------


@pytest.mark.real_time
def test_when_descriptors_run_out_live_sessions_work_and_accepting_recovers(start):
    node = start(descriptors=64)
    with node.host() as host:
        guest, session_id, _ = node.pair(host)
        with guest, ExitStack() as crowd:
            for _ in range(150):
                crowd.enter_context(node.raw())
            assert until(lambda: "accepted" in node.log())
            time.sleep(1)  # It goes on trying, ten times a second.
            for number in range(20):
                host.say("signal", session_id=session_id, data=number)
                assert guest.hear("signal")["data"] == number
            assert node.process.poll() is None
        # Whoever was in the crowd is gone: the next is served.
        assert until(lambda: serves(node))
        complaints = [line for line in node.log().splitlines() if "accepted" in line]
        assert len(complaints) <= 2
        assert len(node.log().splitlines()) < 30
    assert "Traceback" not in node.log()


def serves(node):
    try:
        with node.peer() as peer:
            return peer.pings()
    except (Gone, OSError):
        return False


# -- crashes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def faulty(start):
    return start(program=[sys.executable, str(HERE / "faulty.py"), "serve"])


def test_a_session_that_crashes_among_a_thousand_ends_alone(faulty):
    node = faulty
    with ExitStack() as everybody:
        hosts = [everybody.enter_context(node.host(uuid=f"well-{n}")) for n in range(20)]
        for host in hosts:
            for _ in range(49):
                node.invite(host)
        pairs = [(host, *node.pair(host)) for host in hosts]
        for _, guest, *_ in pairs:
            everybody.enter_context(guest)
        doomed = everybody.enter_context(node.host(uuid="crash"))
        guest, session_id, _ = node.pair(doomed)
        everybody.enter_context(guest)
        doomed.say("refresh_ice", session_id=session_id)
        assert doomed.hear("session_ended")["reason"] == "internal_error"
        assert guest.hear("session_ended")["reason"] == "internal_error"
        assert doomed.pings()
        for host, other, other_id, _ in pairs:
            host.say("signal", session_id=other_id, data="well")
            assert other.hear("signal")["data"] == "well"
        assert node.invite(doomed)
        assert node.count("proxim_actor_crashes_total") == 1
    assert "canary-of-the-crash" not in node.log(), "what an exception says is not logged"
    assert session_id not in node.log()
    assert node.log().count("an actor crashed") == 1


# -- clocks --------------------------------------------------------------------------------------


@pytest.fixture
def clocked(start, tmp_path):
    """A node whose wall clock can be set; its monotonic clock goes on as ever."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("faketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    node = start(
        "--approval-timeout", "4",
        env={
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
    )  # fmt: skip
    return node, clock


def created_at(session):
    return datetime.fromisoformat(session["created_at"]).timestamp()


@pytest.mark.full("real time")
@pytest.mark.real_time
@pytest.mark.parametrize("jump", ["-3600", "+3600"])
def test_a_wall_clock_that_jumps_in_mid_prompt_changes_nothing(clocked, jump):
    node, clock = clocked
    with node.host() as host, node.peer() as guest, node.peer() as late:
        session_id, token = node.invite(host)
        other_id, other_token = node.invite(host, "temporary", ttl=600)
        assert guest.ask("pair_request", **node.request(session_id, token))["expires_in"] == 4
        began = time.monotonic()
        host.hear("pair_prompt")
        clock.write_text(jump + "\n")
        fresh = host.ask("create_session", session_type="persistent")["session"]
        assert abs(created_at(fresh) - time.time() - int(jump)) < 60, "the clock did jump"
        late.ask("pair_request", **node.request(other_id, other_token))
        host.hear("pair_prompt")
        host.say("pair_decision", session_id=other_id, approve=True)
        assert late.hear("pair_result")["status"] == "approved"
        assert guest.hear("pair_result")["status"] == "expired"
        assert 3.5 < time.monotonic() - began < 30
        assert guest.hear("session_ended")["reason"] == "approval_timeout"
        late.say("signal", session_id=other_id, data="on")
        assert host.hear("signal")["data"] == "on"
