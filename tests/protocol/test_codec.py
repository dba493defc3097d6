import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxim.protocol import messages as wire
from proxim.protocol.codec import (
    CLIENT_TYPES,
    Reference,
    decode_client,
    decode_node,
    encode,
    error_message,
    reference_of,
)
from proxim.protocol.errors import BadMessage, PeerOffline, RateLimited

DEEP = "[" * 100_000 + "]" * 100_000


def refusal(frame, decode=decode_client):
    if isinstance(frame, dict | list):
        frame = json.dumps(frame)
    with pytest.raises(BadMessage) as caught:
        decode(frame)
    return str(caught.value)


@pytest.mark.parametrize("frame", ["", "{", "ping", '{"type": "ping"} x', '{"type":NaN}'])
def test_invalid_json_is_refused(frame):
    assert refusal(frame).startswith("not JSON: ")


@pytest.mark.parametrize("frame", [[], [{}], "1", "null", '"ping"', "[" * 100_000])
def test_message_must_be_an_object(frame):
    assert refusal(frame) == "a message is one JSON object with a `type`"


def test_invalid_utf8_is_refused():
    assert refusal(b'{"type":"ping","ref":"\xff"}') == "not UTF-8"


@pytest.mark.parametrize("field", ["data", "unknown"])
def test_too_deep_json_is_refused(field):
    frame = f'{{"type":"signal","session_id":"s","{field}":{DEEP}}}'
    assert refusal(frame) == f"`{field}` is nested too deeply: at most 32 levels"
    assert refusal(frame.encode()) == refusal(frame)


def test_message_itself_is_the_first_of_32_levels():
    frame = '{{"type":"signal","session_id":"s","data":{}{}}}'
    assert decode_client(frame.format("[" * 31, "]" * 31))
    assert refusal(frame.format("[" * 32, "]" * 32)).startswith("`data` is nested too deeply")


def test_too_deep_node_message_is_refused():
    frame = f'{{"type":"signal","session_id":"s","data":{DEEP}}}'
    assert refusal(frame, decode_node) == "the JSON is nested too deeply"
    frame = '{{"type":"signal","session_id":"s","data":{}{}}}'
    assert decode_node(frame.format("[" * 31, "]" * 31))
    # A program that receives it might not be able to decode it: its stack may be deeper by then.
    said = refusal(frame.format("[" * 32, "]" * 32), decode_node)
    assert said == "`data` is nested too deeply: at most 32 levels"


def test_signal_of_a_node_that_is_not_utf8_is_refused():
    assert refusal(b'{"type":"signal","session_id":"s","data":"\xff"}', decode_node) == "not UTF-8"


@pytest.mark.parametrize("field", ["f" * 65, "\u202e", "a b"])
def test_long_unknown_field_is_not_repeated(field):
    frame = json.dumps({"type": "ping", field: 0})[:-2] + "[" * 40 + "]" * 40 + "}"
    assert refusal(frame) == "the JSON is nested too deeply: at most 32 levels"


def test_device_name_is_normalised_but_not_its_id():
    device = {"name": "Zoe\u0308", "id": "e\u0308"}
    asked = {"type": "pair_request", "session_id": "s", "token": "t", "device_info": device}
    heard = decode_client(json.dumps(asked)).device_info
    assert (heard.name, heard.id) == ("Zoë", "e\u0308")


@pytest.mark.parametrize("field", ["name", "id"])
def test_unprintable_device_field_is_refused_by_name(field):
    device = {"name": "n", "id": "i", field: "gpj.\u202eexe"}
    asked = {"type": "pair_request", "session_id": "s", "token": "t", "device_info": device}
    wanted = f"`device_info.{field}` has an invisible or bidirectional character (U+202E)"
    assert refusal(asked) == wanted


def test_name_of_the_host_follows_the_rules_of_device_names():
    opened = {"type": "create_session", "session_type": "one_time"}
    assert decode_client(json.dumps(opened)).host_name is None
    heard = decode_client(json.dumps(opened | {"host_name": "Zoe\u0308"}))
    assert heard.host_name == "Zoë"
    for name, wanted in {
        "gpj.\u202eexe": "`host_name` has an invisible or bidirectional character (U+202E)",
        "\u0958" * 64: "`host_name`: expected `str` of length <= 64",
        "": "`host_name`: expected `str` of length >= 1",
    }.items():
        assert refusal(opened | {"host_name": name}) == wanted


