"""The identity of this computer, a uuid and the key that proves it, and the options of a host."""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import functools
import hashlib
import hmac
import os
import secrets
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import msgspec
import platformdirs
from click.core import ParameterSource

from proxim.cli import program
from proxim.cli.words import fitting
from proxim.client import Host, open_host
from proxim.private_files import check_private
from proxim.protocol import tokens
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.fields import Key, Uuid
from proxim.protocol.link import is_loopback

if TYPE_CHECKING:
    from proxim.devices.store import DeviceStore

_PORTS = {"http": 80, "https": 443}


class Identity(msgspec.Struct, frozen=True):
    """The uuid and the secret key of a host, of which no node is told the key itself."""

    uuid: Uuid
    key: Key

    def key_for(self, node: str) -> str:
        """Return the key for the node at a URL.

        A node could otherwise use the key that it is told at another node, and take over the
        sessions of this computer there.
        """
        return tokens.encode(hmac.digest(self.key.encode(), _place_of(node).encode(), "sha256"))


def _place_of(node: str) -> str:
    """Return the URL of a node in one form: with its port, and one name for this computer."""
    parts = urlsplit(node)
    host = "localhost" if is_loopback(node) else (parts.hostname or "").rstrip(".")
    port = parts.port or _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def default_path() -> Path:
    """Return the file of the identity unless the person names another one."""
    return platformdirs.user_config_path("proxim") / "identity.json"


class _IdentityOption(click.Option):
    """The option for the file of the identity, whose help names the path."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the names of the option, and its help."""
        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]}  [default: {default_path()}]")


@dataclasses.dataclass(frozen=True)
class Register:
    """Registers this computer at ``node``, with the options of a host."""

    node: str
    identity: Path | None
    access_token: str | None

    @property
    def path(self) -> Path:
        """The file of the identity."""
        return self.identity or default_path()

    @property
    def devices_path(self) -> Path:
        """The file of the devices that this computer knows as a host at the node."""
        place = hashlib.sha256(_place_of(self.node).encode()).hexdigest()[:16]
        return self.path.with_name(f"{self.path.stem}-devices-{place}.json")

    def __call__(self, devices: DeviceStore | None = None) -> AbstractAsyncContextManager[Host]:
        """Return the manager that connects to the node. Raises what ``load_identity`` raises."""
        me = load_identity(self.path)
        # No seats: other programs with this identity keep their sessions.
        return open_host(
            self.node,
            uuid=me.uuid,
            key=me.key_for(self.node),
            access_token=self.access_token,
            seats=[],
            devices=devices,
        )


def with_host(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a host, and ``register: Register`` in their place."""

    @program.node_option
    @click.option(
        "--identity",
        type=click.Path(path_type=Path),
        envvar="PROXIM_IDENTITY",
        metavar="FILE",
        cls=_IdentityOption,
        help="File with this computer's uuid and key.",
    )
    @click.option(
        "--access-token",
        envvar="PROXIM_ACCESS_TOKEN",
        metavar="TOKEN",
        help="Access token, if the node requires one.",
    )
    @functools.wraps(function)
    def command(node: str, identity: Path | None, access_token: str | None, **options: Any) -> None:
        given_by = click.get_current_context().get_parameter_source("access_token")
        if given_by is ParameterSource.COMMANDLINE:
            text = "all users of this machine can see --access-token in the command line"
            text = fitting(f"Warning: {text}: set PROXIM_ACCESS_TOKEN", sys.stderr)
            click.echo(text, err=True)

        function(register=Register(node, identity, access_token), **options)

    return command


def grants_path() -> Path:
    """Return the file of the hosts that remember this computer: it is beside the identity."""
    identity = os.environ.get("PROXIM_IDENTITY")
    folder = Path(identity).parent if identity else platformdirs.user_config_path("proxim")
    return folder / "grants.json"


def load_identity(path: Path) -> Identity:
    """Return the identity in a file, which is made on first use with mode 0600.

    Windows has no modes: there the access control list of the folder applies. That of the user's
    config directory allows the user, the system and administrators.

    Raises ``InvalidSetting`` if the file has no identity, cannot be written, or if all users of
    this machine can write it.
    """
    try:
        if not path.exists():
            _make(path)
        check_private("identity", path)
        text = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        return msgspec.json.decode(text, type=Identity)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"{path} does not contain an identity ({error}); remove it to get a new one"
        ) from None


def _make(path: Path) -> None:
    """Write a new identity, unless another program does so at the same moment."""
    identity = Identity(str(uuid.uuid4()), tokens.encode(secrets.token_bytes(tokens.TOKEN_BYTES)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A hard link to a complete file: no program reads half an identity, and of two programs
        # that start together only the first can make it.
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with open(temporary, "xb", opener=functools.partial(os.open, mode=0o600)) as file:
            file.write(msgspec.json.encode(identity))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
    except OSError as error:
        raise InvalidSetting(f"{path}: the identity cannot be written: {error.strerror}") from None
