"""Sessions for known devices: links that last, and ids that can be had again."""

import hashlib

import pytest
import trio
from msgspec import structs

from proxim.actors import supervisor
from proxim.actors.actor import Actor
from proxim.actors.inbox import Receipt
from proxim.actors.limits import LimitSettings
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import RequestError, Unavailable
from proxim.protocol.messages import Reason, Status
from tests.actors.helpers import DEVICE, KEY, ONE_TIME, OTHER_KEY, PERSISTENT, Node

DAY = 86_400.0
NONCE = tokens.encode(b"n" * 32)
TOKEN = "t" * 43
HASH = tokens.encode(tokens.digest(TOKEN))
OTHER_HASH = tokens.encode(tokens.digest("o" * 43))
CREATE = wire.CreateSession(session_type=PERSISTENT, token_hash=HASH, nonce=NONCE, link_ttl=DAY)


@pytest.fixture
async def node(nursery):
    node = Node()
    await nursery.start(node.supervisor.run)
    return node


async def created(host, message=CREATE):
    answer = await host.asks(message)
    (made,) = [each for each in host.told if isinstance(each, wire.SessionCreated)][-1:]
    assert made is answer or isinstance(answer, wire.PairPrompt), answer
    return made


async def asks(node, session_id, token=TOKEN):
    guest = node.connect()
    request = wire.PairRequest(session_id=session_id, token=token, device_info=DEVICE)
    return guest, await guest.asks(request)


# -- the id ----------------------------------------------------------------------------------


def test_id_is_the_hash_of_the_nonce():
    text = b"\x00\x0dproxim seal 1\x00\x07session\x00\x20" + b"n" * 32
    assert tokens.session_id_of(NONCE) == tokens.encode(hashlib.sha256(text).digest()[:16])


async def test_nonce_opens_the_id_that_it_makes(autojump_clock, node):
    made = await created(await node.host())
    assert made.session.session_id == tokens.session_id_of(NONCE)
    assert made.link is made.token is made.qr_svg


async def test_repeated_request_is_answered_again_and_takes_the_seat(autojump_clock, node):
    first, second = await node.host(), await node.host()
    before = await created(first)
    await trio.sleep(100)
    after = await created(second, structs.replace(CREATE, ref="again"))
    assert (after.session, after.ref) == (before.session, "again")
    assert before.pair_within - after.pair_within == pytest.approx(100)
    assert first.close_code == 4000
    assert len(node.supervisor.actors()) == 1
    await asks(node, before.session.session_id)
    assert second.heard(wire.PairPrompt)


async def test_repeated_request_brings_the_prompt_that_is_up(autojump_clock, node):
    session_id = (await created(await node.host())).session.session_id
    await asks(node, session_id)
    host = await node.host(uuid="desk")
    told = len(host.heard(wire.PairPrompt))
    await host.asks(CREATE)
    assert told == 1, "register had brought it, and this host has the seat already"
    assert len(host.heard(wire.PairPrompt)) == 2


async def test_repeated_request_tells_of_the_approved_session(autojump_clock, node):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    await asks(node, session_id)
    await host.asks(wire.PairDecision(session_id=session_id, approve=True))
    assert (await created(host)).session.status is Status.APPROVED


@pytest.mark.parametrize("change", [{"uuid": "other"}, {"key": OTHER_KEY}])
async def test_live_session_is_opened_by_no_other_owner(autojump_clock, node, change):
    session_id = (await created(await node.host())).session.session_id
    stranger = await node.host(**change)
    assert (await stranger.asks(CREATE)).code == "not_allowed"
    assert (await asks(node, session_id))[0].heard(wire.PairPending), "nothing has changed"


async def test_live_session_is_opened_by_no_other_link(autojump_clock, node):
    host = await node.host()
    await created(host)
    other = structs.replace(CREATE, token_hash=OTHER_HASH)
    assert (await host.asks(other)).code == "not_allowed"


async def test_guest_of_the_session_cannot_be_its_host(autojump_clock, node):
    session_id = (await created(await node.host())).session.session_id
    guest, _ = await asks(node, session_id)
    await guest.registers()
    assert (await guest.asks(CREATE)).code == "not_allowed"


async def test_ended_session_is_opened_anew_with_nothing_of_the_old_one(autojump_clock, node):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    guest, pending = await asks(node, session_id)
    await host.asks(wire.PairDecision(session_id=session_id, approve=True))
    await host.asks(wire.CloseSession(session_id=session_id))
    other = structs.replace(CREATE, token_hash=OTHER_HASH, session_type=ONE_TIME)
    again = await created(host, other)
    assert again.session.session_id == session_id
    assert (again.session.status, again.session.device_info) == (Status.PENDING, None)
    resume = wire.Resume(session_id=session_id, resume_token=pending.resume_token)
    assert (await node.connect().asks(resume)).code == "unknown_session"
    assert (await asks(node, session_id))[1].code == "unknown_session", "the old link is gone"
    assert guest.endings == [Reason.CLOSED]
    assert (await guest.asks(wire.Signal(session_id=session_id, data=b"1"))).code == (
        "unknown_session"
    )