def test_normalised_name_must_stay_within_its_bound():
    # One of the few characters that NFC splits into two.
    device = {"name": "\u0958" * 64, "id": "i"}
    asked = {"type": "pair_request", "session_id": "s", "token": "t", "device_info": device}
    assert refusal(asked) == "`device_info.name`: expected `str` of length <= 64"


WRONG = """
{} -> `type` is missing
{"type":1} -> `type`: expected `str`
{"type":"register"} -> `uuid` is missing
{"type":"signal","session_id":"s"} -> `data` is missing
{"type":"ping","ref":1} -> `ref`: expected `str | null`, got `int`
{"type":"pair_decision","session_id":"s","approve":1} -> `approve`: expected `bool`, got `int`
{"type":"register","uuid":"a desk"} -> `uuid` must be 1 to 64 characters of A-Z a-z 0-9 . _ : -
{"type":"register","uuid":"d","key":"x"} -> `key` must be 22 to 128 base64url characters
ASK} -> `device_info` is missing
ASK,"device_info":[]} -> `device_info`: expected `object`, got `array`
ASK,"device_info":{"name":"n"}} -> `device_info.id` is missing
ASK,"device_info":{"name":"","id":"i"}} -> `device_info.name`: expected `str` of length >= 1
CREATE,"session_type":"daily"} -> `session_type` must be one of: one_time, persistent, temporary
CREATE,"ttl":0} -> `ttl`: expected `float` > 0.0
CREATE,"ttl":1e9} -> `ttl`: expected `float` <= 315360000.0
CREATE,"ttl":"5"} -> `ttl`: expected `float | null`, got `str`
CREATE,"qr":"png"} -> `qr` must be one of: "svg"
CREATE,"confirm":"pin"} -> `confirm` must be one of: "none", "code"
DECIDE,"code":"012"} -> `code` must be a text of three digits, from 100 to 999
DECIDE,"code":"１２３"} -> `code` must be a text of three digits, from 100 to 999
DECIDE,"code":"1234"} -> `code` must be a text of three digits, from 100 to 999
DECIDE,"code":"123\\n"} -> `code` must be a text of three digits, from 100 to 999
DECIDE,"code":123} -> `code`: expected `str | null`, got `int`
CREATE,"token_hash":"x"} -> `token_hash` must be a SHA-256 hash as 43 base64url characters
CREATE,"seal":2} -> `seal` must be one of: 1
CREATE,"seal":"1"} -> `seal`: expected `int | null`, got `str`
DECIDE,"seal":""} -> `seal` must be base64url characters without padding
DECIDE,"seal":"eA=="} -> `seal` must be base64url characters without padding
DECIDE,"seal":1} -> `seal`: expected `str | null`, got `int`
{"type":"pair_ack","session_id":"s"} -> `seal` is missing
"""
STARTS = {
    "ASK": '{"type":"pair_request","session_id":"s","token":"t"',
    "CREATE": '{"type":"create_session","session_type":"temporary"',
    "DECIDE": '{"type":"pair_decision","session_id":"s","approve":true',
}


@pytest.mark.parametrize("line", WRONG.strip().splitlines())
def test_invalid_field_is_named_with_what_is_expected(line):
    for word, start in STARTS.items():
        line = line.replace(word, start)
    frame, text = line.split(" -> ")
    assert refusal(frame) == text


def test_unknown_type_is_refused_with_the_known_types():
    assert refusal({"type": "pong"}) == f"`type` must be one of: {', '.join(CLIENT_TYPES)}"


def test_too_long_text_is_refused_with_its_bound():
    assert refusal({"type": "ping", "ref": "r" * 65}) == "`ref`: expected `str` of length <= 64"
    assert decode_client(json.dumps({"type": "ping", "ref": "r" * 64}))


