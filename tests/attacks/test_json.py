"""Text that is no message, or a strange one: refused, and the connection goes on."""

import json

import pytest

from tests.attacks.raw import BINARY, frame
from tests.attacks.target import Stopwatch

ASK = {"type": "pair_request", "session_id": "s", "token": "t"}


def device(**fields):
    return json.dumps({**ASK, "device_info": {"name": "n", "id": "i", **fields}})


def signal(data):
    return f'{{"type":"signal","session_id":"s","data":{data}}}'


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


BAD = {
    "nothing": "",
    "spaces": " \n\t ",
    "a word": "ping",
    "a string": '"ping"',
    "a number": "1",
    "null": "null",
    "a list": '[{"type":"ping"}]',
    "half": '{"type":',
    "two": '{"type":"ping"}{"type":"ping"}',
    "single quotes": "{'type':'ping'}",
    "a comment": '{"type":"ping"}//',
    "a trailing comma": '{"type":"ping",}',
    "NaN": signal("NaN"),
    "Infinity": signal("[1,-Infinity]"),
    "a byte order mark": '\ufeff{"type":"ping"}',
    "a NUL": '{"type":"ping","ref":"\0"}',
    "a raw line end": '{"type":"ping","ref":"\n"}',
    "half a surrogate pair": '{"type":"ping","ref":"\\ud800"}',
    "half a pair in data": signal('"\\ud800"'),
    "half a pair as a key": signal('{"\\udc00":1}'),
    "a bad escape": '{"type":"ping","ref":"\\x"}',
    "no type": "{}",
    "type null": '{"type":null}',
    "type a list": '{"type":["ping"]}',
    "an unknown type": '{"type":"shutdown"}',
    "a node's message": '{"type":"session_ended","session_id":"s","reason":"closed"}',
    "a constructor": '{"type":"__class__"}',
    "an endless type": '{"type":"' + "x" * 8000 + '"}',
    "a number past all bounds": '{"type":"create_session","session_type":"temporary","ttl":1'
    + "0" * 5000
    + "}",
    "a number of infinite size": '{"type":"create_session","session_type":"temporary","ttl":1e999}',
    "a ttl of nothing": '{"type":"create_session","session_type":"temporary","ttl":0}',
    "a ttl below nothing": '{"type":"create_session","session_type":"temporary","ttl":-1}',
    "a ttl past the calendar": '{"type":"create_session","session_type":"temporary","ttl":1e18}',
    "a ref that is long": '{"type":"ping","ref":"' + "r" * 65 + '"}',
    "a uuid with a line end": '{"type":"register","uuid":"a\\n"}',
    "a uuid of nothing": '{"type":"register","uuid":""}',
    "a uuid that is long": '{"type":"register","uuid":"' + "u" * 65 + '"}',
    "a key that is long": '{"type":"register","uuid":"u","key":"' + "k" * 129 + '"}',
    "a session id that is long": '{"type":"refresh_ice","session_id":"' + "s" * 129 + '"}',
    "a token that is long": json.dumps({**ASK, "token": "t" * 513}),
    "seats that are no list": '{"type":"register","uuid":"u","seats":{}}',
    "approve, almost": '{"type":"pair_decision","session_id":"s","approve":"true"}',
    "deep": nested(4000),
    "deep in a type": '{"type":' + nested(4000) + "}",
    "deep in a ref": '{"type":"ping","ref":' + nested(4000) + "}",
    "deep in an unknown field": '{"type":"ping","x":' + nested(32) + "}",
    "deep in data": signal(nested(32)),
    "deep objects in data": signal('{"a":' * 31 + "{}" + "}" * 31 + ""),
    "deeper than any stack": signal(nested(4000)),
    "a name of nothing": device(name=""),
    "a name that is long": device(name="n" * 65),
    "a name that normalising makes long": device(name="\u0958" * 64),
    "a name that is a number": device(name=1),
    "a name that clears the screen": device(name="\x1b[2J"),
    "a name with a line end": device(name="a\nb"),
    "a name with a C1 control": device(name="a\x9b2J"),
    "a name read backwards": device(name="gpj.\u202eexe"),
    "a name with an isolate": device(name="\u2066a"),
    "a name with a hidden part": device(name="a\u200bb"),
    "a name of private use": device(name="\ue000"),
    "a name with half a pair": device(name="\ud800"),
    "a name that covers the line above": device(name="x" + "\u0334\u0335\u0336" * 20),
    "a name with a line separator": device(name="a\u2028b"),
    "an id of nothing": device(id=""),
    "an id that is long": device(id="i" * 129),
    "an id that acts": device(id="\x1b[1A"),
}  # fmt: skip
assert json.loads(BAD["deep objects in data"])


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_no_message_is_refused_and_the_connection_goes_on(node, text):
    with node.host() as client:
        client.text(text.encode())
        error = client.hear()
        assert (error["type"], error["code"]) == ("error", "bad_message")
        assert error["message"].isprintable()
        assert len(error["message"]) < 400
        assert client.pings()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (device(name="\x1b"), "device_info.name"),
        (device(name="n" * 65), "device_info.name"),
        (device(id="\u202e"), "device_info.id"),
        (device(id="i" * 129), "device_info.id"),
        (signal(nested(32)), "data"),
        (signal(nested(4000)), "data"),
    ],
)
def test_the_field_is_named(node, text, field):
    with node.host() as client:
        client.text(text)
        assert client.hear()["message"].startswith(f"`{field}`")


