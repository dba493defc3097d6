"""Known devices: paired once by a code, they come again without one (sealing: Known devices)."""

import time

import pytest
import trio
import trio.testing
from msgspec import structs

from proxim.client import Notice, Remember, open_guest, open_host, open_visit
from proxim.client.granted import GrantKeeper
from proxim.devices.store import DeviceFile, GrantFile
from proxim.protocol import errors
from proxim.protocol import messages as wire
from tests.client.between import DOWN, Between
from tests.client.helpers import end, hear, until
from tests.client.known import Pair, copy_of, is_waiting, next_visit
from tests.client.sealed import asked, other_than

NOT_REACHED = (errors.HostOffline, errors.TokenUsed)
"""The errors of a device that the host does not know; the node remembers an ended session."""


@pytest.fixture
def pair(node):
    return Pair(node.url)


async def both_speak(visit, guest):
    await visit.send("welcome back")
    await guest.send("here again")
    assert await hear(guest, 1) == ["welcome back"]
    assert await hear(visit, 1) == ["here again"]


async def test_device_that_paired_once_comes_again_by_one_approval(wire, serve, tmp_path):
    """The next day: another node without a disk, and new programs on both sides."""
    pair = Pair(wire.url)
    pair.devices, pair.grants = DeviceFile(tmp_path / "devices"), GrantFile(tmp_path / "grants")
    async with pair.host() as host:
        guest = await pair.remember(host)
    assert (guest.grant.name, guest.grant.node_url) == ("Desk", wire.url)
    await wire.cut()
    wire.node = await serve()
    await wire.mend()
    for _ in range(2):
        async with pair.host() as host:
            async with pair.visit() as guest:
                assert await guest.wait_code() is None
                visit = await next_visit(host)
                prompt = await visit.prompt()
                assert (visit.device.name, visit.confirm, prompt.confirm) == (
                    "My phone",
                    "none",
                    "none",
                )
                assert visit.link is None
                await prompt.approve()
                await guest.approved()
                await both_speak(visit, guest)
                assert host.devices()[0].is_here
                assert list(visit._notices) == list(guest._notices) == []
            assert host.devices()[0].last_seen > host.devices()[0].since


async def test_device_with_the_policy_auto_is_let_in_and_the_program_is_told(pair):
    async with pair.host() as host:
        await pair.remember(host, policy="auto")
        assert pair.grant.is_auto
        async with pair.visit() as guest:
            visit = await next_visit(host)
            await guest.approved()
            assert (visit.status, visit.device.policy) == ("approved", "auto")
            await both_speak(visit, guest)
            await visit.close()
            assert await end(guest) == ("expired", "closed")


async def test_no_device_comes_in_unseen(serve):
    pair = Pair((await serve(approval_timeout=0.5)).url)
    async with pair.host() as host:
        await pair.remember(host, policy="auto")
        async with pair.visit() as guest:
            assert await end(guest) == ("expired", "approval_timeout")
        await is_waiting(host)
        async with pair.visit() as guest:
            visit = await next_visit(host)
            await guest.approved()
            await both_speak(visit, guest)


async def test_device_that_is_declined_may_ask_again(pair):
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visit() as guest:
            visit = await next_visit(host)
            await (await visit.prompt()).decline()
            assert await end(guest) == ("rejected", "rejected")
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_unanswered_prompt_costs_nothing(serve):
    pair = Pair((await serve(approval_timeout=0.5)).url)
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visit() as guest:
            await (await next_visit(host)).prompt()
            assert await end(guest) == ("expired", "approval_timeout")
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_visit_by_a_grant_that_a_later_program_used_last(pair):
    """Each visit replaces the ticket; many of them end in every order."""
    async with pair.host() as host:
        await pair.remember(host)
        for number in range(4):
            async with pair.visiting(host) as (visit, guest):
                if number % 2:
                    await both_speak(visit, guest)
                await (visit if number < 2 else guest).close()
            await is_waiting(host)


