"""The JSON Schema of every message (protocol: JSON Schema)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec

from proxim.protocol.messages import PROTOCOL_VERSION, ClientMessage, NodeMessage

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def text() -> str:
    """Return the schema as JSON.

    ``$defs`` has ``ClientMessage``, ``NodeMessage``, and each message under its class's name. The
    schema allows unknown fields, as the protocol does. What depends on two fields at once, such as
    the ``ttl`` of a temporary session, stands in the descriptions only.
    """
    (client, node), definitions = msgspec.json.schema_components((ClientMessage, NodeMessage))
    definitions |= {"ClientMessage": client, "NodeMessage": node}
    whole = {
        "$schema": DIALECT,
        "title": f"Proxim wire protocol, version {PROTOCOL_VERSION}",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("ClientMessage", "NodeMessage")],
        "$defs": definitions,
    }
    return json.dumps(_portable(whole), indent=2) + "\n"


def _portable(value: Any) -> Any:
    """Return a part of the schema without what only Python understands."""
    if isinstance(value, list):
        return [_portable(each) for each in value]
    if not isinstance(value, dict):
        return value
    portable = {key: _portable(each) for key, each in value.items()}
    if isinstance(pattern := portable.get("pattern"), str):
        # ECMA-262 has no \A and \Z, and without its flag `m` these mean the same.
        portable["pattern"] = pattern.replace(r"\A", "^").replace(r"\Z", "$")
    if isinstance(description := portable.get("description"), str):
        portable["description"] = " ".join(description.replace("``", "`").split())
    return portable