@pytest.mark.parametrize(
    "text",
    [signal(nested(31)), signal("[" + "[]," * 2000 + "0]"), signal('"' + "[{" * 3000 + '"')],
    ids=["31 deep in data", "side by side", "in a string"],
)
def test_what_is_not_too_deep_is_judged_by_its_sense(node, text):
    with node.host() as client:
        client.text(text)
        assert client.hear()["code"] == "unknown_session"


@pytest.mark.parametrize("payload", [b"", b'{"type":"ping"}', b"\xff" * 8000])
def test_a_binary_frame_is_a_bad_message(node, payload):
    with node.peer() as client:
        client.send(frame(BINARY, payload))
        assert client.hear()["code"] == "bad_message"
        assert client.pings()


ODD = {
    "escapes": '{"\\u0074ype":"\\u0070ing"}',
    "unknown fields": '{"__proto__":{"type":"x"},"constructor":1,"type":"ping","":null}',
    "a field twice": '{"type":"ping","session_id":1,"session_id":[]}',
    "spaces": ' \n\t{ "type" : "ping" }\r\n ',
    "a thousand fields": json.dumps({"type": "ping", **{f"f{n}": n for n in range(500)}}),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_what_is_odd_and_right_is_taken(node, text):
    with node.peer() as client:
        client.text(text)
        assert client.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    "text",
    [
        signal("[" + "[]," * 20_000 + "[]]"),
        signal("[" + '"",' * 20_000 + '""]'),
        signal(('["\\\\\\"[",' * 31 + "0" + "]" * 31 + "")[:60_000]),
        '{"type":"register","uuid":"u","seats":[' + '"s",' * 15_000 + '"s"]}',
        "{" + '"a":1,' * 10_000 + '"type":"ping"}',
        '{"type":"' + "\\u0041" * 10_000 + '"}',
    ],
    ids=["brackets", "strings", "escapes", "seats", "fields", "an escaped type"],
)
def test_the_costliest_texts_of_full_size_hold_up_nobody(node, text):
    with node.host(uuid="costly") as client, node.host(uuid="other", key="o" * 43) as other:
        node.invite(client)  # Who holds a seat may say more.
        for _ in range(5):
            client.text(text)
        with Stopwatch(node) as watch:
            assert other.pings()
        assert watch.seconds < 1
        for _ in range(5):
            client.hear()