async def test_device_that_is_forgotten_without_the_node_is_a_stranger_to_the_next_program(
    wire, tmp_path
):
    pair = Pair(wire.url)
    pair.devices = DeviceFile(tmp_path / "devices")
    async with pair.host() as host:
        await pair.remember(host)
        standing = pair.record.session_id
        await wire.cut(host.sessions.get(standing) or host._known.visits[standing])
        await until(lambda: not host._connection.online)
        await host.forget(standing)
        assert host.devices() == []
        assert "My phone" not in (tmp_path / "devices").read_text()
    await wire.mend()
    assert [each.status for each in wire.node.sessions() if each.session_id == standing] == [
        "pending"
    ]
    async with pair.host() as host:
        await until(lambda: pair.devices.load() == [])
        assert host.devices() == [] == list(host.sessions)
        assert [each.reason for each in wire.node.sessions() if each.session_id == standing] == [
            "closed"
        ]
        with pytest.raises(NOT_REACHED):
            async with pair.visit():
                pass


# -- a copy ----------------------------------------------------------------------------------


async def test_copied_storage_is_found_out_at_the_first_double_use_and_both_are_told(pair):
    async with pair.host() as host:
        await pair.remember(host)
        stolen = copy_of(pair.grants)
        async with pair.visiting(host, stolen) as (visit, thief):
            await both_speak(visit, thief)
            await thief.close()
        await is_waiting(host)
        async with pair.visit() as guest:
            with pytest.raises(errors.SessionOver) as told:
                await guest.approved()
            assert (told.value.status, told.value.reason) == ("rejected", "copied")
        visit = await next_visit(host)
        assert (visit.device.name, visit.over.reason) == ("My phone", "copied")
        assert list(visit._notices) == [Notice.COPIED]
        assert pair.grants.load() == pair.devices.load() == host.devices() == []
        with pytest.raises(NOT_REACHED):
            async with pair.visit(stolen):
                pass
        assert stolen.load()


async def test_thief_that_comes_second_is_found_out_too(pair):
    async with pair.host() as host:
        await pair.remember(host)
        stolen = copy_of(pair.grants)
        async with pair.visiting(host) as (visit, guest):
            await both_speak(visit, guest)
            await guest.close()
        await is_waiting(host)
        async with pair.visit(stolen) as thief:
            assert await end(thief) == ("rejected", "copied")
        assert (await next_visit(host)).over.reason == "copied"
        assert pair.devices.load() == []


async def test_request_that_is_sent_again_is_declined_silently(serve, monkeypatch):
    pair = Pair((await serve(approval_timeout=0.5)).url)
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visit() as guest:
            seal, visit = guest._secret._guest.state.seal, await next_visit(host)
        await end(visit)
        await is_waiting(host)
        before = pair.record
        async with pair.sending(seal, monkeypatch) as guest:
            assert await end(guest) == ("rejected", "unconfirmed")
        await is_waiting(host)
        assert (pair.record, len(host._known._arrived)) == (before, 0)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_two_programs_that_connect_at_once_are_no_copy(pair):
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            with pytest.raises(errors.TokenUsed, match="another program"):
                async with pair.visit():
                    pass
            await both_speak(visit, guest)
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_program_that_waited_for_the_lock_asks_with_the_latest_ticket(pair):
    async with pair.host() as host:
        await pair.remember(host)
        (earlier,) = pair.grants.load()
        async with pair.visiting(host) as (visit, guest):
            await both_speak(visit, guest)
        await is_waiting(host)
        assert pair.grant.ticket != earlier.ticket
        assert pair.grants.try_lock()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def come():
                async with open_visit(earlier, name="Phone", grants=pair.grants) as guest:
                    await guest.approved()

            await trio.testing.wait_all_tasks_blocked()
            pair.grants.unlock()
            visit = await next_visit(host)
            assert visit.over is None
            await (await visit.prompt()).approve()


