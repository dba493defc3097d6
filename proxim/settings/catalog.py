"""All settings, as the command line, the config file and the documentation need them.

Nothing is said here of any one of them: it is read from the fields of ``Settings``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from proxim.settings.fields import Settings
from proxim.settings.help import Help


class Setting(NamedTuple):
    """One setting, as the command line and the documentation need it."""

    name: str
    kind: object
    default: object
    help: Help

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "PROXIM_" + self.name.upper()

    @property
    def is_switch(self) -> bool:
        """Whether its option takes no value."""
        return self.help.metavar == ""

    @property
    def is_list(self) -> bool:
        """Whether it can be given several times; in the environment, separated by commas."""
        return get_origin(get_args(self.kind)[0]) is tuple


def _read_settings() -> Iterator[Setting]:
    defaults = msgspec.structs.fields(Settings)
    hints = get_type_hints(Settings, include_extras=True)
    for field in defaults:
        kind = hints[field.name]
        (text,) = (extra for extra in get_args(kind) if isinstance(extra, Help))
        yield Setting(field.name, kind, field.default, text)


SETTINGS = tuple(_read_settings())
"""All settings, in the order of the help."""

DEFAULT_URL = f"http://{Settings().host}:{Settings().port}"
