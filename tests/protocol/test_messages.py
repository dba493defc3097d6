import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from msgspec import NODEFAULT, Raw
from msgspec.structs import fields

from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.codec import decode_client, decode_node, encode
from proxim.protocol.messages import ClientMessage, NodeMessage, Reason, SessionType, Status

# Every message as the protocol page lists it; a field with "?" is optional.
FROM_CLIENTS = """
register: uuid key? access_token? seats?
create_session: session_type ttl? token_hash? qr? confirm? join_url? seal? host_name? link_ttl? nonce?
renew_link: session_id token_hash? qr? join_url? link_ttl?
pair_decision: session_id approve code? seal?
pair_ack: session_id seal
list_sessions:
close_session: session_id
pair_request: session_id token device_info seal?
pair_cancel: session_id
resume: session_id resume_token
signal: session_id data
refresh_ice: session_id
ping:
"""  # noqa: E501
FROM_THE_NODE = """
welcome: protocol server approval_timeout max_message_bytes features? seal? join_url? boot?
registered: uuid sessions key?
session_created: session pair_within link? token? qr_svg?
link_renewed: session_id pair_within link? token? qr_svg?
sessions: sessions
pair_pending: session_id resume_token expires_in session_type? code? host_name?
pair_prompt: session_id device_info expires_in confirm? seal?
pair_ack: session_id seal
contested: session_id
pair_result: session_id status device_info ice_servers? ice_ttl? seal?
resumed: session host_online ice_servers? expires_in? ice_ttl? resume_token? code? ack? seal? host_name?
signal: session_id data
peer_online: session_id replaced?
peer_offline: session_id
ice_servers: session_id ice_servers ttl
session_ended: session_id status reason
pong:
error: code message session_id? retry_after?
"""  # noqa: E501
DEVICE = wire.DeviceInfo(name="Zoë's phone", id="p-1")
SESSION_OBJECT = """{"session_id":"s","uuid":"desk","session_type":"one_time",
"created_at":"2026-11-22T08:00:00Z","expires_at":null,"status":"pending","device_info":null,
"host_online":true,"guest_online":false}""".replace("\n", "")
SESSION = msgspec.json.decode(SESSION_OBJECT, type=wire.SessionInfo)
EXAMPLES = {
    "session_type": SessionType.TEMPORARY,
    "status": Status.APPROVED,
    "reason": Reason.CLOSED,
    "session": SESSION,
    "sessions": [SESSION],
    "device_info": DEVICE,
    "ice_servers": [wire.IceServer("stun:a"), wire.IceServer(["turn:a", "turn:b"], "u", "c")],
    "data": Raw(b'{"sdp":"v=0"}'),
    "key": "k" * 22,
    "token_hash": "h" * 43,
    "nonce": "n" * 42 + "A",
    "qr": "svg",
    "seats": ["s"],
    "protocol": 1,
    "max_message_bytes": 65536,
    "approve": True,
    "host_online": True,
    "confirm": "code",
    "code": "482",
    "join_url": "https://app.example/pair",
    "features": ["confirm"],
    "replaced": True,
}
OF_A_KIND = {
    wire.CreateSession: {"seal": 1},
    wire.Welcome: {"seal": 1},
    wire.PairRequest: {"device_info": wire.DeviceInfo(name="Sealed device", id="p-1")},
}
SECONDS = {
    "ttl",
    "link_ttl",
    "approval_timeout",
    "pair_within",
    "expires_in",
    "retry_after",
    "ice_ttl",
}
KINDS = [(decode_client, kind) for kind in get_args(ClientMessage)]
KINDS += [(decode_node, kind) for kind in get_args(NodeMessage)]


def example(kind, *, full):
    examples = {**EXAMPLES, **OF_A_KIND.get(kind, {})}
    return kind(
        **{
            field.name: examples.get(field.name, 2.5 if field.name in SECONDS else "text")
            for field in fields(kind)
            if full or field.required
        }
    )


@pytest.mark.parametrize(
    ("union", "page"), [(ClientMessage, FROM_CLIENTS), (NodeMessage, FROM_THE_NODE)]
)
def test_messages_are_those_of_the_protocol(union, page):
    documented = {}
    for line in page.split("\n")[1:-1]:
        kind, _, names = line.partition(":")
        documented[kind] = {*names.split(), "ref?"}
    assert documented == {
        kind.__struct_config__.tag: {
            field.name + ("" if field.default is NODEFAULT else "?") for field in fields(kind)
        }
        for kind in get_args(union)
    }


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("decode", "kind"), KINDS)
def test_every_message_decodes_to_itself(decode, kind, full):
    message = example(kind, full=full)
    assert decode(encode(message)) == message
    assert decode(encode(message).decode()) == message


@pytest.mark.parametrize(("decode", "kind"), KINDS)
def test_unset_fields_are_not_written(decode, kind):
    written = json.loads(encode(example(kind, full=False)))
    assert written.keys() == {"type", *(field.name for field in fields(kind) if field.required)}


def test_session_object_is_written_as_documented():
    assert SESSION.created_at == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert encode(wire.Sessions(sessions=[SESSION])).decode() == (
        f'{{"type":"sessions","sessions":[{SESSION_OBJECT}]}}'
    )


def test_wire_values_are_those_of_the_protocol():
    assert [*SessionType] == ["one_time", "persistent", "temporary"]
    assert [*Status] == ["pending", "approved", "rejected", "expired"]
    reasons = "closed disconnected expired rejected approval_timeout inactive shutdown"
    assert [*Reason] == [*reasons.split(), "internal_error", "token_reused", "idle"]


def test_welcome_says_what_the_node_does_beyond_version_1():
    page = "https://node.example/join"
    welcome = codec.welcome("proxim/1", 40.0, 65536, page, "b" * 22)
    assert (welcome.protocol, welcome.seal, welcome.join_url) == (1, 1, page)
    assert welcome.boot == "b" * 22
    assert set(welcome.features) == {
        *("confirm", "rotate", "join_url", "seal", "link_ttl", "nonce", "pair_cancel")
    }