async def test_two_requests_at_once_open_an_ended_session_anew_once(autojump_clock, node):
    host, other = await node.host(), node.connect()
    session_id = (await created(host)).session.session_id
    await host.asks(wire.CloseSession(session_id=session_id))
    await other.registers()
    async with trio.open_nursery() as nursery:
        for each in (host, other):
            nursery.start_soon(each.asks, CREATE)
    made = [each.heard(wire.SessionCreated)[-1].session for each in (host, other)]
    assert {each.session_id for each in made} == {session_id}
    assert {each.status for each in made} == {Status.PENDING}
    assert [each.session.ended for each in node.supervisor.actors()] == [False]


async def test_session_that_cannot_be_settled_is_not_opened_anew(autojump_clock, node, monkeypatch):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    await host.asks(wire.CloseSession(session_id=session_id))
    receipt = Receipt()
    receipt.refuse(Unavailable())
    monkeypatch.setattr(Actor, "ask", lambda *_: receipt)
    assert (await host.asks(CREATE)).code == "unavailable"


async def test_crash_of_a_removed_actor_deletes_no_session(autojump_clock, node, monkeypatch):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    actor, deleted = node.supervisor.find(session_id), []
    monkeypatch.setattr(node.supervisor.backend, "delete", deleted.append)

    def fail(*_):
        node.supervisor.release(actor)
        raise ZeroDivisionError

    monkeypatch.setattr(type(actor.session), "handle", fail)
    await host.asks(wire.CloseSession(session_id=session_id))
    assert (node.supervisor.crashes, deleted) == (1, [])


async def test_sweep_leaves_a_session_that_was_opened_anew_meanwhile(
    autojump_clock, node, monkeypatch
):
    monkeypatch.setattr(supervisor, "SWEEP_BATCH", 1)
    first, host = await node.host(uuid="first"), await node.host()
    session_id = (await created(host)).session.session_id
    gone = await created(first, wire.CreateSession(session_type=PERSISTENT))
    before = node.supervisor.actors()
    for owner, each in ((host, session_id), (first, gone.session.session_id)):
        await owner.asks(wire.CloseSession(session_id=each))
    other = await node.host(uuid="other")
    monkeypatch.setattr(node.supervisor, "actors", lambda: before)
    # The sweep has the ended actors in hand, and another owner opens the first one's id again.
    await created(other)
    await node.supervisor.sweep()
    assert (await asks(node, session_id))[0].heard(wire.PairPending)
    assert [each.session_id for each in await other.lists()] == [session_id]
    assert await host.lists() == await first.lists() == []


async def test_live_session_costs_no_limit_when_it_is_asked_for_again(autojump_clock, nursery):
    node = Node(limit_settings=LimitSettings(standing_per_owner=1, max_sessions=1))
    await nursery.start(node.supervisor.run)
    host = await node.host()
    assert (await created(host)).session == (await created(host)).session


@pytest.mark.parametrize("field", [{"join_url": "https://app.example/"}, {"qr": "svg"}], ids=str)
async def test_request_with_wrong_fields_frees_no_place_of_its_address(
    autojump_clock, nursery, field
):
    node = Node(limit_settings=LimitSettings(sessions_per_address=1))
    await nursery.start(node.supervisor.run)
    host = node.connect("192.0.2.1")
    await host.registers()
    session_id = (await created(host)).session.session_id
    await host.asks(wire.CloseSession(session_id=session_id))
    assert (await host.asks(structs.replace(CREATE, **field))).code == "bad_message"
    assert [each.session.session_id for each in node.supervisor.actors()] == [session_id]
    another = structs.replace(CREATE, nonce=tokens.encode(b"m" * 32))
    assert (await host.asks(another)).code == "limit_reached", "until the sweep it counts"
    await trio.sleep(61)
    assert (await created(host)).session.session_id == session_id


@pytest.mark.parametrize("limit", ["sessions_per_address", "max_sessions", "standing_per_owner"])
async def test_request_beyond_a_limit_removes_no_ended_session(autojump_clock, nursery, limit):
    node = Node(limit_settings=LimitSettings(**{limit: 2}))
    await nursery.start(node.supervisor.run)
    host = node.connect("192.0.2.1")
    await host.registers()
    plain = structs.replace(CREATE, nonce=None)
    await created(host, plain)
    session_id = (await created(host)).session.session_id
    await host.asks(wire.CloseSession(session_id=session_id))
    if limit == "standing_per_owner":
        await created(host, plain)
    before = node.supervisor.actors()
    assert (await host.asks(CREATE)).code == "limit_reached"
    assert node.supervisor.actors() == before
    if limit == "standing_per_owner":
        await host.asks(wire.CloseSession(session_id=before[0].session.session_id))
    await trio.sleep(61)
    assert (await created(host)).session.session_id == session_id


