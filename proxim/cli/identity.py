"""Who this computer is to a node: a uuid, and the key that proves it."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import uuid
from pathlib import Path

import msgspec
import platformdirs

from proxim.protocol import tokens
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import Key, Uuid


class Identity(msgspec.Struct, frozen=True):
    """A desktop's uuid and its secret key."""

    uuid: Uuid
    key: Key


def default_path() -> Path:
    """Where the identity is kept: in the user's config directory."""
    return platformdirs.user_config_path("proxim") / "identity.json"


def load_identity(path: Path) -> Identity:
    """The identity in a file, made on first use, readable by nobody else (mode 0600).

    Windows has no such modes: there the access list of the folder says who may read it, and that
    of the user's config directory admits the user, the system and administrators.

    Raises ``InvalidSetting`` when the file is there but holds no identity, or cannot be written.
    """
    try:
        if not path.exists():
            _make(path)
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"{path} holds no identity ({error}); remove it to get a new one"
        ) from None


def _make(path: Path) -> None:
    """Put a new identity there, unless another program does so in the same moment."""
    identity = Identity(str(uuid.uuid4()), tokens.encode(secrets.token_bytes(tokens.TOKEN_BYTES)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written elsewhere and then given its name, which only the first to come can take: nobody
        # sees half an identity, and two programs that start together have the same one.
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with open(fresh, "xb", opener=functools.partial(os.open, mode=0o600)) as file:
            file.write(msgspec.json.encode(identity))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink()
    except OSError as error:
        raise InvalidSetting(f"{path}: the identity cannot be kept: {error.strerror}") from None
