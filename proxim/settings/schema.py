"""The JSON Schema of the config file, generated from the settings."""

from __future__ import annotations

from typing import Any

import msgspec

from proxim.settings.catalog import SETTINGS
from proxim.settings.fields import Settings

_MEANING = "The config file of `proxim serve`, as TOML."
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file; secrets are ``writeOnly``."""
    made = msgspec.json.schema(Settings)
    body = made["$defs"]["Settings"]
    for setting in SETTINGS:
        property_schema = body["properties"][setting.name]
        property_schema["description"] = setting.help.text
        if setting.help.is_secret:
            property_schema["writeOnly"] = True
        # TOML has no null: a file leaves out a setting that is not set.
        if property_schema.get("default", ...) is None:
            del property_schema["default"]
            _without_null(property_schema)
    return {
        "$schema": DIALECT,
        **body,
        "title": "Settings of a Proxim node",
        "description": _MEANING,
    }


def _without_null(property_schema: dict[str, Any]) -> None:
    """Remove null from the types of a property."""
    kinds = [each for each in property_schema.pop("anyOf", []) if each != {"type": "null"}]
    property_schema.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
