"""Read settings from the command line, the environment and a config file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import msgspec

from proxim.protocol.errors import InvalidSetting
from proxim.redact import quote
from proxim.settings.catalog import SETTINGS, Setting
from proxim.settings.fields import Settings
from proxim.settings.toml import line_of, parse

_KNOWN = {setting.name: setting for setting in SETTINGS}

DEFAULT = "default"
"""The source of a setting that is not set."""


def load(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Return the settings, by precedence: option, environment, config file, default.

    ``flags`` has the options by name; None or an empty tuple means not set. Raises
    ``InvalidSetting`` with the source, the name and the valid values; for a file, with the line.
    """
    return load_with_sources(flags, environ, config)[0]


def load_with_sources(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> tuple[Settings, Mapping[str, str]]:
    """Return what ``load`` does, and each setting's option, variable, file line or ``DEFAULT``."""
    file = None if config is None else _File(config)
    values: dict[str, object] = {}
    sources = dict.fromkeys(_KNOWN, DEFAULT)
    for setting in SETTINGS:
        # Options and variables are text; TOML has types.
        strict = False
        if flags.get(setting.name) not in (None, ()):
            value, source = flags[setting.name], setting.flag
        elif setting.variable in environ:
            given = environ[setting.variable]
            parts = [part for each in given.split(",") if (part := each.strip())]
            value = parts if setting.is_list else given
            source = setting.variable
        elif file is not None and setting.name in file.values:
            value, source, strict = file.values[setting.name], file.source(setting.name), True
        else:
            continue
        values[setting.name] = _convert(value, setting, source, strict=strict)
        sources[setting.name] = source
    return _combine(values, sources), sources


class _File:
    """A TOML file of settings. Raises ``InvalidSetting`` if it is not valid."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidSetting(f"{path}: {error.strerror}") from None
        self.text, self.values = parse(data, path)
        for name, value in self.values.items():
            if name not in _KNOWN:
                raise InvalidSetting(
                    f"{self.source(name)}: there is no such setting; {_hint(name, value)}"
                )

    def source(self, name: str) -> str:
        """Return file, line and name of a key in this file."""
        line = line_of(self.text, name)
        return f"{self.path}:{line}: {name}" if line else f"{self.path}: {name}"


def _hint(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"settings are not in a table: leave out [{name}]"
    close = get_close_matches(name.replace("-", "_").lower(), _KNOWN, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(_KNOWN)}"


def _combine(values: Mapping[str, object], sources: Mapping[str, str]) -> Settings:
    """Return the settings; an error names the sources of the conflicting values."""
    try:
        return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type
    except InvalidSetting as error:
        named = [name for name in values if name in str(error).replace(":", " ").split()]
        origins = ", ".join(sources[name] for name in named)
        raise InvalidSetting(f"{error} ({origins})" if origins else str(error)) from None


def from_code(settings: Settings | None, given: Mapping[str, object]) -> Settings:
    """Return validated settings of a program, given as ``Settings`` or as single settings.

    Raises ``InvalidSetting`` with the name and the valid values, or if both are given.
    """
    if settings is not None and given:
        raise InvalidSetting(f"give Settings or single settings, not both: {', '.join(given)}")
    if settings is not None:
        # The constructor does not check types and bounds.
        given = {name: getattr(settings, name) for name in _KNOWN}
    for name in given.keys() - _KNOWN.keys():
        raise InvalidSetting(f"there is no setting {name!r}; known: {', '.join(_KNOWN)}")
    values = {
        name: _convert(
            os.fspath(value) if isinstance(value, os.PathLike) else value,
            _KNOWN[name],
            name,
            strict=True,
        )
        for name, value in given.items()
    }
    return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type


def _convert(value: object, setting: Setting, source: str, *, strict: bool) -> object:
    # Errors may be logged.
    given = "" if setting.help.is_secret else f", not {quote(value)}"
    for text in value if isinstance(value, list | tuple) else (value,):
        # A line end would break a log line; a lone surrogate cannot be encoded.
        if isinstance(text, str) and not text.isprintable():
            raise InvalidSetting(f"{source} must have only printable characters{given}")
    try:
        return msgspec.convert(value, type=setting.kind, strict=strict)
    except msgspec.ValidationError:
        raise InvalidSetting(f"{source} must be {_describe(setting.kind)}{given}") from None


def _describe(kind: object) -> str:
    """Describe the valid values of a setting."""
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
