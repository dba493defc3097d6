"""Each limit of a node: a case that keeps it, and one that breaks it.

The values are set low, so that a case is short; the defaults stand in the reference of settings.
Every case has a node of its own, with the one limit that it is about. A limit on time is short
where a case breaks it, and long where a case keeps it. What is counted over many connections
stands in ``test_quotas.py``, where they come from in ``test_origin.py``.
"""

import json
import re
import ssl
import time
from contextlib import suppress

import pytest
import trustme

from tests import fork_server
from tests.attacks.raw import PING, PONG, TEXT, Gone, frame, head, split
from tests.attacks.target import SERVE, refusal, status

GET = {"Host": "127.0.0.1"}


def message(size):
    """A ping of so many bytes."""
    return b'{"type":"ping","x":"' + b"x" * (size - 22) + b'"}'


DEFAULTS = {
    "message-rate": "50", "message-burst": "200", "control-rate": "5", "control-burst": "20",
    "connections-per-address": "64", "max-connections": "0", "sessions-per-owner": "64",
    "sessions-per-address": "256", "max-sessions": "100000", "prompts-per-host": "3",
    "denials-per-address": "3", "guesses-per-address": "10", "guess-window": "1800",
    "head-size": "16384", "head-fields": "100", "head-time": "5", "tls-time": "5",
    "introduction-time": "10", "message-size-unseated": "8192", "message-size": "65536",
    "message-fragments": "64", "message-time": "10", "ping-interval": "20", "pong-time": "20",
    "write-time": "10", "outbox-size": "262144", "outbox-messages": "64",
}  # fmt: skip


@pytest.fixture(scope="module")
def help_text():
    """What ``proxim serve --help-all`` prints, with single spaces."""
    done = fork_server.run(*SERVE, "--help-all")
    return " ".join(done.stdout.split())


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items(), ids=DEFAULTS)
def test_each_limit_is_a_setting_with_its_default(help_text, name, default):
    found = re.search(rf"--{name} .*?\[default: ([^\]]*)\]", help_text)
    assert found, f"--{name} is no setting"
    assert found[1].replace(",", "").startswith(default)


# -- the head --------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "answer"), [(900, 200), (1100, 431)])
def test_head_size(limited, size, answer):
    # Whatever is not in the padding is less than a hundred bytes.
    request = head(path="/healthz", headers={**GET, "X": "x" * (size - 50)})
    assert status(limited("--head-size", 1024), request) == answer


@pytest.mark.parametrize(("fields", "answer"), [(10, 200), (11, 431)])
def test_head_fields(limited, fields, answer):
    padding = {f"X{number}": "x" for number in range(fields - 1)}
    request = head(path="/healthz", headers={**GET, **padding})
    assert status(limited("--head-fields", 10), request) == answer


@pytest.mark.real_time
@pytest.mark.parametrize(("limit", "answer"), [(60, 200), (0.3, 408)])
def test_head_time(limited, limit, answer):
    with limited("--head-time", limit).raw() as client:
        client.send(b"GET /healthz HTTP/1.1\r\n")
        if answer == 200:
            time.sleep(0.2)
            client.send(b"Host: 127.0.0.1\r\n\r\n")
        assert client.answer()[0] == answer


@pytest.mark.real_time
@pytest.mark.parametrize("kept", [True, False])
def test_tls_time(limited, tmp_path, kept):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "pem")
    place = tmp_path / "pem"
    secured = limited("--tls-cert", place, "--tls-key", place, "--tls-time", 60 if kept else 0.3)
    if kept:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with secured.raw(tls=context) as client:
            client.upgrade()
    else:
        began = time.monotonic()
        with secured.raw() as client:
            client.rest()
        assert time.monotonic() - began < 5, "and not the default"


# -- the first word, and messages ------------------------------------------------------------


@pytest.mark.real_time
@pytest.mark.parametrize("kept", [True, False])
def test_introduction_time(limited, kept):
    with limited("--introduction-time", 2 if kept else 0.3).peer() as client:
        if kept:
            client.ask("register", uuid="desk")
            time.sleep(2.1)
            assert client.pings()
        else:
            client.say("ping")
            assert client.hear_out() == 4002


