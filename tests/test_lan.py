"""Announced nodes, with real multicast on loopback."""

import re
import socket
import sys

import pytest
import trio

from proxim import __version__, lan
from proxim.extras import how_to_install
from proxim.node import Node
from proxim.protocol.errors import InvalidSetting
from proxim.settings import Settings

GROUP = ("224.0.0.251", 5353)
PATIENCE = 60


def missing():
    """Return why multicast does not work on loopback here; None if it does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(1)
        receiver.bind(("", 0))
        here = socket.inet_aton("127.0.0.1")
        try:
            member = socket.inet_aton(GROUP[0]) + here
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
            receiver.sendto(b"proxim", (GROUP[0], receiver.getsockname()[1]))
            receiver.recv(16)
        except OSError as error:
            return f"no multicast on loopback: {error}"
    return ""


@pytest.fixture
def multicast():
    if why := missing():
        pytest.skip(why)


async def seen(wanted):
    """Search until the result is as wanted, and return it."""
    with trio.fail_after(PATIENCE):
        while not wanted(found := await lan.find(0.5)):
            pass
    return found


async def announce_nonsense(*names):
    """Announce services that do not exist and do not answer, until cancelled."""
    zeroconf = pytest.importorskip("zeroconf")
    from zeroconf.const import _CLASS_IN, _FLAGS_AA, _FLAGS_QR_RESPONSE, _TYPE_PTR

    with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as rude:
        while True:
            said = zeroconf.DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
            for name in names:
                to = f"{name}.{lan.SERVICE}"
                pointer = zeroconf.DNSPointer(lan.SERVICE, _TYPE_PTR, _CLASS_IN, 60, to)
                said.add_answer_at_time(pointer, 0)
            rude.send(said)
            await trio.sleep(0.1)


def named(found, name):
    return [each for each in found if each.name == name]


@pytest.mark.real_time
@pytest.mark.full("real time")
async def test_node_is_found_only_while_it_runs(multicast, nursery):
    node = Node(Settings(port=0, announce="Büro.2 (test)"))
    await nursery.start(node.run)
    found = await seen(lambda found: named(found, "Büro.2 (test)"))
    (ours,) = named(found, "Büro.2 (test)")
    assert ours.addresses == ["127.0.0.1"]
    assert ours.port == int(node.url.rpartition(":")[2])
    assert ours.version == __version__
    node.stop()
    await seen(lambda found: not named(found, "Büro.2 (test)"))


def twins(found):
    return [each for each in found if each.name.startswith("Twin")]


@pytest.mark.real_time
@pytest.mark.full("real time")
async def test_second_node_with_a_name_gets_a_number(multicast, nursery):
    nodes = [Node(Settings(port=0, announce="Twin")) for _ in range(2)]
    for count, node in enumerate(nodes, start=1):
        await nursery.start(node.run)
        found = await seen(lambda found, count=count: len(twins(found)) == count)
    assert len({each.name for each in twins(found)}) == 2
    ports = {int(node.url.rpartition(":")[2]) for node in nodes}
    assert {each.port for each in twins(found)} == ports
    for node in nodes:
        node.stop()


@pytest.mark.real_time
@pytest.mark.full("real time")
async def test_stopping_node_withdraws_its_announcement(multicast, nursery):
    from zeroconf import ServiceBrowser, Zeroconf

    node = Node(Settings(port=0, announce="Brief"))
    await nursery.start(node.run)
    names = set()
    # Without a withdrawal, the announcement would be cached for an hour.
    with Zeroconf(interfaces=["127.0.0.1"]) as zeroconf, trio.fail_after(PATIENCE):
        ServiceBrowser(zeroconf, lan.SERVICE, handlers=[lan._collect_in(names)])
        while f"Brief.{lan.SERVICE}" not in names:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.05)
        node.stop()
        while f"Brief.{lan.SERVICE}" in names:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.05)


@pytest.mark.real_time
@pytest.mark.full("real time")
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_node_stops_at_once_while_it_announces_itself(multicast, nursery, after):
    node = Node(Settings(port=0, announce="Hasty"))
    async with trio.open_nursery() as inner:
        await inner.start(node.run)
        await trio.sleep(after)
        node.stop()
        stopped = trio.current_time()
    # To look for nodes of its name takes 1.5 s, and to register half a second.
    assert trio.current_time() - stopped < 1


@pytest.mark.real_time
@pytest.mark.full("real time")
async def test_announcement_has_only_name_address_port_and_version(multicast, nursery):
    from zeroconf import Zeroconf

    node = Node(Settings(port=0, announce="Quiet"))
    await nursery.start(node.run)
    await seen(lambda found: named(found, "Quiet"))

    def ask():
        with Zeroconf(interfaces=["127.0.0.1"]) as zeroconf:
            return zeroconf.get_service_info(lan.SERVICE, f"Quiet.{lan.SERVICE}", 3000)

    info = await trio.to_thread.run_sync(ask)
    assert info.properties == {b"version": __version__.encode()}
    assert socket.gethostname() not in info.server
    node.stop()


async def test_failed_announcement_is_a_warning(nursery, caplog):
    # An address for documentation (RFC 5737), which no machine has.
    nursery.start_soon(lan.announce, "Desk", "192.0.2.1", 1, "0")
    with trio.fail_after(PATIENCE):
        while not caplog.records:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.01)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "cannot announce" in record.getMessage()


async def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    told = re.escape(f"needs the extra lan: {how_to_install('lan')}")
    with pytest.raises(InvalidSetting, match=told):
        await Node(Settings(port=0, announce="Desk")).run()
    with pytest.raises(InvalidSetting, match=told):
        await lan.find(0.1)


@pytest.mark.parametrize("name", ["ü" * 32, "a\nb", "a\u202eb"])
def test_announced_name_is_one_printable_label(name):
    with pytest.raises(InvalidSetting, match=r"^announce: "):
        Settings(announce=name)


@pytest.mark.real_time
@pytest.mark.full("real time")
async def test_invalid_and_stale_names_do_not_delay_others(multicast, nursery):
    await nursery.start(Node(Settings(port=0, announce="sound")).run)
    nursery.start_soon(announce_nonsense, "ev\x1b[31mil", *(f"dead {each}" for each in range(20)))
    await seen(lambda found: named(found, "sound"))
    start = trio.current_time()
    await lan.find(0.5)
    # In sequence, each would take a second.
    assert trio.current_time() - start < 10
    nursery.cancel_scope.cancel()
