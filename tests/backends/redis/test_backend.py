"""Nodes on a coordinator in memory, under a mock clock."""

import re

import pytest
import trio
from msgspec import Raw, structs

from proxim.actors.actor import SAVE_TIMEOUT
from proxim.actors.connection import Owner
from proxim.actors.inbox import Envelope
from proxim.backends.redis import records, write_queue
from proxim.backends.redis.backend import RedisBackend
from proxim.backends.redis.cipher import CannotDecrypt, ClusterCipher
from proxim.backends.redis.heartbeat import SETTLE_TIME
from proxim.backends.redis.records import CoordinatorLost
from proxim.backends.redis.rpc import LeaveSeat, Request
from proxim.metrics import exposition
from proxim.net.stats import NetStats
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import InvalidSetting, RequestError
from proxim.protocol.messages import Reason
from proxim.session.events import ResumeRequested, Role
from proxim.session.seating import RETURN_TIME
from tests.actors.helpers import (
    GUEST,
    HOST,
    ONE_TIME,
    PERSISTENT,
    TEMPORARY,
    Client,
    Meeting,
    Node,
)
from tests.backends.redis.memory_coordinator import Memory, MemoryCoordinator
from tests.sleeping import sleeper

LEASE = 10.0


class Cuttable(MemoryCoordinator):
    """A coordinator that can be unreachable."""

    def __init__(self, memory):
        super().__init__(memory)
        self.is_cut = False

    def __getattribute__(self, name):
        if name in ("heartbeat", "look", "owned_by", "flush", "receive", "members", "leave"):
            return self._or_lost(super().__getattribute__(name))
        return super().__getattribute__(name)

    def _or_lost(self, ask):
        async def asked(*arguments):
            if self.is_cut:
                await trio.sleep(2)
                raise CoordinatorLost("cut")
            return await ask(*arguments)

        return asked


class MemberNode(Node):
    """A cluster node without sockets."""

    def __init__(self, memory, **options):
        self.coordinator = Cuttable(memory)
        super().__init__(make_backend=self._make_backend, connections_per_address=3, **options)
        self.member = self.supervisor.backend
        self.places = self.supervisor.limits.connections
        self.life = trio.CancelScope()

    def _make_backend(self, supervisor):
        about = {"url": "here", "version": "1", "sessions": 0, "draining": False}
        return RedisBackend(
            supervisor,
            self.coordinator,
            cipher=ClusterCipher(None),
            lease=LEASE,
            describe_node=lambda: about,
        )

    async def live(self, *, task_status):
        with self.life:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.supervisor.run)
                await nursery.start(self.member.run)
                task_status.started()
                await trio.sleep_forever()

    def connect(self, address=None):
        return Patient(self.router, address)


class Patient(Client):
    """A client that waits for the answers of other nodes."""

    async def sends(self, message):
        try:
            with trio.fail_after(10):
                await self._router.route(self, message)
        except RequestError as error:
            self.tell(codec.error_message(error, message.ref))
        await trio.sleep(0.1)

    async def asks(self, message):
        await super().asks(message)
        await trio.sleep(0.1)
        return self.told[-1] if self.told else None


@pytest.fixture
async def members(nursery, autojump_clock):
    memory = Memory()
    nodes = [MemberNode(memory) for _ in range(3)]
    for node in nodes:
        await nursery.start(node.live)
    return nodes


async def pairs(at, guest_at, kind=PERSISTENT, ttl=None, **owner):
    meeting = Meeting(at, await at.host(**owner))
    await meeting.open(kind, ttl)
    meeting.guest = guest_at.connect()
    await meeting.ask()
    await meeting.decide()
    await trio.sleep(0.2)
    assert meeting.guest.heard(wire.PairResult)
    return meeting


async def talks(meeting):
    for sender, receiver in ((meeting.host, meeting.guest), (meeting.guest, meeting.host)):
        before = len(receiver.numbers)
        await sender.signals(meeting.id, 1, 2, 3)
        await trio.sleep(0.2)
        assert receiver.numbers[before:] == [1, 2, 3]


