"""A host that knows more devices than the node lets it wait for."""

import logging

from proxim.client.known import TRY_AGAIN, KnownDevices
from tests.client.helpers import until
from tests.client.known import Pair, is_new, next_visit


async def test_host_stops_at_the_first_refusal_and_says_so_once(serve, wire, caplog, monkeypatch):
    passes = []

    async def counted(self, **options):
        passes.append(await open_missing(self, **options))
        return passes[-1]

    pairs = [Pair(wire.url) for _ in range(4)]
    for pair in pairs:
        pair.devices = pairs[0].devices
    async with pairs[0].host() as host:
        for pair in pairs:
            await pair.remember(host)
    await wire.cut()
    wire.node = await serve(standing_per_owner=2)
    await wire.mend()
    open_missing = KnownDevices.open_missing
    monkeypatch.setattr(KnownDevices, "open_missing", counted)
    refused = wire.node.supervisor.stats.refusals
    with caplog.at_level(logging.WARNING, "proxim.client.known"):
        async with pairs[0].host() as host:
            known = host._need_known()
            for _ in range(2):
                async with pairs[0].visiting(host) as (visit, _):
                    await visit.close()
                await until(lambda: sum(map(is_new, known.visits.values())) == 2)
    full = passes.count(TRY_AGAIN)
    # The last one may not have ended.
    assert full >= 2
    assert full <= refused["standing_per_owner"] <= full + 1
    (said,) = caplog.records
    assert "not all known devices can come now" in said.getMessage()


async def test_device_comes_once_another_is_forgotten(serve, wire):
    pairs = [Pair(wire.url) for _ in range(2)]
    pairs[1].devices = pairs[0].devices
    async with pairs[0].host() as host:
        for pair in pairs:
            await pair.remember(host)
        first = min(host.devices(), key=lambda device: device.since)
    await wire.cut()
    wire.node = await serve(standing_per_owner=1)
    await wire.mend()
    async with pairs[0].host() as host:
        assert first.id in host._need_known().visits
        await host.forget(first.id)
        await until(lambda: len(host._known.visits) == 1)
        async with pairs[1].visit():
            assert (await next_visit(host)).device.id != first.id
