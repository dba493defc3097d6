"""Every setting of a node, once: its name, meaning, unit, bounds and default.

``load`` reads the command line, the environment and the config file by what stands here, and
``proxim serve --help`` is made from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from proxim.core.errors import InvalidSetting
from proxim.core.events import Terms

YEAR = 365 * 86_400.0


class About(NamedTuple):
    """What a person should know of a setting."""

    group: str
    meaning: str
    metavar: str


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node is told. Raises ``InvalidSetting`` for what cannot go together."""

    host: Annotated[str, About("Network", "Address to listen on.", "ADDRESS")] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65535),
        About("Network", "Port to listen on; 0 picks a free one.", "PORT"),
    ] = 8765
    lan: Annotated[
        bool, About("Network", "Listen on all addresses, for devices in the same network.", "")
    ] = False
    public_url: Annotated[
        str | None,
        About("Network", "What links begin with, if not the address listened on.", "URL"),
    ] = None
    tls_cert: Annotated[
        str | None, About("TLS", "Certificate chain, a PEM file; needs --tls-key.", "FILE")
    ] = None
    tls_key: Annotated[
        str | None, About("TLS", "Private key, a PEM file; needs --tls-cert.", "FILE")
    ] = None
    approval_timeout: Annotated[
        float,
        Meta(gt=0, le=3600),
        About("Sessions", "How long a person has to approve.", "SECONDS"),
    ] = 40.0
    qr_ttl: Annotated[
        float, Meta(gt=0, le=YEAR), About("Sessions", "How long a link can be used.", "SECONDS")
    ] = 300.0
    one_time_grace: Annotated[
        float,
        Meta(ge=0, le=3600),
        About("Sessions", "How long a side of a one-time session may be away.", "SECONDS"),
    ] = 0.0
    sweep_interval: Annotated[
        float,
        Meta(gt=0, le=3600),
        About("Sessions", "How often ended sessions are dropped from memory.", "SECONDS"),
    ] = 30.0
    access_token: Annotated[
        Annotated[str, Meta(min_length=1, max_length=512)] | None,
        About(
            "Access", "Token that hosts must present to register; without it anybody may.", "TOKEN"
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        About("Logging", "How much is logged: debug, info, warning or error.", "LEVEL"),
    ] = "info"

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidSetting("tls_cert and tls_key go together: give both, or neither")
        if self.lan and self.host != DEFAULT_HOST:
            raise InvalidSetting("lan listens on all addresses: give lan or host, not both")
        if self.public_url is not None:
            _check_url(self.public_url)

    @property
    def terms(self) -> Terms:
        """What of this concerns a session."""
        return Terms(
            approval_timeout=self.approval_timeout,
            qr_ttl=self.qr_ttl,
            one_time_grace=self.one_time_grace,
        )


class Setting(NamedTuple):
    """One setting, as the command line and the documentation need it."""

    name: str
    kind: object
    default: object
    about: About

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
        return self.about.metavar == ""


def _read_settings() -> Iterator[Setting]:
    defaults = msgspec.structs.fields(Settings)
    hints = get_type_hints(Settings, include_extras=True)
    for field in defaults:
        kind = hints[field.name]
        about = next(extra for extra in get_args(kind) if isinstance(extra, About))
        yield Setting(field.name, kind, field.default, about)


SETTINGS = tuple(_read_settings())
"""All settings, in the order of the help."""

DEFAULT_HOST = next(setting.default for setting in SETTINGS if setting.name == "host")
DEFAULT_URL = f"http://{Settings().host}:{Settings().port}"


def load(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """The settings by precedence: flag, environment, config file, default.

    ``flags`` holds what was given on the command line, by name; None means not given. Raises
    ``InvalidSetting`` with the source, the name and what would be right.
    """
    in_file = {} if config is None else _read_file(config)
    values = {}
    for setting in SETTINGS:
        # What comes from a flag or the environment is text; TOML has types of its own.
        if flags.get(setting.name) is not None:
            values[setting.name] = _convert(flags[setting.name], setting, setting.flag)
        elif setting.variable in environ:
            values[setting.name] = _convert(environ[setting.variable], setting, setting.variable)
        elif setting.name in in_file:
            source = f"{config}: {setting.name}"
            values[setting.name] = _convert(in_file[setting.name], setting, source, strict=True)
    return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type


def _convert(value: object, setting: Setting, source: str, *, strict: bool = False) -> object:
    try:
        return msgspec.convert(value, type=setting.kind, strict=strict)
    except msgspec.ValidationError:
        # The access token is a secret, and an error may end up in a log.
        given = "" if setting.name == "access_token" else f", not {value!r}"
        raise InvalidSetting(f"{source} must be {_wanted(setting.kind)}{given}") from None


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


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        if (
            parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and not (parts.query or parts.fragment)
        ):
            return
    except ValueError:
        pass
    raise InvalidSetting(
        f"public_url: {url!r} is no http or https address such as https://node.example"
    )
