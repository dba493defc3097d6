"""The records of a host's known devices: each change is stored before it is acted upon."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from msgspec import structs

from proxim.devices import record as records
from proxim.devices.record import Judged, KnownDevice
from proxim.devices.store import DeviceStore, held
from proxim.protocol.errors import NotAllowed
from proxim.sealing.device import Visitor

log = logging.getLogger(__name__)


class DeviceBook:
    """Reads and changes the records in a store, which another program may change, too.

    Its methods raise what the store raises, unless they say that they only try.
    """

    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def load(self) -> list[KnownDevice]:
        """Return the records of the devices that are not forgotten."""
        return [device for device in self._store.load() if not device.is_forgotten]

    def to_close(self) -> list[str]:
        """Return the standing sessions of forgotten devices, which are still to be closed."""
        return [device.session_id for device in self._store.load() if device.is_forgotten]

    def current(self) -> list[KnownDevice]:
        """Return the records without those whose time is over."""
        now = time.time()
        return [record for record in self.load() if now < record.end]

    def try_load(self) -> list[KnownDevice] | None:
        """Return the records; None if the store fails."""
        try:
            return self.load()
        except Exception as error:
            log.error("the known devices cannot be read: %s", error)
            return None

    def judge(self, device_id: str, visitor: Visitor | None, guest_key: bytes) -> Judged | None:
        """Return the verdict about a request, once it is stored; None if the device is unknown."""
        verdicts: list[Judged] = []

        def change(device: KnownDevice) -> KnownDevice:
            verdicts.append(records.judge(device, visitor, guest_key, time.time()))
            return verdicts[0].device

        self._change(device_id, change)
        return verdicts[0] if verdicts else None

    def approve(self, device_id: str, ticket: bytes) -> KnownDevice:
        """Return the record after an approval, with the next ticket, once it is stored.

        Raises ``NotAllowed`` if the device was forgotten.
        """

        def change(device: KnownDevice) -> KnownDevice:
            return records.approve(device, ticket, time.time(), secrets.token_bytes)

        with suppress(ValueError):
            if (record := self._change(device_id, change)) is not None:
                return record
        raise NotAllowed("the device was forgotten in the meantime", session_id=device_id)

    def use(self, device_id: str, ticket: bytes) -> None:
        """Try to store that a device has used a ticket."""
        try:
            self._change(device_id, lambda device: records.use(device, ticket))
        except Exception as error:
            log.warning("the known devices could not be stored: %s", error)

    def rename(self, device_id: str, name: str) -> KnownDevice | None:
        """Give a device another name, and return its record; None if it is not known."""
        return self._change(device_id, lambda device: structs.replace(device, name=name))

    def add(self, record: KnownDevice) -> None:
        """Store a new device."""
        with held(self._store):
            self._store.save([*self._store.load(), record])

    def drop(self, device_id: str, *, is_closed: bool = True) -> bool:
        """Delete the record of a device, and return whether there was one.

        If its standing session is not closed, ``to_close`` has its id from then on.
        """
        with held(self._store):
            devices = self._store.load()
            found = [device for device in devices if device.session_id == device_id]
            left = [device for device in devices if device.session_id != device_id]
            if found and not is_closed:
                left.append(records.forgotten(found[0]))
            if found:
                self._store.save(left)
        return any(not device.is_forgotten for device in found)

    def try_drop(self, device_id: str) -> None:
        """Try to delete the record of a device."""
        try:
            self.drop(device_id)
        except Exception as error:
            log.warning("a known device could not be deleted: %s", error)

    def _change(
        self, device_id: str, change: Callable[[KnownDevice], KnownDevice]
    ) -> KnownDevice | None:
        """Store a changed record, and return it; None if the device is not known."""
        with held(self._store):
            devices = self._store.load()
            for index, device in enumerate(devices):
                if device.session_id == device_id and not device.is_forgotten:
                    changed = devices[index] = change(device)
                    if changed != device:
                        self._store.save(devices)
                    return changed
        return None