async def test_ticket_is_stored_before_the_first_signal(pair):
    async with pair.host() as host:
        await pair.remember(host)
        before = pair.grant
        async with pair.visit() as guest:
            assert pair.grants.try_lock()
            await (await (visit := await next_visit(host)).prompt()).approve()
            await guest.wait_approved()
            with trio.move_on_after(0.3) as unheard:
                await guest.send("early")
                await visit.receive()
            assert unheard.cancelled_caught
            assert (pair.grant, pair.record.tickets.is_used) == (before, False)
            pair.grants.unlock()
            assert await hear(visit, 1) == ["early"]
            assert pair.grant.ticket == pair.record.tickets.current != before.ticket


async def test_visit_whose_ticket_cannot_be_stored_says_nothing(pair, monkeypatch):
    def fail(_entries):
        raise OSError("the disk is full")

    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visit() as guest:
            monkeypatch.setattr(pair.grants, "save", fail)
            visit = await next_visit(host)
            await (await visit.prompt()).approve()
            with pytest.raises(errors.ConnectionLost, match="not stored"):
                await guest.ended()
        assert await end(visit) == ("expired", "closed")
        monkeypatch.undo()
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_lost_answer_does_not_revoke(pair, node, nursery):
    between = Between(node)
    await between.start(nursery)

    def lose(message, way):
        return between.cut() if message["type"] in ("pair_result", "resumed") else message

    async with pair.host() as host:
        await pair.remember(host)
        pair.grants.save([structs.replace(pair.grant, node_url=between.url)])
        before = pair.grant
        for _ in range(2):
            between.change = lose
            async with pair.visit() as guest:
                visit = await next_visit(host)
                await (await visit.prompt()).approve()
                await until(lambda: between.types(DOWN)[-1] in ("pair_result", "resumed"))
                await visit.close()
                assert guest.status == "pending"
            await is_waiting(host)
        between.change = lambda message, way: message
        assert pair.grant == before
        async with pair.visiting(host) as sides:
            await both_speak(*sides)
        assert pair.grant.ticket == pair.record.tickets.current != before.ticket


# -- forgetting ------------------------------------------------------------------------------


async def test_forgotten_device_is_a_stranger(pair, node):
    async with pair.host() as host:
        await pair.remember(host)
        (device,) = host.devices()
        await host.forget(device.id)
        assert host.devices() == pair.devices.load() == []
        await until(lambda: node.supervisor.find(device.id).session.ended)
        with pytest.raises(errors.HostOffline, match="cannot be reached now"):
            async with pair.visit():
                pass
        await node.supervisor.sweep()
        with pytest.raises(errors.HostOffline, match="cannot be reached now"):
            async with pair.visit():
                pass
        assert pair.grants.load(), "only a sealed word deletes a grant"
        with pytest.raises(errors.UnknownSession):
            await host.forget(device.id)


async def test_device_that_is_forgotten_while_it_is_here_is_told(pair):
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            await both_speak(visit, guest)
            await host.forget_all()
            assert (await end(guest))[1] == "forgotten"
            assert list(guest._notices) == [Notice.FORGOTTEN]
            await until(lambda: not pair.grants.load())
            assert guest.grant is None
        assert (host.devices(), host._known.visits) == ([], {})


async def test_device_that_is_forgotten_while_it_asks_is_told(pair):
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visit() as guest:
            visit = await next_visit(host)
            await host.forget(visit.device.id)
            with pytest.raises(errors.SessionOver, match="forgotten"):
                await guest.approved()
            assert pair.grants.load() == []


async def test_device_that_is_forgotten_in_its_first_session_is_told(pair):
    async with pair.host() as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(session.link, name="Phone", grants=pair.grants) as guest:
            prompt = await session.prompt()
            await prompt.approve(await guest.wait_code(), remember=Remember(name="My phone"))
            await guest.approved()
            assert guest.grant == pair.grant
            await host.forget_all()
            await until(lambda: not pair.grants.load())
            await session.send("still here")
            assert await hear(guest, 1) == ["still here"]


async def test_signal_like_the_word_is_no_word_to_a_guest_without_a_grant(pair):
    async with asked(pair.url) as (session, guest, prompt):
        await prompt.approve(await guest.wait_code())
        await guest.approved()
        await session.send({"known": {"gone": "forgotten"}})
        assert await hear(guest, 1) == [{"known": {"gone": "forgotten"}}]


