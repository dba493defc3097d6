"""The metrics, and that a scrape does not depend on the number of sessions."""

import re
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import wait_all_tasks_blocked

import proxim
from proxim.actors.stats import LIMITS
from proxim.metrics import exposition
from proxim.net.stats import NetStats
from proxim.protocol import messages as wire
from proxim.settings import SETTINGS
from tests.actors.helpers import GUEST, HOST, PERSISTENT, TEMPORARY, Node, crash_at
from tests.net.helpers import MemoryNode, approve, get, open_session


class Shown:
    """The metrics of a node with real sessions and without sockets."""

    def __init__(self, supervisor, net_stats):
        self._from = supervisor, net_stats

    def samples(self):
        families = text_string_to_metric_families(exposition(*self._from))
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }

    def __getitem__(self, key):
        name, *labels = (key,) if isinstance(key, str) else key
        return self.samples().get((f"proxim_{name}", *sorted(labels)), 0)


@pytest.fixture
async def node(nursery):
    node = Node(sweep_interval=30.0, approval_timeout=40.0, qr_ttl=300.0)
    await nursery.start(node.supervisor.run)
    return node


@pytest.fixture
def shown(node):
    return Shown(node.supervisor, NetStats())


async def test_sessions_are_counted_by_type_and_status(autojump_clock, node, shown):
    host = await node.host()
    await node.invites(PERSISTENT, host=host)
    approved = await node.pairs(PERSISTENT, host=host)
    await node.prompts(TEMPORARY, host=host)
    assert shown["sessions", "persistent", "pending"] == 1
    assert shown["sessions", "persistent", "approved"] == 1
    assert shown["sessions", "temporary", "pending"] == 1
    assert (shown["sessions_opened_total", "persistent"], shown["prompts"]) == (2, 1)
    await host.asks(approved.close())
    assert shown["sessions", "persistent", "approved"] == 0
    assert shown["sessions", "persistent", "expired"] == 1
    assert shown["sessions_ended_total", "closed"] == 1
    await trio.sleep(31)
    assert shown["sessions", "persistent", "expired"] == 0


async def test_each_request_to_pair_has_an_outcome(autojump_clock, node, shown):
    await node.pairs()
    rejected = await node.prompts()
    await rejected.host.asks(rejected.decision(approve=False))
    left = await node.prompts()
    await left.leaves(GUEST)
    await left.leaves(HOST)
    contested = await node.pairs()
    await node.connect().asks(contested.pair_request())
    lapsed = await node.invites()
    await node.prompts()
    await trio.sleep(301)
    await lapsed.guest.asks(lapsed.pair_request())
    outcomes = {"approved": 2, "rejected": 1, "timed_out": 2, "contested": 1, "lapsed": 1}
    for outcome, count in outcomes.items():
        assert shown["pairings_total", outcome] == count, outcome


async def test_prompt_without_guest_is_counted_as_withdrawn(autojump_clock, node, shown):
    meeting = await node.prompts()
    await meeting.host.asks(meeting.close())
    assert shown["pairings_total", "withdrawn"] == 1
    assert shown["prompts"] == 0


async def test_prompt_time_and_lateness_are_measured(autojump_clock, node, shown):
    meeting = await node.prompts()
    await trio.sleep(7)
    await meeting.decide()
    assert shown["prompt_seconds_count"] == 1
    assert shown["prompt_seconds_sum"] == pytest.approx(7)
    assert shown["prompt_seconds_bucket", "5.0"] == 0
    assert shown["prompt_seconds_bucket", "10.0"] == 1
    assert shown["expiry_lateness_seconds_count"] == 0
    await node.invites(TEMPORARY, ttl=60.0)
    await trio.sleep(61)
    assert shown["expiry_lateness_seconds_count"] == 1
    assert shown["expiry_lateness_seconds_sum"] == pytest.approx(0, abs=0.1)


async def test_crashed_session_is_no_longer_counted(autojump_clock, node, shown, monkeypatch):
    meeting = await node.prompts()
    crash_at(monkeypatch, meeting.id)
    await meeting.host.asks(wire.RefreshIce(session_id=meeting.id))
    assert shown["actor_crashes_total"] == 1
    assert shown["sessions_ended_total", "internal_error"] == 1
    assert shown["prompts"] == shown["inbox_letters"] == 0
    assert sum(v for key, v in shown.samples().items() if key[0] == "proxim_sessions") == 0


