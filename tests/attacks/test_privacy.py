"""Canaries in all that a client says: none may come up where it is nobody's business."""

import hashlib
import json
from base64 import urlsafe_b64encode

import pytest

from tests.attacks.raw import TEXT, frame, head


def canary(name):
    """Text that stands nowhere else, of letters that every field allows."""
    return "canary-" + hashlib.sha256(name.encode()).hexdigest()[:32]


FIELDS = ["uuid", "key", "guest-key", "token", "resume", "name", "id", "sdp", "ice", "ref", "type"]
CANARY = {field: canary(field) for field in [*FIELDS, "header", "path", "query", "cookie", "data"]}
REQUEST = {
    "path": f"/ws?{CANARY['query']}",
    "Origin": None,
    "Cookie": CANARY["cookie"],
    "X_Anything": CANARY["header"],
    "User_Agent": CANARY["header"],
}


def forms(text):
    """As it is, and as somebody might write it."""
    encoded = text.encode()
    return [
        text,
        encoded.hex(),
        urlsafe_b64encode(encoded).decode().rstrip("="),
        repr(encoded)[2:-1],
    ]


def found(text, *, but=()):
    """The canaries that sit in a text."""
    return [
        field
        for field, value in CANARY.items()
        if field not in but and any(form in text for form in forms(value))
    ]


class Ear:
    """A connection all of whose incoming bytes are kept."""

    def __init__(self, node):
        self.raw = node.raw().upgrade(head(**REQUEST))
        self.heard = b""

    def hears(self, kind=None):
        while True:
            opcode, payload = self.raw.frame()
            self.heard += payload
            if opcode == TEXT and kind in (None, json.loads(payload)["type"]):
                return json.loads(payload)

    def says(self, kind, **fields):
        self.raw.say(kind, **fields)
        return self

    def text(self):
        return self.heard.decode()


def hashed(token):
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def meeting(node):
    """A session in which everything is a canary."""
    host, guest, stranger = Ear(node), Ear(node), Ear(node)
    host.says("register", uuid=CANARY["uuid"], key=CANARY["key"], ref=CANARY["ref"])
    host.hears("registered")
    host.says("create_session", session_type="persistent", token_hash=hashed(CANARY["token"]))
    session_id = host.hears("session_created")["session"]["session_id"]
    device = {"name": CANARY["name"], "id": CANARY["id"]}
    guest.says("pair_request", session_id=session_id, token=CANARY["token"], device_info=device)
    pending = guest.hears("pair_pending")
    CANARY["resume"] = pending["resume_token"]
    host.hears("pair_prompt")
    host.says("pair_decision", session_id=session_id, approve=True)
    for side in (host, guest):
        side.hears("pair_result")
    yield host, guest, stranger, session_id
    CANARY["resume"] = canary("resume")
    host.says("close_session", session_id=session_id).hears("session_ended")
    for side in (host, guest, stranger):
        side.raw.socket.close()


def everything_wrong(peer, session_id):
    """Errors of all kinds, each with canaries in what brings it about."""
    wrong = [
        {"type": CANARY["type"]},
        {"type": "register", "uuid": CANARY["uuid"] + " "},
        {"type": "register", "uuid": "u", "key": CANARY["key"] + " "},
        {"type": "signal", "session_id": session_id},
        {"type": "signal", "session_id": session_id, "data": CANARY["data"]},
        {"type": "resume", "session_id": session_id, "resume_token": CANARY["resume"] + "x"},
        {"type": "pair_request", "session_id": session_id, "token": CANARY["token"] + "x",
         "device_info": {"name": CANARY["name"], "id": CANARY["id"]}},
        {"type": "pair_request", "session_id": session_id, "token": CANARY["token"],
         "device_info": {"name": CANARY["name"] + "\x1b", "id": CANARY["id"]}},
        {"type": "close_session", "session_id": session_id},
    ]  # fmt: skip
    for message in wrong:
        peer.raw.text(json.dumps(message))
        peer.hears("error")
    peer.raw.text('{"type":"' + CANARY["data"])
    peer.hears("error")


def relay(host, guest, session_id):
    sdp = f"v=0\r\no=- 1 2 IN IP4 192.0.2.77\r\na=ice-ufrag:{CANARY['sdp']}\r\n"
    ice = f"candidate:1 1 udp 1 192.0.2.78 9 typ host ufrag {CANARY['ice']}"
    for sender, receiver in ((host, guest), (guest, host)):
        for data in ({"sdp": sdp}, {"candidate": ice}):
            sender.says("signal", session_id=session_id, data=data, ref=CANARY["ref"])
            assert receiver.hears("signal")["data"] == data


def test_no_canary_comes_up_in_a_debug_log_or_in_the_metrics(node, meeting):
    host, guest, stranger, session_id = meeting
    relay(host, guest, session_id)
    everything_wrong(stranger, session_id)
    for broken in (
        frame(3, CANARY["data"].encode()),
        frame(TEXT, b"\xff" + CANARY["data"].encode()),
    ):
        victim = Ear(node)
        victim.raw.send(broken)
        assert victim.raw.code() in (1002, 1007)
    for request in (head(path=f"/{CANARY['path']}"), head(Sec_WebSocket_Key=CANARY["header"])):
        with node.raw() as client:
            client.send(request)
            client.rest()
    assert "192.0.2." not in node.log()
    assert session_id not in node.log()
    assert found(node.log()) == []
    assert found(node.metrics()) == []
    assert session_id not in node.metrics()


def test_a_stranger_hears_no_canary_of_the_others(node, meeting):
    host, guest, stranger, session_id = meeting
    relay(host, guest, session_id)
    for message in (
        {"type": "signal", "data": 1},
        {"type": "refresh_ice"},
        {"type": "close_session"},
        {"type": "resume", "resume_token": "x"},
        {"type": "pair_request", "token": "x", "device_info": {"name": "n", "id": "i"}},
    ):
        stranger.raw.text(json.dumps({**message, "session_id": session_id}))
        stranger.hears("error")
    stranger.says("register", uuid=CANARY["uuid"]).hears("registered")
    stranger.says("list_sessions").hears("sessions")
    # The uuid is its own word.
    assert found(stranger.text(), but=["uuid"]) == []


def test_neither_side_hears_the_secrets_of_the_other(node, meeting):
    host, guest, _, session_id = meeting
    everything_wrong_of_host = json.dumps({"type": "signal", "session_id": session_id})
    host.raw.text(everything_wrong_of_host)
    host.hears("error")
    relay(host, guest, session_id)
    assert found(guest.text(), but=["resume", "name", "id", "sdp", "ice"]) == []
    assert found(host.text(), but=["uuid", "name", "id", "sdp", "ice", "ref"]) == []


def test_what_the_node_makes_is_in_no_log_either(node):
    with node.host(uuid="secretive", key="z" * 43) as host:
        guest, session_id, resume = node.pair(host)
        with guest:
            host.ask("refresh_ice", session_id=session_id)
            host.say("close_session", session_id=session_id)
            guest.hear("session_ended")
    for secret in (session_id, resume, "secretive"):
        assert secret not in node.log()
        assert secret not in node.metrics()


def test_the_canaries_would_be_found():
    assert found(f"x {CANARY['sdp']} y") == ["sdp"]
    assert found(CANARY["key"].encode().hex()) == ["key"]