async def test_grant_whose_time_is_over_asks_no_host(pair):
    async with pair.host() as host:
        await pair.remember(host)
        pair.grants.save([structs.replace(pair.grant, end=time.time())])
        with pytest.raises(errors.LinkLapsed, match="pair again"):
            async with pair.visit():
                pass
        assert pair.grants.load()
        assert not host._known._arrived


async def test_device_whose_time_is_over_at_the_host_is_told(pair):
    async with pair.host() as host:
        await pair.remember(host)
        pair.devices.save([structs.replace(pair.record, end=time.time())])
        async with pair.visit() as guest:
            assert await end(guest) == ("rejected", "expired")
            await until(lambda: not pair.grants.load())
        assert (await next_visit(host)).over.reason == "expired"
        assert host.devices() == []


async def test_visit_ends_with_the_time_of_its_grant(pair):
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            assert visit._secret.ends_at == pair.record.end
            assert guest._secret.ends_at == pytest.approx(pair.record.end, abs=60)


async def test_device_whose_time_is_over_is_forgotten_when_the_host_starts(pair):
    async with pair.host() as host:
        await pair.remember(host)
    pair.devices.save([structs.replace(pair.record, end=time.time())])
    async with pair.host() as host:
        assert (host.devices(), host._known.visits) == ([], {})


async def test_clock_that_is_wrong_for_a_moment_costs_no_known_device(pair, monkeypatch):
    real, days = time.time, 86_400
    async with pair.host() as host:
        await pair.remember(host, days=30)
    monkeypatch.setattr(time, "time", lambda: real() + 59 * days)
    async with pair.host() as host:
        assert host.devices() == []
    monkeypatch.undo()
    async with pair.host() as host:
        (device,) = host.devices()
        assert device.name == "My phone"
        async with pair.visiting(host):
            pass
    monkeypatch.setattr(time, "time", lambda: real() + 61 * days)
    async with pair.host() as host:
        assert host.devices() == []
        await until(lambda: not pair.devices.load())


async def test_expired_device_is_forgotten_with_all_others(pair):
    async with pair.host() as host:
        await pair.remember(host)
        pair.devices.save([structs.replace(pair.record, end=time.time())])
        await host.forget_all()
        assert pair.devices.load() == []


async def test_another_device_with_the_link_is_turned_away(pair):
    async with pair.host() as host:
        await pair.remember(host)
        thief = copy_of(pair.grants)
        thief.save([structs.replace(pair.grant, private=bytes(32))])
        async with pair.visit(thief) as guest:
            assert await end(guest) == ("rejected", "rejected")
        visit = await next_visit(host)
        assert (visit.device.name, visit.over.reason) == ("My phone", "stranger")
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_another_host_takes_no_place_of_one_that_knows_the_device(pair, monkeypatch):
    async with pair.host() as host:
        await pair.remember(host)
    known, make = pair.grant, GrantKeeper._new_grant

    def make_with_that_id(*arguments):
        return structs.replace(make(*arguments), session_id=known.session_id)

    monkeypatch.setattr(GrantKeeper, "_new_grant", make_with_that_id)
    other = Pair(pair.url)
    other.grants = pair.grants
    async with other.host(uuid="other") as host:
        guest = await other.remember(host)
        await host.forget(other.record.session_id)
    assert guest.grant is None
    assert pair.grant == known


async def test_grant_that_comes_again_has_the_ticket_that_is_stored(pair, monkeypatch):
    make, made = GrantKeeper._new_grant, []

    def make_the_same(*arguments):
        made.append(make(*arguments))
        return made[0]

    monkeypatch.setattr(GrantKeeper, "_new_grant", make_the_same)
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host):
            pass
        stored = pair.grant
        assert stored.ticket != made[0].ticket
        await pair.remember(host, name="The same again")
    assert pair.grant == stored


async def test_guest_that_stays_away_is_not_waited_for_for_ever(pair, monkeypatch):
    monkeypatch.setattr("proxim.client.visit.AWAY_TIME", 0.2)
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            await guest._connection._stop()
            assert await end(visit) == ("expired", "closed")
        await is_waiting(host)


