"""The list of all settings, and the JSON Schema of the config file, read from ``Settings``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from proxim.settings.fields import GROUPS, Settings
from proxim.settings.help import Help, Metavar

_COMMON = frozenset(
    {
        *("host", "port", "lan", "announce", "public_url", "tls_cert", "tls_key"),
        *("approval_timeout", "qr_ttl", "store", "store_key", "access_token", "trusted_proxy"),
        *("stun", "turn", "turn_secret_file", "log_level"),
    }
)


class Setting(NamedTuple):
    """One setting, for the command line, the config file and the documentation."""

    name: str
    group: str
    kind: object
    default: object
    help: Help
    metavar: str
    """The value of its option in the help; empty for a switch."""

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "PROXIM_" + self.name.upper()

    @property
    def is_common(self) -> bool:
        """Whether the short help of a command has it."""
        return self.name in _COMMON

    @property
    def is_switch(self) -> bool:
        """Whether the option takes no value."""
        return self.metavar == ""

    @property
    def is_list(self) -> bool:
        """Whether the option can be repeated; in the environment, commas separate values."""
        return get_origin(get_args(self.kind)[0]) is tuple


def _read_settings() -> Iterator[Setting]:
    hints = get_type_hints(Settings, include_extras=True)
    group = ""
    for field in msgspec.structs.fields(Settings):
        group = GROUPS.get(field.name, group)
        kind = hints[field.name]
        (text,) = (extra for extra in get_args(kind) if isinstance(extra, Help))
        metavars = [extra.name for extra in get_args(kind) if isinstance(extra, Metavar)]
        metavar = metavars[0] if metavars else text.metavar
        yield Setting(field.name, group, kind, field.default, text, metavar)


SETTINGS = tuple(_read_settings())
"""All settings, in the order of the help."""

DEFAULT_URL = f"http://{Settings().host}:{Settings().port}"


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
            kinds = [each for each in property_schema.pop("anyOf", []) if each != {"type": "null"}]
            property_schema.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **body,
        "title": "Settings of a Proxim node",
        "description": "The config file of `proxim serve`, as TOML.",
    }
