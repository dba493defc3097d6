"""The JSON Schema says what the decoder accepts."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from proxim.protocol import codec, messages, schema
from proxim.protocol.errors import BadMessage
from tests.wire import checked, validator

HASH = "A" * 43

TEXTS = [
    *("", "x", "desk", "desk\n", "svg", "code", "none", "one_time", "temporary"),
    *("482", "082", "4821", "https://a.example/", "ftp://a.example"),
    *(HASH, HASH + "=", HASH + "\n", "k" * 22, "k" * 21, "x" * 600),
    *("s" * 256, "s" * 257, "s" * 1025, "s" * 2049),
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(-2, 400_000_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(TEXTS),
    st.just({"name": "My phone", "id": "p-1"}),
    st.just({"name": "", "id": "p-1"}),
    st.just({"name": "My phone"}),
)


def test_schema_is_valid_json_schema():
    Draft202012Validator.check_schema(json.loads(schema.text()))


def test_every_message_has_its_definition():
    definitions = json.loads(schema.text())["$defs"]
    for union in (messages.ClientMessage, messages.NodeMessage):
        for struct in get_args(union):
            assert definitions[struct.__name__]["description"]


@pytest.mark.parametrize("struct", get_args(messages.ClientMessage), ids=lambda each: each.__name__)
@settings(max_examples=60)
@given(data=st.data())
def test_schema_allows_what_the_decoder_accepts(struct, data):
    fields = struct.__struct_fields__
    message = {"type": struct.__struct_config__.tag}
    message |= {name: data.draw(VALUES) for name in fields if data.draw(st.booleans())}
    text = json.dumps(message)
    try:
        msgspec.json.decode(text, type=messages.ClientMessage)
        accepted = True
    except msgspec.ValidationError:
        accepted = False
    # In JSON Schema a `$` also matches before a line feed where a validator uses Python's regular
    # expressions; in ECMA-262, which the specification names, it does not.
    if accepted or not any(str(value).endswith("\n") for value in message.values()):
        assert validator("ClientMessage").is_valid(message) == accepted, message


def test_schema_allows_fields_that_it_does_not_know():
    assert validator("ClientMessage").is_valid({"type": "ping", "later": 1})
    assert codec.decode_client('{"type": "ping", "later": 1}')


def test_message_that_the_schema_does_not_allow_is_found():
    with pytest.raises(Exception, match="'pong2'"):
        checked({"type": "pong2"})
    with pytest.raises(BadMessage):
        codec.decode_node('{"type": "pong2"}')


def test_no_pattern_needs_python():
    assert "\\\\A" not in schema.text()
    assert "\\\\Z" not in schema.text()
