"""What a host does about known devices, for programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from proxim.client.connection import NodeConnection
from proxim.client.denials import Denials
from proxim.client.devices import Device
from proxim.client.names import checked_name
from proxim.client.visit import Visit
from proxim.protocol.errors import UnknownSession

if TYPE_CHECKING:
    from proxim.client.known import KnownDevices
    from proxim.devices.store import DeviceStore


class DeviceHost:
    """Knows devices that its host has remembered. ``Host`` is the whole host."""

    uuid: str
    _connection: NodeConnection
    _node_url: str
    _name: str
    _seats: list[str] | None

    def __init__(self, store: DeviceStore | None) -> None:
        self._store = store
        self._known: KnownDevices | None = None
        self._denials = Denials()

    async def visit(self) -> Visit:
        """Wait for a known device to come, and return its visit. Answer each soon.

        A device that was turned away is told, too: then ``Visit.over`` says why. Raises the error
        that ended the connection.
        """
        return await self._need_known().next_visit()

    async def visits(self) -> AsyncIterator[Visit]:
        """Yield each visit of a known device, until the connection ends."""
        while True:
            yield await self.visit()

    def devices(self) -> list[Device]:
        """Return the known devices, the oldest first. Raises what the store raises."""
        return self._need_known().list()

    async def forget(self, device_id: str) -> None:
        """Forget a known device: it can't come again without a code. A visit of it ends.

        Raises ``UnknownSession`` if no device has the id.
        """
        await self._need_known().forget(device_id)

    async def forget_all(self) -> None:
        """Forget all known devices."""
        # Expired ones, too.
        for record in self._need_known().book.load():
            await self.forget(record.session_id)

    async def rename(self, device_id: str, name: str) -> None:
        """Give a known device another name. The device is not told.

        Raises ``UnknownSession`` if no device has the id, and ``BadMessage`` for a wrong name.
        """
        name = checked_name(name, "the device")
        if self._need_known().book.rename(device_id, name) is None:
            raise UnknownSession("no known device has this id")

    def _need_known(self) -> KnownDevices:
        """Return the known devices; without a store they are in memory only."""
        if self._known is None:
            from proxim.client.known import KnownDevices
            from proxim.client.sealed_host import HostProfile
            from proxim.devices.record import KnownDevice
            from proxim.devices.store import MemoryStore

            store = MemoryStore[KnownDevice]() if self._store is None else self._store
            profile = HostProfile(self._node_url, self.uuid, "", self._name)
            self._known = KnownDevices(self._connection, profile, store, self._seats, self._denials)
        self._known.begin()
        return self._known