async def test_signals_and_a_close_cross_two_nodes(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    await talks(meeting)
    await meeting.host.asks(meeting.close())
    await trio.sleep(0.2)
    assert meeting.guest.endings == [Reason.CLOSED]


async def test_signals_of_two_remote_sides_pass_through_the_sessions_node(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    meeting.host = members[2].connect()
    await meeting.host.registers()
    await trio.sleep(0.5)
    await talks(meeting)
    members[0].coordinator.is_cut = True
    await meeting.guest.signals(meeting.id, 4, 5, 6)
    await trio.sleep(0.5)
    assert meeting.host.numbers[-1] == 3
    members[0].coordinator.is_cut = False
    await trio.sleep(5)
    assert meeting.host.numbers[-3:] == [4, 5, 6]
    await talks(meeting)


async def test_session_of_a_dead_node_is_taken_over(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    members[0].life.cancel()
    await trio.sleep(1)
    host = members[2].connect()
    await host.registers()
    await trio.sleep(5)
    assert host.heard(wire.Error)[0].code == "unavailable"
    assert host.close_code == 1012, "a host without a seat that it was promised has to come again"
    await trio.sleep(LEASE + 1)
    assert meeting.guest.close_code == 1012
    meeting.node, meeting.guest, meeting.host = (
        members[2],
        members[1].connect(),
        members[2].connect(),
    )
    await meeting.guest.asks(meeting.resume())
    await meeting.host.registers()
    await talks(meeting)


async def test_requests_to_other_nodes_are_refused_while_redis_is_unreachable(
    autojump_clock, members
):
    local = await pairs(members[0], members[0])
    across = await pairs(members[0], members[1], key="x" * 43)
    members[0].coordinator.is_cut = True
    await trio.sleep(4)
    await talks(local)
    began = trio.current_time()
    refusal = await local.host.asks(wire.CreateSession(session_type=PERSISTENT))
    assert refusal.code == "unavailable"
    await across.host.signals(across.id, 9)
    assert across.host.told[-1].code == "unavailable"
    assert trio.current_time() - began < 5
    await trio.sleep(LEASE)
    await talks(local)
    refusal = await local.host.asks(wire.RefreshIce(session_id=local.id))
    assert refusal.code == "unavailable"
    members[0].coordinator.is_cut = False
    await trio.sleep(3)
    assert (
        (await local.host.asks(wire.RefreshIce(session_id=local.id))).type == "ice_servers"
        if (hasattr(wire.IceServers, "type"))
        else True
    )
    await talks(local)
    assert across.guest.close_code == 1012


async def test_suspended_node_gives_up_its_sessions(autojump_clock, members):
    meeting = await pairs(members[0], members[0])
    member = members[0].member
    name = member.bus.node
    # As after SIGSTOP: whatever was next runs first.
    member.lease.running_until = trio.current_time()
    await meeting.host.asks(wire.RefreshIce(session_id=meeting.id))
    assert (meeting.host.close_code, meeting.guest.close_code) == (1012, 1012)
    assert members[0].supervisor.actors() == []
    assert member.bus.node != name
    await trio.sleep(LEASE + 1)
    meeting.guest = members[1].connect()
    resumed = await meeting.guest.asks(meeting.resume())
    assert isinstance(resumed, wire.Resumed)


@pytest.fixture
def sleeps(monkeypatch):
    """Has the machine of all nodes sleep for some seconds."""
    return sleeper(monkeypatch)


@pytest.mark.parametrize("first", ["signal", "close", "resume", "create", "deadline"])
async def test_node_that_slept_looks_at_its_lease_before_anything_else(
    autojump_clock, sleeps, members, first
):
    meeting = await pairs(members[0], members[0], TEMPORARY, 600.0)
    name = members[0].member.bus.node
    sleeps(3600 if first == "deadline" else LEASE)
    match first:
        case "signal":
            await meeting.host.signals(meeting.id, 1)
        case "close":
            await meeting.host.sends(meeting.close())
        case "resume":
            assert (await members[0].connect().asks(meeting.resume())).code == "unavailable"
        case "create":
            refusal = await meeting.host.asks(wire.CreateSession(session_type=PERSISTENT))
            assert refusal.code == "unavailable"
    await trio.sleep(2)
    # Other nodes may have these sessions by now, so that nothing is told of them here.
    assert meeting.guest.numbers == []
    assert {role: meeting[role].endings for role in Role} == {HOST: [], GUEST: []}
    assert (meeting.host.close_code, meeting.guest.close_code) == (1012, 1012)
    assert members[0].member.bus.node != name
    assert members[0].member.lease.is_connected
    answer = await members[1].connect().asks(meeting.resume())
    expected = wire.SessionEnded if first == "deadline" else wire.Resumed
    assert isinstance(answer, expected)


async def test_node_that_dozed_for_less_than_its_lease_keeps_its_sessions(
    autojump_clock, sleeps, members
):
    meeting = await pairs(members[0], members[1])
    name = members[0].member.bus.node
    sleeps(LEASE / 2)
    await trio.sleep(2)
    assert members[0].member.bus.node == name
    await talks(meeting)


def refusals(node):
    """What a node did not take from Redis, as its metrics tell it."""
    told = exposition(node.supervisor, NetStats())
    found = re.findall(r'^proxim_cluster_refusals_total{reason="(\w+)"} (.+)$', told, re.MULTILINE)
    assert found
    return {reason: int(float(count)) for reason, count in found if float(count)}


async def test_lost_batch_closes_what_two_nodes_have_with_each_other(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    members[0].member.bus._sent[members[1].member.bus.node] += 1
    await meeting.host.signals(meeting.id, 1)
    await trio.sleep(1)
    assert meeting.guest.close_code == 1012
    assert meeting.guest.numbers == []
    assert meeting.host.heard(wire.PeerOffline)
    assert refusals(members[1]) == {"batch_lost": 1}
    meeting.guest = members[1].connect()
    await meeting.guest.asks(meeting.resume())
    await talks(meeting)


async def test_batch_that_arrives_twice_is_handled_once(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    send = members[0].coordinator._send

    def twice(batch):
        send(batch)
        send(batch)

    members[0].coordinator._send = twice
    await talks(meeting)
    assert refusals(members[1])["batch_repeated"] >= 1


async def test_session_of_a_node_that_leaves_goes_on_at_another(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    await members[0].supervisor.drain()
    await members[0].member.leave()
    await trio.sleep(0.5)
    assert meeting.guest.close_code == 1012
    meeting.node, meeting.guest, meeting.host = (
        members[1],
        members[1].connect(),
        members[2].connect(),
    )
    await meeting.guest.asks(meeting.resume())
    await meeting.host.registers()
    await talks(meeting)
    assert {role: meeting[role].endings for role in Role} == {HOST: [], GUEST: []}


async def test_node_of_another_version_does_not_start_and_one_that_runs_keeps_out(
    autojump_clock, members, monkeypatch, caplog
):
    memory = members[0].coordinator._memory
    here, there = records.LAYOUT, records.LAYOUT + 1
    monkeypatch.setattr(records, "LAYOUT", there)
    newcomer = MemberNode(memory)
    newcomer.coordinator._layout = there
    versions = f"cluster: .* version {here} .* this node version {there}"
    with pytest.raises(InvalidSetting, match=versions):
        await newcomer.member.run()
    # The others have left, and nodes of that version have taken over an empty Redis.
    memory.forget()
    memory.layout = there
    memory.leases["new"] = b"{}", trio.current_time() + 100
    await trio.sleep(LEASE)
    said = f"the node is out of the cluster: the nodes of this cluster use version {there}"
    assert said in caplog.text
    assert {node.member.trouble for node in members} == {"the cluster's Redis does not answer"}


# -- encryption -------------------------------------------------------------------------


def test_sealed_content_opens_only_with_its_key_and_purpose():
    cipher, same, other = ClusterCipher("k" * 32), ClusterCipher("k" * 32), ClusterCipher("o" * 32)
    encrypted = cipher.encrypt(b"content", "batch:a")
    assert b"content" not in encrypted
    assert same.decrypt(encrypted, "batch:a") == b"content"
    assert cipher.encrypt(b"content", "batch:a") != encrypted
    altered = encrypted[:-1] + bytes([encrypted[-1] ^ 1])
    for opener, text, purpose in (
        (other, encrypted, "batch:a"),
        (same, encrypted, "batch:b"),
        (same, altered, "batch:a"),
        (same, b"", "batch:a"),
        (same, encrypted[:20], "batch:a"),
    ):
        with pytest.raises(CannotDecrypt):
            opener.decrypt(text, purpose)


def test_nodes_with_the_same_key_hash_an_address_alike():
    ciphers = [ClusterCipher(key) for key in ("k" * 32, "k" * 32, "o" * 32, None, None)]
    one, same, other, bare, as_bare = [cipher.name_of("192.0.2.1") for cipher in ciphers]
    assert one == same
    assert bare == as_bare
    assert len({one, other, bare, ciphers[0].name_of("192.0.2.2")}) == 4


def test_short_key_is_refused():
    with pytest.raises(InvalidSetting, match="at least 32"):
        ClusterCipher("short")


async def test_session_that_never_changes_is_saved_again(
    autojump_clock, members, monkeypatch, nursery
):
    monkeypatch.setattr(write_queue, "RETENTION_TIME", 30 * 60.0)
    meeting = await pairs(members[0], members[1])
    nursery.start_soon(members[0].member.write_queue.mark_all_forever)
    entry = members[0].coordinator._memory.sessions[meeting.id]
    before = entry.revision
    await trio.sleep(61)
    assert members[0].coordinator._memory.sessions[meeting.id].revision > before
    await talks(meeting)


# -- saved before told ------------------------------------------------------------------------


async def prompts(at, guest_at, kind=PERSISTENT):
    meeting = Meeting(at, await at.host())
    await meeting.open(kind, None)
    meeting.guest = guest_at.connect()
    await meeting.ask()
    await trio.sleep(0.2)
    assert meeting.host.heard(wire.PairPrompt)
    return meeting


@pytest.mark.parametrize("approve", [True, False])
async def test_unsaved_decision_is_not_told(autojump_clock, members, approve):
    meeting = await prompts(members[0], members[0])
    members[0].coordinator.is_cut = True
    await meeting.host.sends(wire.PairDecision(session_id=meeting.id, approve=approve, ref="r"))
    await trio.sleep(5)
    refusal = meeting.host.heard(wire.Error)[0]
    assert (refusal.code, refusal.ref) == ("unavailable", "r")
    assert refusal.retry_after > 0
    await trio.sleep(LEASE + 1)
    assert not meeting.host.heard(wire.PairResult)
    assert not meeting.guest.heard(wire.PairResult)
    # Meanwhile another node, which does not know of the decision, may end the prompt.
    elsewhere = members[1].connect()
    answer = await elsewhere.asks(meeting.resume())
    assert isinstance(answer, wire.SessionEnded)
    assert answer.reason is Reason.DISCONNECTED
    members[0].coordinator.is_cut = False
    await trio.sleep(5)
    assert meeting.host.close_code == 1012
    assert not meeting.host.heard(wire.PairResult)
    assert not meeting.guest.heard(wire.PairResult)
    assert {role: meeting[role].endings for role in Role} == {HOST: [], GUEST: []}


@pytest.mark.parametrize("approve", [True, False])
async def test_decision_is_told_once_it_is_saved(autojump_clock, members, approve):
    meeting = await prompts(members[0], members[0])
    members[0].coordinator.is_cut = True
    await meeting.host.sends(wire.PairDecision(session_id=meeting.id, approve=approve))
    await trio.sleep(4)
    assert meeting.host.heard(wire.Error)[0].code == "unavailable"
    members[0].coordinator.is_cut = False
    await trio.sleep(3)
    status = "approved" if approve else "rejected"
    for side in (meeting.host, meeting.guest):
        assert [each.status for each in side.heard(wire.PairResult)] == [status]


async def test_guest_at_another_node_that_was_refused_holds_no_seat(autojump_clock, members):
    meeting = Meeting(members[0], await members[0].host())
    await meeting.open(ONE_TIME, None)
    meeting.guest = members[1].connect()
    coordinator = members[0].coordinator
    flush = coordinator.flush

    async def flush_late(node, saves, *more):
        if saves:
            vars(coordinator).pop("flush", None)
            await trio.sleep(SAVE_TIMEOUT + 0.2)
        return await flush(node, saves, *more)

    coordinator.flush = flush_late
    await meeting.guest.asks(meeting.pair_request())
    await trio.sleep(5)
    assert [error.code for error in meeting.guest.heard(wire.Error)] == ["unavailable"]
    assert set(meeting.actor.seats) == {HOST}
    assert meeting.host.endings == [Reason.DISCONNECTED], "as if the guest had left at once"


async def test_unsaved_close_does_not_end_the_session(autojump_clock, members):
    meeting = await pairs(members[0], members[0])
    members[0].coordinator.is_cut = True
    await meeting.host.sends(meeting.close())
    await trio.sleep(LEASE + 4)
    assert meeting.host.endings == []
    assert meeting.host.heard(wire.Error)[-1].code == "unavailable"
    guest = members[1].connect()
    resumed = await guest.asks(meeting.resume())
    assert resumed.session.status == "approved"


async def test_other_requests_are_answered_while_a_decision_waits_to_be_saved(
    autojump_clock, members
):
    meeting = await prompts(members[0], members[0])
    members[0].coordinator.is_cut = True
    await meeting.host.sends(wire.PairDecision(session_id=meeting.id, approve=True))
    await meeting.host.sends(wire.RefreshIce(session_id=meeting.id, ref="asked"))
    await trio.sleep(4)
    codes = {error.ref: error.code for error in meeting.host.heard(wire.Error)}
    assert codes["asked"] == "unavailable"


async def test_decision_is_refused_while_redis_is_unreachable(autojump_clock, members):
    meeting = await prompts(members[0], members[0])
    members[0].coordinator.is_cut = True
    await trio.sleep(4)
    await meeting.host.asks(wire.PairDecision(session_id=meeting.id, approve=True))
    assert meeting.host.told[-1].code == "unavailable"
    members[0].coordinator.is_cut = False
    await trio.sleep(3)
    assert not meeting.host.heard(wire.PairResult)
    await meeting.host.asks(wire.PairDecision(session_id=meeting.id, approve=False))
    assert meeting.guest.endings == [Reason.REJECTED]


async def test_timeout_is_told_even_if_it_cannot_be_saved(autojump_clock, members):
    meeting = await prompts(members[0], members[0])
    asked_at = meeting.host.when(wire.PairPrompt)[0]
    members[0].coordinator.is_cut = True
    await trio.sleep(45)
    for side in (meeting.host, meeting.guest):
        assert side.endings == [Reason.APPROVAL_TIMEOUT]
        assert side.when(wire.SessionEnded)[0] - asked_at < 44


async def test_end_that_another_node_would_not_see_is_not_told_before_it_is_saved(
    autojump_clock, members
):
    first, second, third = members
    meeting = await pairs(first, first, ONE_TIME)
    await first.supervisor.drain()
    await first.member.leave()
    first.life.cancel()

    # The second node takes the session over, and then can save nothing more.
    flush = second.coordinator.flush

    async def flush_and_be_cut(*arguments):
        lost = await flush(*arguments)
        second.coordinator.is_cut = True
        return lost

    second.coordinator.flush = flush_and_be_cut
    host = second.connect()
    await host.registers()
    del second.coordinator.flush
    await trio.sleep(LEASE + RETURN_TIME + 1)
    assert host.endings == []
    # No client was told an end, so there is none; this node waits for both sides again.
    guest = third.connect()
    assert (await guest.asks(meeting.resume())).session.status == "approved"
    second.coordinator.is_cut = False
    await trio.sleep(5)
    assert host.endings == []
    assert host.close_code == 1012


async def test_node_that_stops_without_redis_does_not_end_approved_sessions(
    autojump_clock, members
):
    meeting = await pairs(members[0], members[0])
    members[0].coordinator.is_cut = True
    await trio.sleep(4)
    await members[0].supervisor.drain()
    await members[0].member.leave()
    members[0].life.cancel()
    assert {role: meeting[role].endings for role in Role} == {HOST: [], GUEST: []}
    await trio.sleep(LEASE)
    guest = members[1].connect()
    assert (await guest.asks(meeting.resume())).session.status == "approved"


async def test_node_that_stops_without_redis_does_not_tell_an_unsaved_end(autojump_clock, members):
    meeting = Meeting(members[0], await members[0].host())
    await meeting.open(PERSISTENT, None)
    members[0].coordinator.is_cut = True
    began = trio.current_time()
    await members[0].supervisor.drain()
    assert trio.current_time() - began < SAVE_TIMEOUT + 1, (
        "the drain of other sessions must not wait longer"
    )
    await members[0].member.leave()
    members[0].life.cancel()
    assert meeting.host.endings == []
    await trio.sleep(LEASE)
    host = members[1].connect()
    await host.registers()
    await trio.sleep(1)
    (session,) = host.heard(wire.Registered)[0].sessions
    assert session.status == "pending"
    assert host.endings == []


async def test_unsaved_decision_does_not_delay_the_drain(autojump_clock, members):
    meeting = await prompts(members[0], members[0])
    members[0].coordinator.is_cut = True
    await meeting.host.sends(wire.PairDecision(session_id=meeting.id, approve=False))
    began = trio.current_time()
    await members[0].supervisor.drain()
    assert trio.current_time() - began < SAVE_TIMEOUT + 1
    assert {role: meeting[role].endings for role in Role} == {HOST: [], GUEST: []}


@pytest.mark.parametrize("silent_for", [0, 4])
async def test_guest_gets_no_new_resume_token_while_redis_is_silent(
    autojump_clock, members, silent_for
):
    meeting = await pairs(members[0], members[0])
    members[0].coordinator.is_cut = True
    await trio.sleep(silent_for)
    assert (await meeting.returns(GUEST)).heard(wire.Resumed)[0].resume_token == wire.UNSET
    members[0].coordinator.is_cut = False
    await trio.sleep(4)
    assert (await meeting.returns(GUEST)).heard(wire.Resumed)[0].resume_token != wire.UNSET


async def test_told_resume_token_works_at_the_node_that_takes_the_session_over(
    autojump_clock, members
):
    meeting = await pairs(members[0], members[0])
    await trio.sleep(1)
    members[0].coordinator.is_cut = True
    resumed = (await meeting.returns(GUEST)).heard(wire.Resumed)[0]
    meeting.resume_token = resumed.resume_token or meeting.resume_token
    members[0].life.cancel()
    await trio.sleep(LEASE + 1)
    assert isinstance(await members[1].connect().asks(meeting.resume()), wire.Resumed)


async def test_a_guest_that_resumes_where_it_is_tells_a_host_elsewhere_nothing(
    autojump_clock, members
):
    meeting = await pairs(members[0], members[1])
    told = list(meeting.host.told)
    assert isinstance(await meeting.guest.asks(meeting.resume()), wire.Resumed)
    await trio.sleep(1)
    assert meeting.host.told == told


async def test_reuse_of_a_resume_token_is_told_only_once_it_is_saved(autojump_clock, members):
    meeting = await pairs(members[0], members[0])
    first = meeting.resume_token
    for _ in range(2):
        resumed = (await meeting.returns(GUEST)).heard(wire.Resumed)[0]
        meeting.resume_token = resumed.resume_token
    members[0].coordinator.is_cut = True
    meeting.resume_token = first
    thief = members[0].connect()
    thief.patience = SAVE_TIMEOUT + 1
    await thief.sends(meeting.resume())
    assert thief.told[-1].code == "unavailable"
    assert meeting.host.endings == []
    members[0].coordinator.is_cut = False
    await trio.sleep(4)
    assert meeting.host.endings == meeting.guest.endings == [Reason.TOKEN_REUSED]


# -- messages that come again ----------------------------------------------------------------


@pytest.fixture
def heard(members, monkeypatch):
    """All requests that the first node gets from others; decisions get no further."""
    remote, requests = members[0].member.remote_connections, []
    receive = remote.receive

    def hold(sender, message):
        if isinstance(message, Request):
            requests.append((sender, message))
            if message.event == "HostDecided":
                return
        receive(sender, message)

    monkeypatch.setattr(remote, "receive", hold)
    return requests, receive


async def test_decision_answers_no_prompt_but_its_own(autojump_clock, members, heard):
    requests, receive = heard
    meeting = Meeting(members[0], await members[0].host())
    await meeting.open(PERSISTENT, None)
    meeting.host.close()
    meeting.host = members[1].connect()
    await meeting.host.registers()
    meeting.guest = members[0].connect()
    await meeting.ask()
    await trio.sleep(0.5)
    await meeting.host.sends(meeting.decision())
    await trio.sleep(0.5)
    assert [request.event for _, request in requests] == ["HostJoined", "HostDecided"]
    # The decision was withheld. The host comes again, and has not decided yet.
    meeting.host.close()
    meeting.host = members[1].connect()
    await meeting.host.registers()
    await trio.sleep(0.5)
    assert meeting.host.heard(wire.PairPrompt)
    (sender, joined), (_, decision) = requests[:2]
    at = meeting.actor.seats[HOST].connection
    for request in (structs.replace(decision, seat_number=at.seat_number), joined, decision):
        receive(sender, request)
        await trio.sleep(0.5)
        assert meeting.guest.heard(wire.PairResult) == []
        assert meeting.actor.session.status == "pending"
    assert refusals(members[0]).keys() == {"request_outdated"}
    # What answers the prompt that the seat has is done.
    await members[1].connect().registers()
    await trio.sleep(0.5)
    at = meeting.actor.seats[HOST].connection
    receive(sender, structs.replace(decision, seat_number=at.seat_number, prompt_id=at.prompt_id))
    await trio.sleep(0.5)
    assert [each.status for each in meeting.guest.heard(wire.PairResult)] == ["approved"]


@pytest.mark.parametrize("event", ["HostJoined", "CloseRequested"])
async def test_owner_alone_comes_as_the_host_from_another_node(
    autojump_clock, members, heard, event
):
    _, receive = heard
    meeting = await pairs(members[0], members[1])
    fields = Raw(b'{"sender":null}')
    stranger = Owner("desk", b"x" * 32)
    sender = members[2].member.bus.node
    epoch = members[0].member.write_queue.epoch(meeting.id)
    receive(
        sender,
        Request(
            seat_number=1, session_id=meeting.id, request_number=1, epoch=epoch, event=event,
            fields=fields, owner=stranger,
        ),
    )  # fmt: skip
    await trio.sleep(0.5)
    assert not meeting.host.closed
    await talks(meeting)


@pytest.mark.parametrize(
    "body",
    [b"x", b"{}", b"[" * 9999, b'{"sender":"\xff"}', b'{"sender":"a","number":1,"messages":[1]}'],
)
async def test_batch_that_is_none_harms_nobody(autojump_clock, members, caplog, body):
    meeting = await pairs(members[0], members[1])
    for _ in range(3):
        members[0].member.bus.receive(body)
    # Whoever writes to Redis cannot fill the log.
    assert caplog.text.count("a batch of another node cannot be read") == 1
    assert refusals(members[0]) == {"batch_unreadable": 3}
    await talks(meeting)
    await trio.sleep(60)
    members[0].member.bus.receive(body)
    assert caplog.text.count("a batch of another node cannot be read") == 2


async def test_batches_of_a_node_that_was_taken_for_dead_are_not_handled_again(
    autojump_clock, members, monkeypatch
):
    meeting = await pairs(members[0], members[1])
    here, there = members[0].member.bus, members[1].member.bus.node
    bodies = []
    send = members[1].coordinator._send
    monkeypatch.setattr(
        members[1].coordinator, "_send", lambda batch: (bodies.append(batch), send(batch))
    )
    await talks(meeting)
    assert bodies
    del members[0].coordinator._memory.leases[there]
    await trio.sleep(2)
    assert members[1].member.bus.node != there
    handled = []
    monkeypatch.setattr(here, "_handle", lambda *each: handled.append(each))
    for batch in bodies:
        MemoryCoordinator._send(members[0].coordinator, batch)
    await trio.sleep(2)
    assert handled == []


async def test_node_that_could_not_join_comes_back_under_yet_another_id(autojump_clock, members):
    member, memory = members[0].member, members[0].coordinator._memory
    first = member.bus.node
    meeting = await pairs(members[0], members[1])

    async def fail(*arguments):
        raise CoordinatorLost("cut")

    members[0].coordinator.flush = fail
    del memory.leases[first]
    await trio.sleep(0.7)
    second = member.bus.node
    await trio.sleep(0.7)
    del members[0].coordinator.flush
    await trio.sleep(2)
    assert len({first, second, member.bus.node}) == 3
    meeting.guest = members[1].connect()
    await meeting.guest.asks(meeting.resume())
    await meeting.host.registers()
    await talks(meeting)


async def test_session_that_a_node_has_ended_is_not_taken_back(autojump_clock, members):
    meeting = await pairs(members[0], members[0])
    sessions = members[0].coordinator._memory.sessions
    kept = sessions[meeting.id]
    await meeting.host.asks(meeting.close())
    await trio.sleep(61)
    assert sessions[meeting.id].snapshot == b""
    for _ in range(3):
        sessions[meeting.id] = kept
        for node in members[:2]:
            answer = await node.connect().asks(meeting.resume())
            assert answer.code in ("unavailable", "unknown_session")
        await trio.sleep(1)
        assert sessions[meeting.id].snapshot == b""


async def test_two_nodes_that_take_a_session_over_at_once_agree(autojump_clock, members, nursery):
    meeting = await pairs(members[0], members[0])
    members[0].life.cancel()
    await trio.sleep(LEASE + 1)
    guests = [node.connect() for node in members[1:]]
    async with trio.open_nursery() as asking:
        for guest in guests:
            asking.start_soon(guest.sends, meeting.resume())
    await trio.sleep(1)
    assert [len(guest.heard(wire.Resumed)) for guest in guests] == [1, 1]
    owners = [node for node in members[1:] if node.supervisor.find(meeting.id)]
    assert len(owners) == 1
    assert [guest.closed for guest in guests].count(True) == 1, "the later guest has the seat"


# -- a seat that changes hands ---------------------------------------------------------------


async def test_seat_left_at_another_node_can_be_taken_at_once(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    old, meeting.guest = meeting.guest, members[0].connect()
    (far,) = members[0].member.remote_connections._connections.values()
    # The remote side leaves, and a local one comes, before the actor has its turn.
    members[0].member.remote_connections.receive(
        members[1].member.bus.node, LeaveSeat(seat_number=far.seat_number)
    )
    await meeting.guest.asks(meeting.resume())
    assert old.closed is False
    assert members[0].supervisor.crashes == 0
    await talks(meeting)


async def test_line_to_another_node_stays_closed_while_redis_is_silent(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    members[0].coordinator.is_cut = True
    await trio.sleep(5)
    for request in (None, wire.RefreshIce(session_id=meeting.id)):
        if request is not None:
            await meeting.host.sends(request)
        before = len(meeting.host.heard(wire.Error))
        await meeting.host.signals(meeting.id, 1)
        errors = meeting.host.heard(wire.Error)
        assert [error.code for error in errors[before:]] == ["unavailable"]


async def test_expired_line_is_not_extended_under_a_waiting_signal(autojump_clock, members):
    meeting = await pairs(members[0], members[0])
    seat = meeting.actor.seats[HOST]
    seat.line_until = trio.current_time()
    await trio.sleep(LEASE / 2)
    assert seat.line_until < trio.current_time()
    await talks(meeting)
    assert seat.line_until > trio.current_time()


async def test_closed_connection_takes_no_seat_at_another_node(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    late = members[2].connect()
    remote = await members[2].member.find(meeting.id)
    late.close(1012)
    receipt = remote.ask(Envelope(ResumeRequested(meeting.resume_token), late))
    await receipt.wait()
    await trio.sleep(0.2)
    assert not meeting.guest.closed
    await talks(meeting)


async def test_signal_lost_on_its_way_to_a_remote_side_closes_that_side(autojump_clock, members):
    meeting = await pairs(members[0], members[1])
    meeting.host = members[2].connect()
    await meeting.host.registers()
    await trio.sleep(0.5)
    await talks(meeting)
    members[0].member.bus._sent[members[2].member.bus.node] += 1
    await meeting.guest.signals(meeting.id, 7)
    await trio.sleep(1)
    assert 7 not in meeting.host.numbers
    assert meeting.host.close_code == 1012
    assert meeting.guest.heard(wire.PeerOffline)


async def test_old_batches_that_arrive_again_change_nothing(autojump_clock, members):
    sent = []
    for node in members:
        node.coordinator._send = lambda batch, send=node.coordinator._send: (
            sent.append(batch) or send(batch)
        )
    meeting = await pairs(members[0], members[1])
    await talks(meeting)
    await meeting.guest.asks(wire.CloseSession(session_id=meeting.id))
    await trio.sleep(1)
    told = [list(side.told) for side in (meeting.host, meeting.guest)]
    assert len(sent) > 5
    for batch in [*sent, *reversed(sent)]:
        MemoryCoordinator._send(members[0].coordinator, batch)
    await trio.sleep(5)
    assert [list(side.told) for side in (meeting.host, meeting.guest)] == told
    assert not meeting.host.closed
    assert not meeting.guest.closed


async def test_deadline_holds_after_a_takeover(autojump_clock, members):
    began = trio.current_time()
    meeting = await pairs(members[0], members[1], TEMPORARY, ttl=60.0)
    members[0].life.cancel()
    await trio.sleep(LEASE + 1)
    assert meeting.guest.close_code == 1012
    meeting.guest = members[2].connect()
    await meeting.guest.asks(meeting.resume())
    await trio.sleep(60)
    assert meeting.guest.endings == [Reason.EXPIRED]
    assert meeting.guest.when(wire.SessionEnded)[0] - began == pytest.approx(60, abs=5)


async def test_sessions_are_written_back_to_an_emptied_redis(autojump_clock, members):
    here, across = [
        await pairs(members[0], members[at], key=key * 43) for at, key in enumerate("hx")
    ]
    members[0].coordinator._memory.forget()
    began, answers = trio.current_time(), set()
    while trio.current_time() < began + 5:
        answer = await members[1].connect().asks(wire.Resume(session_id="none", resume_token="x"))
        answers.add(answer.code if trio.current_time() < began + SETTLE_TIME else "")
        await trio.sleep(0.1)
    assert answers == {"unavailable", ""}, (
        "no session is unknown before all nodes can have written theirs back"
    )
    assert across.guest.close_code == 1012
    across.guest, here.guest = members[2].connect(), members[2].connect()
    for meeting in (across, here):
        assert isinstance(await meeting.guest.asks(meeting.resume()), wire.Resumed)
        await talks(meeting)
    unknown = await members[1].connect().asks(wire.Resume(session_id="none", resume_token="x"))
    assert unknown.code == "unknown_session"