@pytest.mark.parametrize("field", [{"nonce": NONCE}, {"link_ttl": DAY}], ids=["nonce", "link_ttl"])
async def test_only_a_link_of_the_host_can_last_or_come_back(autojump_clock, node, field):
    host = await node.host()
    refused = await host.asks(wire.CreateSession(session_type=PERSISTENT, **field))
    assert (refused.code, "token_hash" in refused.message) == ("bad_message", True)


async def test_renewal_with_link_ttl_needs_the_hosts_own_link(autojump_clock, node):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    refused = await host.asks(wire.RenewLink(session_id=session_id, link_ttl=DAY))
    assert (refused.code, "token_hash" in refused.message) == ("bad_message", True)


async def test_only_a_session_that_was_opened_with_link_ttl_is_prolonged(autojump_clock, node):
    host = await node.host()
    plain = wire.CreateSession(session_type=PERSISTENT, token_hash=HASH)
    session_id = (await created(host, plain)).session.session_id
    renewal = wire.RenewLink(session_id=session_id, token_hash=HASH, link_ttl=DAY)
    assert (await host.asks(renewal)).code == "not_allowed", "its limit is another one"


# -- the link --------------------------------------------------------------------------------


async def test_link_works_for_as_long_as_the_host_wants(autojump_clock, node):
    host = await node.host()
    made = await created(host)
    assert made.pair_within == DAY
    host.close()
    await trio.sleep(DAY - 1)
    host = await node.host()
    assert host.told[0].sessions, "it was not swept, though its host was away"
    assert isinstance((await asks(node, made.session.session_id))[1], wire.PairPending)


async def test_link_lapses_at_its_time_and_the_session_is_swept_then(autojump_clock, node):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    await trio.sleep(DAY)
    assert (await asks(node, session_id))[1].code == "link_lapsed"
    host.close()
    await trio.sleep(61)
    assert (await (await node.host()).lists()) == []


async def test_node_bounds_the_time_of_a_link(autojump_clock, nursery):
    node = Node(max_link_ttl=100.0)
    await nursery.start(node.supervisor.run)
    host = await node.host()
    made = await created(host)
    assert made.pair_within == 100.0
    renewal = wire.RenewLink(session_id=made.session.session_id, token_hash=HASH, link_ttl=2 * DAY)
    assert (await host.asks(renewal)).pair_within == 100.0


async def test_renewal_prolongs_the_same_link_and_without_link_ttl_makes_it_a_codes(
    autojump_clock, node
):
    host = await node.host()
    session_id = (await created(host)).session.session_id
    await trio.sleep(DAY / 2)
    renewal = wire.RenewLink(session_id=session_id, token_hash=HASH, link_ttl=DAY)
    assert (await host.asks(renewal)).pair_within == DAY
    assert (await host.asks(structs.replace(renewal, link_ttl=None))).pair_within == 300.0


async def test_sessions_for_known_devices_have_a_limit_of_their_own(autojump_clock, nursery):
    node = Node(limit_settings=LimitSettings(sessions_per_owner=1, standing_per_owner=1))
    await nursery.start(node.supervisor.run)
    host = await node.host()
    plain = wire.CreateSession(session_type=PERSISTENT)
    assert isinstance(await host.asks(plain), wire.SessionCreated)
    standing = structs.replace(CREATE, nonce=None)
    assert isinstance(await host.asks(standing), wire.SessionCreated)
    for message, limit in ((plain, "sessions_per_owner"), (standing, "standing_per_owner")):
        refused = await host.asks(message)
        assert (refused.code, f"({limit})" in refused.message) == ("limit_reached", True)
        assert node.supervisor.stats.refusals[limit] == 1


# -- after a restart -------------------------------------------------------------------------


async def test_wrong_secrets_are_not_counted_at_first_but_answered_late(autojump_clock, nursery):
    limits = LimitSettings(guesses_per_address=2, restart_time=120.0)
    node = Node(limit_settings=limits)
    await nursery.start(node.supervisor.run)
    guesser = node.connect("192.0.2.1")

    async def guesses(token="w" * 43, session_id="gone"):
        with pytest.raises(RequestError) as refusal:
            await node.router.route(guesser, wire.Resume(session_id=session_id, resume_token=token))
        return refusal.value.code, refusal.value.delay

    counted = [("unknown_session", 0.1), ("unknown_session", 0.2), ("rate_limited", 0.0)]
    assert [await guesses() for _ in range(5)] == [("unknown_session", 0.1)] * 5
    assert [await guesses("1234", "a PIN") for _ in range(3)] == counted, "it could be found"
    await trio.sleep(120)
    assert [await guesses() for _ in range(3)] == counted


async def test_each_node_in_memory_has_a_boot_of_its_own(autojump_clock, node):
    boots = {Node().supervisor.backend.boot for _ in range(3)}
    assert len(boots) == 3
    assert {len(boot) for boot in boots} == {22}
    assert KEY not in boots