# -- remembering -----------------------------------------------------------------------------


async def test_wrong_code_remembers_nothing(pair):
    async with pair.host() as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(session.link, name="Phone", grants=pair.grants) as guest:
            prompt = await session.prompt()
            assert prompt.can_remember
            with pytest.raises(errors.WrongCode):
                await prompt.approve(
                    other_than(await guest.wait_code()), remember=Remember(name="My phone")
                )
            assert await end(guest) == ("rejected", "rejected")
        assert pair.grants.load() == pair.devices.load() == []
        assert len(await host.list()) == 1


async def test_approval_that_fails_remembers_nothing(serve):
    pair = Pair((await serve(approval_timeout=0.3)).url)
    async with pair.host() as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(session.link, name="Phone", grants=pair.grants) as guest:
            prompt, code = await session.prompt(), await guest.wait_code()
            call, standing = session._connection.call, []

            async def fail(request, kind, **options):
                if isinstance(request, wire.PairDecision):
                    standing.extend(host._known.visits)
                    raise errors.RateLimited("later")
                return await call(request, kind, **options)

            session._connection.call = fail
            with pytest.raises(errors.RateLimited):
                await prompt.approve(code, remember=Remember(name="My phone"))
            assert len(standing) == 1
            session._connection.call = call
            await end(guest)
            await until(lambda: not pair.devices.load())
        await until(lambda: not host._known.visits)
        infos = {info.session_id: info for info in await host.list()}
        assert infos[standing[0]].reason == "closed"


async def test_guest_without_a_store_cannot_be_remembered(pair):
    async with pair.host() as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(session.link, name="Phone") as guest:
            prompt = await session.prompt()
            assert not prompt.can_remember
            code = await guest.wait_code()
            with pytest.raises(errors.NotSupported, match="does not let its device"):
                await prompt.approve(code, remember=Remember(name="My phone"))
            await prompt.approve(code)
            await guest.approved()
            assert guest.grant is None


async def test_plain_session_remembers_nothing(pair):
    async with pair.host() as host:
        session = await host.create("persistent", confirm="code")
        async with open_guest(session.link, name="Phone", grants=pair.grants) as guest:
            prompt = await session.prompt()
            assert not prompt.can_remember
            with pytest.raises(errors.BadMessage, match="sealed"):
                await prompt.approve(guest.code, remember=Remember(name="My phone"))
            await prompt.approve(guest.code)


async def test_node_without_standing_sessions_remembers_nothing(pair, node, nursery):
    between = Between(node)
    await between.start(nursery)

    def change(message, way):
        if message["type"] == "welcome":
            message["features"] = ["seal"]
        return message

    between.change = change
    async with pair.host(between.url) as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(session.link, name="Phone", grants=pair.grants) as guest:
            prompt = await session.prompt()
            with pytest.raises(errors.NotSupported, match="too old"):
                await prompt.approve(await guest.wait_code(), remember=Remember(name="My phone"))


@pytest.mark.parametrize(
    "wish",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x", "days": 0},
        {"name": "x", "until": 1.0},
        {"name": "x", "policy": "always"},
    ],
)
async def test_wrong_wish_is_refused_and_the_prompt_stays(pair, wish):
    async with pair.host() as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(session.link, name="Phone", grants=pair.grants) as guest:
            prompt, code = await session.prompt(), await guest.wait_code()
            with pytest.raises(errors.BadMessage):
                await prompt.approve(code, remember=Remember(**wish))
            await prompt.approve(code)


async def test_grant_lasts_no_longer_than_the_node_allows(serve):
    pair = Pair((await serve(max_link_ttl=60)).url)
    async with pair.host() as host:
        await pair.remember(host, days=365)
        assert pair.record.end == pytest.approx(time.time() + 60, abs=30)
        assert pair.grant.end == pytest.approx(pair.record.end, abs=30)
        async with pair.visiting(host) as (visit, guest):
            assert visit._secret.ends_at == visit.record.end == pair.record.end
            assert guest._secret.ends_at == pytest.approx(pair.record.end, abs=30)


