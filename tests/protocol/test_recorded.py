"""Version 1 as it was recorded: what clients and nodes have sent is still read, and still written.

``wire-1-client.jsonl`` and ``wire-1-node.jsonl`` have the bytes of messages, one on each line, that
clients and nodes of this version have sent. Lines are added, for a new message say, and never
changed: a program that was written for them is not told of a change.
"""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from proxim.protocol import messages as wire
from proxim.protocol.codec import decode_client, decode_node, encode
from proxim.protocol.errors import REQUEST_ERRORS
from tests.wire import validator

VECTORS = Path(__file__).parent.parent / "vectors"


def recorded(name):
    return (VECTORS / f"wire-1-{name}.jsonl").read_bytes().splitlines()


CLIENT, NODE = recorded("client"), recorded("node")
LINES = [(decode_client, "ClientMessage", line) for line in CLIENT]
LINES += [(decode_node, "NodeMessage", line) for line in NODE]


def holds(decode, line):
    """Return whether a message is read, and written as it was."""
    try:
        return encode(decode(line)) == line
    except msgspec.ValidationError:
        return False


@pytest.mark.parametrize(("decode", "schema", "line"), LINES)
def test_recorded_message_is_read_and_written_as_it_was(decode, schema, line):
    assert encode(decode(line)) == line
    validator(schema).validate(json.loads(line))


@pytest.mark.parametrize(
    ("union", "lines"), [(wire.ClientMessage, CLIENT), (wire.NodeMessage, NODE)]
)
def test_every_message_is_recorded(union, lines):
    told = {json.loads(line)["type"] for line in lines}
    assert told == {kind.__struct_config__.tag for kind in get_args(union)}


def test_every_value_is_recorded():
    told = [json.loads(line) for line in NODE]
    for field, values in {"reason": wire.Reason, "status": wire.Status}.items():
        assert {each[field] for each in told if field in each} == set(values)
    codes = {each["code"] for each in told if each["type"] == "error"}
    assert codes == set(REQUEST_ERRORS)
    asked = [json.loads(line) for line in CLIENT]
    kinds = {each["session_type"] for each in asked if each["type"] == "create_session"}
    assert kinds == set(wire.SessionType)


RESUME = b'{"type":"resume","session_id":"text","resume_token":"text"}'
FIELDS = [("session_id", str), ("resume_token", str)]


@pytest.mark.parametrize(
    ("fields", "is_allowed"),
    [
        (FIELDS, True),
        ([*FIELDS, ("later", str | None, None)], True),
        ([*FIELDS, ("later", str)], False),
        ([("session_id", str), ("token", str)], False),
        ([("session_id", str), ("resume_token", int)], False),
        (FIELDS[:1], False),
    ],
    ids=["same", "optional field", "required field", "renamed", "another type", "removed"],
)
def test_changed_message_is_found_and_an_added_optional_field_is_not(fields, is_allowed):
    assert RESUME in CLIENT
    changed = msgspec.defstruct("Resume", fields, tag="resume", omit_defaults=True)
    assert holds(msgspec.json.Decoder(changed).decode, RESUME) is is_allowed