@pytest.mark.parametrize(("size", "code"), [(500, None), (501, 1009)])
@pytest.mark.parametrize("parts", [1, 3])
def test_message_size_unseated(limited, size, code, parts):
    with limited("--message-size-unseated", 500).peer() as client:
        text, step = message(size), size // parts + 1
        client.send(*split(TEXT, *(text[at : at + step] for at in range(0, size, step))))
        if code is None:
            assert client.hear() == {"type": "pong"}
        else:
            assert client.hear_out() == code


@pytest.mark.parametrize(("size", "code"), [(2000, None), (2001, 1009)])
def test_message_size_with_a_seat(limited, size, code):
    target = limited("--message-size-unseated", 500, "--message-size", 2000)
    with target.host() as client:
        target.invite(client)
        client.text(message(size))
        if code is None:
            assert client.hear() == {"type": "pong"}
        else:
            assert client.hear_out() == code


def test_a_registration_alone_is_no_seat(limited):
    with limited("--message-size-unseated", 500, "--message-size", 2000).host() as client:
        client.text(message(501))
        assert client.hear_out() == 1009


def test_a_guest_at_the_door_has_a_seat(limited):
    target = limited("--message-size-unseated", 500, "--message-size", 2000)
    with target.host() as host:
        guest, _, _ = target.pair(host)
        with guest:
            guest.text(message(2000))
            assert guest.hear() == {"type": "pong"}


@pytest.mark.parametrize(("parts", "code"), [(5, None), (6, 1008)])
def test_message_fragments(limited, parts, code):
    with limited("--message-fragments", 5).peer() as client:
        client.send(*split(TEXT, b'{"type":"ping"}', *[b" "] * (parts - 1)))
        if code is None:
            assert client.hear() == {"type": "pong"}
        else:
            assert client.hear_out() == code


@pytest.mark.real_time
@pytest.mark.parametrize(("limit", "code"), [(60, None), (0.3, 1008)])
@pytest.mark.parametrize("cut", ["fragments", "one frame"])
def test_message_time(limited, limit, code, cut):
    with limited("--message-time", limit).host() as client:
        text = b'{"type":"ping"}'
        first, last = split(TEXT, text[:5], text[5:])
        if cut == "one frame":
            whole = frame(TEXT, text)
            first, last = whole[:9], whole[9:]
        client.send(first)
        if code is None:
            time.sleep(0.2)
            client.send(last)
            assert client.hear() == {"type": "pong"}
        else:
            assert client.hear_out() == code


# -- keepalive -------------------------------------------------------------------------------


@pytest.mark.real_time
@pytest.mark.parametrize("kept", [True, False])
def test_ping_interval_and_pong_time(limited, kept):
    target = limited("--ping-interval", 0.3, "--pong-time", 2)
    with target.host() as host:
        guest, session_id, _ = target.pair(host)
        with guest:
            if kept:
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    # Both answer the pings that they find while they read.
                    assert host.pings()
                    assert guest.pings()
                    time.sleep(0.1)
                guest.say("signal", session_id=session_id, data="still here")
                assert host.hear()["data"] == "still here"
            else:
                assert host.hear()["type"] == "peer_offline"


# -- writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False])
def test_outbox_size(limited, kept):
    target = limited("--outbox-size", 100_000, "--write-time", 60)
    with target.host() as host:
        guest, session_id, _ = target.pair(host, "one_time", receive_buffer=4096)
        with guest:
            for number in range(150):
                host.say("signal", session_id=session_id, data=f"{number}" + "x" * 30_000)
                if kept:
                    assert guest.hear("signal")["data"].startswith(f"{number}x")
            if not kept:
                assert host.hear("session_ended")["reason"] == "disconnected"
                assert guest.hear_out() in (4001, None)


