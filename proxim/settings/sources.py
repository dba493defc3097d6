"""Where settings come from: the command line, the environment, a config file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import msgspec

from proxim.protocol.errors import InvalidSetting
from proxim.redact import quote
from proxim.settings.catalog import SETTINGS, Setting
from proxim.settings.fields import Settings
from proxim.settings.toml import line_of, parse

DEFAULT = "default"
"""The source of what was given nowhere."""


class Sourced(NamedTuple):
    """Settings, and for each by name where it comes from: a flag, a variable, a file, default."""

    settings: Settings
    sources: Mapping[str, str]


def load(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """The settings by precedence: flag, environment, config file, default.

    ``flags`` holds what was given on the command line, by name; None or an empty tuple means not
    given. Raises ``InvalidSetting`` with the source, the name and what would be right; of a file
    it says the line, too.
    """
    return load_with_sources(flags, environ, config).settings


def load_with_sources(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Sourced:
    """As ``load``, with where each comes from."""
    file = None if config is None else _File(config)
    values: dict[str, object] = {}
    sources = dict.fromkeys((setting.name for setting in SETTINGS), DEFAULT)
    for setting in SETTINGS:
        # What comes from a flag or the environment is text; TOML has types of its own.
        strict = False
        if flags.get(setting.name) not in (None, ()):
            value, source = flags[setting.name], setting.flag
        elif setting.variable in environ:
            given = environ[setting.variable]
            value = _separate(given) if setting.is_list else given
            source = setting.variable
        elif file is not None and setting.name in file.values:
            value, source, strict = file.values[setting.name], file.place(setting.name), True
        else:
            continue
        values[setting.name] = _convert(value, setting, source, strict=strict)
        sources[setting.name] = source
    return Sourced(_together(values, sources), sources)


class _File:
    """A TOML file of settings. Raises ``InvalidSetting`` for what it should not be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidSetting(f"{path}: {error.strerror}") from None
        self.text, self.values = parse(data, path)
        known = [setting.name for setting in SETTINGS]
        for name, value in self.values.items():
            if name not in known:
                raise InvalidSetting(
                    f"{self.place(name)}: there is no such setting; {_hint(name, value)}"
                )

    def place(self, name: str) -> str:
        """Where a key of this file stands: file, line and name."""
        line = line_of(self.text, name)
        return f"{self.path}:{line}: {name}" if line else f"{self.path}: {name}"


def _hint(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"settings stand in no table: leave out [{name}]"
    known = [setting.name for setting in SETTINGS]
    close = get_close_matches(name.replace("-", "_").lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _together(values: Mapping[str, object], sources: Mapping[str, str]) -> Settings:
    """The settings of these values; an error about one of them says where it comes from."""
    try:
        return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type
    except InvalidSetting as error:
        named = [name for name in values if name in str(error).replace(":", " ").split()]
        places = ", ".join(sources[name] for name in named)
        raise InvalidSetting(f"{error} ({places})" if places else str(error)) from None


def from_code(settings: Settings | None, given: Mapping[str, object]) -> Settings:
    """The settings of a program: as they are, or single ones by their names.

    Raises ``InvalidSetting`` with the name and what would be right; for both at once, too.
    """
    if settings is not None and given:
        raise InvalidSetting(f"give Settings or single settings, not both: {', '.join(given)}")
    if settings is not None:
        # Their maker did not look at types and bounds.
        given = {setting.name: getattr(settings, setting.name) for setting in SETTINGS}
    known = {setting.name: setting for setting in SETTINGS}
    for name in given.keys() - known.keys():
        raise InvalidSetting(f"there is no setting {name!r}; known: {', '.join(known)}")
    values = {
        name: _convert(_plain(value), known[name], name, strict=True)
        for name, value in given.items()
    }
    return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type


def _plain(value: object) -> object:
    """A path as text, which is what a setting holds."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _convert(value: object, setting: Setting, source: str, *, strict: bool) -> object:
    # An error may end up in a log.
    given = "" if setting.help.is_secret else f", not {quote(value)}"
    for text in value if isinstance(value, list | tuple) else (value,):
        # A line of a log or of a table ends with it; half a character cannot be written at all.
        if isinstance(text, str) and not text.isprintable():
            raise InvalidSetting(f"{source} must be made of characters that can be shown{given}")
    try:
        return msgspec.convert(value, type=setting.kind, strict=strict)
    except msgspec.ValidationError:
        raise InvalidSetting(f"{source} must be {_wanted(setting.kind)}{given}") from None


def _separate(text: str) -> list[str]:
    return [part for each in text.split(",") if (part := each.strip())]


def _wanted(kind: object) -> str:
    """What values a setting takes, in words."""
    match msgspec.inspect.type_info(kind):
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case msgspec.inspect.FloatType(gt=None, ge=least, le=most):
            return f"a number from {least:g} to {most:g}"
        case msgspec.inspect.FloatType(gt=above, le=most):
            return f"a number above {above:g}, at most {most:g}"
        case msgspec.inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case msgspec.inspect.UnionType(types=[msgspec.inspect.StrType(max_length=int(most)), *_]):
            return f"a text of 1 to {most} characters"
        case msgspec.inspect.VarTupleType():
            return "a list of texts"
        case _:
            return "a text"