async def test_known_device_can_be_renamed(pair):
    async with pair.host() as host:
        await pair.remember(host)
        (device,) = host.devices()
        await host.rename(device.id, "Old phone")
        assert [each.name for each in host.devices()] == ["Old phone"]
        with pytest.raises(errors.BadMessage):
            await host.rename(device.id, "")
        with pytest.raises(errors.UnknownSession):
            await host.rename("another", "Old phone")
        async with pair.visiting(host) as (visit, _):
            assert visit.device.name == "Old phone"


async def test_without_a_store_devices_are_known_until_the_program_ends(pair):
    async with open_host(pair.url, uuid="desk") as host:
        assert host.devices() == []
        await pair.remember(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)
    async with open_host(pair.url, uuid="desk", key=host.key) as host:
        assert host.devices() == []


# -- restarts --------------------------------------------------------------------------------


async def test_visit_goes_on_after_a_restart_of_the_node(wire, serve):
    pair = Pair(wire.url)
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            await both_speak(visit, guest)
            for _ in range(2):
                wire.node = await serve()
                await wire.cut(visit, guest)
                await wire.mend()
                await both_speak(visit, guest)
            assert (visit.over, guest.over) == (None, None)
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)


async def test_later_program_of_the_device_visits_after_a_restart_of_the_node(wire, serve):
    pair = Pair(wire.url)
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            await both_speak(visit, guest)
            await guest._connection._stop()
            wire.node = await serve()
            await wire.cut(visit)
            await wire.mend()
            await until(lambda: visit._connection.online and not visit.peer_online)
            async with pair.visiting(host) as sides:
                assert visit.over is not None
                await both_speak(*sides)


async def test_later_program_of_the_host_waits_for_the_device_at_once(pair):
    async with pair.host() as host:
        await pair.remember(host)
        async with pair.visiting(host) as (visit, guest):
            await both_speak(visit, guest)
            await host._connection._stop()
            async with pair.host() as later:
                assert (await end(guest))[1] == "closed"
                async with pair.visiting(later) as sides:
                    await both_speak(*sides)


async def test_host_that_names_its_seats_has_those_of_known_devices(wire):
    pair = Pair(wire.url)
    async with pair.host(seats=[]) as host:
        await pair.remember(host)
        await wire.cut(host._known.visits[pair.record.session_id])
        await wire.mend()
        await until(lambda: host._connection.online)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)
    async with pair.host(seats=[]) as host, pair.visiting(host) as sides:
        await both_speak(*sides)


async def test_store_that_cannot_be_read_turns_the_device_away(pair, monkeypatch):
    def fail():
        raise errors.InvalidSetting("the file is broken")

    async with pair.host() as host:
        await pair.remember(host)
        with monkeypatch.context() as broken:
            broken.setattr(pair.devices, "load", fail)
            async with pair.visit() as guest:
                assert await end(guest) == ("rejected", "unconfirmed")
        assert pair.grants.load()


@pytest.mark.parametrize("method", ["load", "save", "try_lock"])
async def test_store_that_fails_ends_no_connection(pair, monkeypatch, method):
    def fail(*_):
        raise RuntimeError("the database is gone")

    async with pair.host() as host:
        await pair.remember(host)
        stolen = copy_of(pair.grants)
        async with pair.visiting(host) as (visit, guest):
            with monkeypatch.context() as broken:
                broken.setattr(pair.devices, method, fail)
                await both_speak(visit, guest)
        await is_waiting(host)
        async with pair.visiting(host) as sides:
            await both_speak(*sides)
        await is_waiting(host)
        with monkeypatch.context() as broken:
            broken.setattr(pair.devices, "save", fail)
            async with pair.visit(stolen) as thief:
                assert (await end(thief))[0] == "rejected"
        assert host._connection.online


async def test_store_that_is_broken_at_the_start_is_an_error(pair, tmp_path):
    path = tmp_path / "devices"
    path.write_text("{}")
    with pytest.raises(errors.InvalidSetting, match="known devices"):
        async with pair.host(devices=DeviceFile(path)):
            pass