def test_invalid_node_message_is_named_by_its_path():
    registered = {"type": "registered", "uuid": "desk", "sessions": [{"session_id": 1}]}
    assert refusal(registered, decode_node) == "`sessions[0].session_id`: expected `str`, got `int`"


def test_invalid_value_cannot_look_like_a_path():
    assert refusal({"type": "x - at `$.uuid`"}).startswith("`type` must be one of: ")


def test_unknown_node_message_does_not_list_client_types():
    assert "register, create_session" not in refusal({"type": "news"}, decode_node)


def test_invalid_utf8_in_relayed_data_is_refused():
    assert refusal(b'{"type":"signal","session_id":"s","data":"\xff"}') == "not UTF-8"


def test_unencodable_text_is_a_bad_message():
    assert refusal('{"type":"ping","ref":"\ud800"}')


def test_reason_of_a_later_version_is_taken_for_closed():
    frame = b'{"type":"session_ended","session_id":"a","status":"expired","reason":"later"}'
    assert decode_node(frame).reason == "closed"


def test_unknown_fields_are_ignored():
    assert decode_client('{"new":{"type":"x"},"type":"ping","session_id":1}') == wire.Ping()


def test_last_of_two_equal_fields_counts():
    assert decode_client('{"type":"ping","ref":"a","ref":"b"}') == wire.Ping(ref="b")


FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_data_is_relayed_byte_for_byte(data):
    text = json.dumps(data, indent=1, ensure_ascii=False).encode()
    signal = decode_client(b'{"type":"signal","session_id":"s","data":%s}' % text)
    assert bytes(signal.data) == text
    assert bytes(decode_node(encode(signal)).data) == text


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_every_invalid_frame_is_a_bad_message(frame):
    for decode in (decode_client, decode_node):
        with suppress(BadMessage):
            decode(frame)
    assert isinstance(reference_of(frame), Reference)


@pytest.mark.parametrize(
    ("frame", "address"),
    [
        ('{"type":"x","ref":"r","session_id":"s"}', ("r", "s")),
        ('{"ref":1,"session_id":"s"}', (None, "s")),
        ('{"ref":"r","session_id":[]}', ("r", None)),
        (f'{{"ref":"{"r" * 65}","session_id":"{"s" * 129}"}}', (None, None)),
        (b'{"ref":"\xff","session_id":"s"}', (None, "s")),
        (f'{{"ref":"r","x":{DEEP}}}', (None, None)),
        ("[]", (None, None)),
        ("{", (None, None)),
    ],
)
def test_error_for_an_invalid_frame_carries_its_valid_address(frame, address):
    assert reference_of(frame) == address


def test_error_message_has_the_fields_of_the_refusal():
    bare = json.loads(encode(error_message(PeerOffline("away"))))
    assert bare == {"type": "error", "code": "peer_offline", "message": "away"}
    full = error_message(RateLimited("slow down", session_id="s", retry_after=2.5), "r")
    assert full == wire.Error(
        code="rate_limited", message="slow down", session_id="s", retry_after=2.5, ref="r"
    )


LONGEST_SEALS = {
    1024: '{"type":"pair_request","session_id":"s","token":"t",'
    '"device_info":{"name":"Sealed device","id":"i"},"seal":"SEAL"}',
    256: '{"type":"pair_ack","session_id":"s","seal":"SEAL"}',
    2048: '{"type":"pair_decision","session_id":"s","approve":false,"seal":"SEAL"}',
}


@pytest.mark.parametrize("longest", LONGEST_SEALS)
def test_seal_is_bounded(longest):
    frame = LONGEST_SEALS[longest]
    assert decode_client(frame.replace("SEAL", "s" * longest)).seal == "s" * longest
    too_long = refusal(frame.replace("SEAL", "s" * (longest + 1)))
    assert too_long.startswith("`seal`: expected `str")
    assert too_long.endswith(f"of length <= {longest}")


def test_name_outside_a_seal_is_refused():
    frame = LONGEST_SEALS[1024]
    wanted = '`device_info.name` must be "Sealed device" with `seal`: the name goes into the seal'
    assert refusal(frame.replace("Sealed device", "Zoe's phone")) == wanted
    decode_client(frame.replace('"SEAL"', "null").replace("Sealed device", "Zoe's phone"))