@pytest.mark.parametrize("pings", [3, 20])
def test_outbox_messages(limited, pings):
    target = limited("--outbox-size", 8_000_000, "--outbox-messages", 10, "--write-time", 60)
    with target.host() as host:
        guest, session_id, _ = target.pair(host, "one_time", receive_buffer=4096)
        with guest:
            # Behind these nothing leaves any more, so that each answer has to wait.
            for _ in range(100):
                host.say("signal", session_id=session_id, data="x" * 60_000)
            assert host.pings(), "the node has relayed them all"
            guest.send(frame(TEXT, b'{"type":"ping"}') * pings)
            if pings > 10:
                assert host.hear("session_ended")["reason"] == "disconnected"
                assert guest.hear_out() in (4001, None)
            else:
                for _ in range(100):
                    guest.hear("signal")
                assert guest.hear() == {"type": "pong"}


def test_write_time(limited):
    target = limited("--write-time", 0.3, "--outbox-size", 8_000_000)
    with target.host() as host:
        guest, session_id, _ = target.pair(host, "one_time", receive_buffer=4096)
        with guest:
            # Too little for the outbox's bound, too much for the kernel's.
            for _ in range(100):
                host.say("signal", session_id=session_id, data="x" * 60_000)
            assert host.hear("session_ended")["reason"] == "disconnected"
            assert guest.hear_out() in (4001, None)


# -- rates -----------------------------------------------------------------------------------


@pytest.mark.real_time
def test_message_rate_lets_a_burst_pass_and_then_reads_more_slowly(limited):
    with limited("--message-rate", 10, "--message-burst", 40).host() as client:
        began = time.monotonic()
        client.send(frame(TEXT, b'{"type":"ping"}') * 39)
        for _ in range(39):
            assert client.hear() == {"type": "pong"}
        assert time.monotonic() - began < 39 / 10, "which the rate alone would take"
        client.send(frame(TEXT, b'{"type":"ping"}') * 20)
        for _ in range(20):
            assert client.hear() == {"type": "pong"}, "nothing is lost"
        assert time.monotonic() - began > (59 - 40) / 10 * 0.9


def test_message_rate_does_not_stop_keepalives(limited):
    with limited("--message-rate", 20, "--message-burst", 5).host() as client:
        client.send(frame(TEXT, b'{"type":"ping"}') * 30)
        client.send(frame(PING, b"alive"))
        while client.frame() != (PONG, b"alive"):
            pass


@pytest.mark.full("real time")
@pytest.mark.real_time
def test_message_rate_that_is_pressed_for_ten_seconds_is_1008(limited):
    with limited("--message-rate", 5, "--message-burst", 5).host() as client:
        began = time.monotonic()
        with suppress(Gone):
            while time.monotonic() - began < 60:
                client.send(frame(TEXT, b'{"type":"ping"}') * 10, pause=0.1)
        assert 8 < time.monotonic() - began < 60
        assert client.code() in (1008, None), "unless a reset has overtaken it"


def test_message_rate_0_is_no_limit(limited):
    with limited("--message-rate", 0).host() as client:
        began = time.monotonic()
        client.send(frame(TEXT, b'{"type":"ping"}') * 2000)
        for _ in range(2000):
            client.hear()
        assert time.monotonic() - began < (2000 - 200) / 50, "which the default would take"


@pytest.mark.parametrize(("count", "code"), [(10, None), (30, 1008)])
def test_control_rate(limited, count, code):
    with limited("--control-rate", 1, "--control-burst", 10).host() as client:
        client.send(frame(PING, b"p") * count)
        if code is None:
            for _ in range(count):
                assert client.frame() == (PONG, b"p")
            assert client.pings()
        else:
            assert client.code() == code


# -- names and depth, whose bounds are fixed ---------------------------------------------------


@pytest.mark.parametrize(
    ("device", "code"),
    [
        ({"name": "n" * 64, "id": "i" * 128}, "unknown_session"),
        ({"name": "n" * 65, "id": "i"}, "bad_message"),
        ({"name": "n", "id": "i" * 129}, "bad_message"),
    ],
)
def test_string_lengths(limited, device, code):
    with limited().peer() as client:
        answer = refusal(client, "pair_request", session_id="s", token="t", device_info=device)
        assert answer["code"] == code


@pytest.mark.parametrize(("depth", "code"), [(32, "unknown_session"), (33, "bad_message")])
def test_json_depth(limited, depth, code):
    with limited().peer() as client:
        data = json.loads("[" * (depth - 1) + "]" * (depth - 1))
        assert refusal(client, "signal", session_id="s", data=data)["code"] == code
