"""Holds every message that a node sends in the tests against the schema that it serves."""

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


def checked(message):
    """Return a node's message. Fails if the schema does not allow it.

    Only the first message of each shape is validated, since some tests get very many.
    """
    shape = _shape(message)
    if shape not in _seen:
        validator("NodeMessage").validate(message)
        _seen.add(shape)
    return message


def _shape(value, depth=0):
    if isinstance(value, dict) and depth < 3:
        kind = value.get("type")
        return kind, tuple(sorted((key, _shape(each, depth + 1)) for key, each in value.items()))
    return type(value).__name__