async def test_waiting_requests_are_counted(autojump_clock, node, shown):
    meeting = await node.pairs()
    for _ in range(3):
        await node.router.route(meeting.host, wire.RefreshIce(session_id=meeting.id))
    assert shown["inbox_letters"] == 3
    await wait_all_tasks_blocked()
    assert shown["inbox_letters"] == 0


async def test_bytes_in_backlogs_are_shown(autojump_clock, node, shown):
    meeting = await node.pairs()
    await meeting.leaves(GUEST)
    await meeting.host.signals(meeting.id, 1, 22, 333)
    await wait_all_tasks_blocked()
    assert shown["backlog_bytes"] == 6
    await meeting.returns(GUEST)
    assert shown["backlog_bytes"] == 0
    node.supervisor.terms.backlog_budget.most = 1
    await meeting.leaves(GUEST)
    await meeting.host.signals(meeting.id, 4)
    await wait_all_tasks_blocked()
    assert shown["refusals_total", "max_backlog_bytes"] == 1


async def test_signals_and_connections_are_counted(autojump_clock, nursery):
    memory_node = MemoryNode(nursery)
    shown = Shown(memory_node.supervisor, memory_node.node.net_stats)
    host, guest = await memory_node.client(), await memory_node.client()
    session_id = await approve(host, guest)
    for _ in range(5):
        await host.say("signal", session_id=session_id, data="x" * 100)
        await guest.hear("signal")
    await guest.say("signal", session_id="none", data=1)
    await guest.hear("error")
    # A request that is refused at once does not count.
    assert shown["signals_total"] == 5
    # A string of a hundred letters, with its quotes.
    assert shown["signal_bytes_total"] == 5 * 102
    assert 500 < shown["received_bytes_total"] < 5000
    assert shown["connections"] == shown["connections_opened_total"] == 2
    assert shown["outbox_bytes"] == shown["outboxes_behind"] == 0
    await guest.ws.aclose(1000)
    await trio.sleep(2)
    assert shown["connections"] == 1
    assert shown["connections_closed_total", "1000"] == 1


async def test_refusals_are_counted_by_limit(autojump_clock, nursery):
    memory_node = MemoryNode(nursery, introduction_time=5, head_time=1, max_connections=2)
    shown = Shown(memory_node.supervisor, memory_node.node.net_stats)
    assert (await memory_node.ask(b"GET /")).status == 408
    await memory_node.client()
    await memory_node.client()
    assert (await memory_node.ask(get("/ws"))).status == 426
    stream = memory_node.plug()
    await stream.send_all(
        b"GET /ws HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b"503" in bytes(await stream.receive_some(100))
    await trio.sleep(15)
    assert sum(memory_node.supervisor.stats.refusals.values()) == 4
    assert shown["refusals_total", "head_time"] == 1
    assert shown["refusals_total", "max_connections"] == 1
    assert shown["refusals_total", "introduction_time"] == 2
    assert shown["connections_closed_total", "4002"] == 2


async def test_scrape_reads_no_session(autojump_clock, node, shown, monkeypatch):
    await node.invites()

    def looked(*_):
        raise AssertionError("a scrape walks through the sessions")

    monkeypatch.setattr(node.supervisor, "actors", looked)
    monkeypatch.setattr(node.supervisor, "_actors", None)
    assert shown["sessions", "persistent", "pending"] == 1


async def test_nodes_in_one_process_count_separately(autojump_clock, nursery):
    first, second = MemoryNode(nursery), MemoryNode(nursery)
    await open_session(await first.client())
    assert Shown(first.supervisor, first.node.net_stats)["connections"] == 1
    assert Shown(second.supervisor, second.node.net_stats)["connections"] == 0


def test_every_counted_limit_is_listed():
    package = Path(proxim.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    counted = set(re.findall(r'refusals\["(\w+)"\]', source))
    assert counted <= set(LIMITS)
    assert set(LIMITS) - {setting.name for setting in SETTINGS} == {"inbox", "not_http"}
