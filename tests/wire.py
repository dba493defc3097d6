"""Holds every message on the wire of the tests against the schema that each node serves."""

import json
from functools import cache

from jsonschema import Draft202012Validator

from proxim.protocol import schema


@cache
def validator(name):
    """Return the validator of a definition: ``ClientMessage``, say."""
    whole = json.loads(schema.text())
    del whole["anyOf"]
    return Draft202012Validator(whole | {"$ref": f"#/$defs/{name}"})


_seen = set()


def checked(message, name="NodeMessage"):
    """Return a message of a node, or with "ClientMessage" of a client.

    Fails if the schema does not allow it. Only the first message of each shape is validated, since
    some tests get very many.
    """
    shape = name, _shape(message)
    if shape not in _seen:
        validator(name).validate(message)
        _seen.add(shape)
    return message


def _shape(value, depth=0):
    if isinstance(value, dict) and depth < 3:
        kind = value.get("type")
        return kind, tuple(sorted((key, _shape(each, depth + 1)) for key, each in value.items()))
    return type(value).__name__
