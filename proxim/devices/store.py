"""Stores of known devices: the interfaces for applications, and files that only one user reads."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from proxim.devices.record import KnownDevice
from proxim.private_files import check_private
from proxim.protocol.errors import InvalidSetting


class HostGrant(Struct, frozen=True):
    """The grant of one host as the device keeps it; all of it is secret.

    ``name`` is that of the host, ``private`` the device's own key for this host. ``end`` is in
    seconds of the system clock.
    """

    node_url: str
    session_id: str
    name: str
    seed: Annotated[bytes, Meta(min_length=32, max_length=32)]
    host_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    private: Annotated[bytes, Meta(min_length=32, max_length=32)]
    ticket: Annotated[bytes, Meta(min_length=16, max_length=16)]
    end: float
    is_auto: bool = False


class DeviceStore(Protocol):
    """The known devices of a host. When ``save`` returns, they outlive the program."""

    def load(self) -> list[KnownDevice]:
        """Return the devices that were saved last; none before."""
        ...

    def save(self, entries: list[KnownDevice], /) -> None:
        """Replace the devices by these, all or none of them."""
        ...


class GrantStore(Protocol):
    """The grants of a device. When ``save`` returns, they outlive the program."""

    def load(self) -> list[HostGrant]:
        """Return the grants that were saved last; none before."""
        ...

    def save(self, entries: list[HostGrant], /) -> None:
        """Replace the grants by these, all or none of them."""
        ...


_T = TypeVar("_T")


class _Content(Struct, frozen=True):
    """A file's content; ``v`` is the version of its form."""

    v: Literal[1]
    entries: Raw


class _FileStore(Generic[_T]):
    """Keeps entries in a JSON file that only its user can read and write."""

    def __init__(self, path: str | os.PathLike[str], entries: type[list[_T]]) -> None:
        self.path = Path(path)
        self._entries = entries

    def load(self) -> list[_T]:
        """Return the entries of the file; none if there is no file.

        Raises ``InvalidSetting`` if the file is broken, or all users can write it.
        """
        check_private("known devices", self.path)
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=_Content)
            return msgspec.json.decode(content.entries, type=self._entries)
        except FileNotFoundError:
            return []
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidSetting(
                f"known devices: {self.path} is not a file of known devices ({error}): "
                "delete it and pair the devices again"
            ) from None

    def save(self, entries: list[_T], /) -> None:
        """Replace the file by one with these entries, mode 0600. A crash leaves either file."""
        text = msgspec.json.encode(_Content(1, Raw(msgspec.json.encode(entries))))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Files of `mkstemp` have mode 0600 from the start.
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.replace(name, self.path)
            _sync_folder(self.path.parent)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise


def _sync_folder(path: Path) -> None:
    """Return when a power cut no longer brings the former file back, and with it an old ticket."""
    if sys.platform == "win32":
        return  # Windows opens no folders.
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class DeviceFile(_FileStore[KnownDevice]):
    """The known devices of a host, in a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, list[KnownDevice])


class GrantFile(_FileStore[HostGrant]):
    """The grants of a device, in a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, list[HostGrant])
