"""Where settings come from: the command line, the environment, a config file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxim.core.errors import InvalidSetting
from proxim.settings.catalog import SETTINGS, Setting
from proxim.settings.fields import Settings


def load(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """The settings by precedence: flag, environment, config file, default.

    ``flags`` holds what was given on the command line, by name; None or an empty tuple means not
    given. Raises
    ``InvalidSetting`` with the source, the name and what would be right.
    """
    in_file = {} if config is None else _read_file(config)
    values = {}
    for setting in SETTINGS:
        # What comes from a flag or the environment is text; TOML has types of its own.
        if flags.get(setting.name) not in (None, ()):
            values[setting.name] = _convert(flags[setting.name], setting, setting.flag)
        elif setting.variable in environ:
            given = environ[setting.variable]
            value = _separate(given) if setting.is_list else given
            values[setting.name] = _convert(value, setting, setting.variable)
        elif setting.name in in_file:
            source = f"{config}: {setting.name}"
            values[setting.name] = _convert(in_file[setting.name], setting, source, strict=True)
    return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type


def _convert(value: object, setting: Setting, source: str, *, strict: bool = False) -> object:
    try:
        return msgspec.convert(value, type=setting.kind, strict=strict)
    except msgspec.ValidationError:
        # An error may end up in a log.
        given = "" if setting.about.is_secret else f", not {value!r}"
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


def _read_file(path: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSetting(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path}: not TOML: {error}") from None
    known = [setting.name for setting in SETTINGS]
    for name in values:
        if name not in known:
            raise InvalidSetting(f"{path}: there is no setting {name!r}; known: {', '.join(known)}")
    return values
