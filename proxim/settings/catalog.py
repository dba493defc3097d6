"""The list of all settings, read from the fields of ``Settings``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from proxim.settings.fields import GROUPS, Settings
from proxim.settings.help import Help, Metavar


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
