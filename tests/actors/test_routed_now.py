"""Requests that are handled in the step that read them, without waking a task."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.actors.backend import Backend
from proxim.actors.inbox import Receipt
from proxim.actors.limits import LimitSettings
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import Unavailable, UnknownSession
from tests.actors.helpers import DEVICE, KEY, PERSISTENT, Node

NONCE = tokens.encode(b"n" * 32)
OWN_HASH = tokens.encode(b"h" * 32)


class OtherBackend(Backend):
    """Keeps sessions elsewhere, as far as anybody knows."""


async def test_host_registers_and_opens_a_session_at_once(autojump_clock, node):
    host = node.connect()
    for message in (wire.Register(uuid="desk"), wire.CreateSession(session_type=PERSISTENT)):
        assert node.router.route_now(host, message)
    assert [type(each) for each in host.told] == [wire.Registered, wire.SessionCreated]
    assert node.supervisor.find(host.told[1].session.session_id) is not None


@pytest.mark.parametrize(
    "message",
    [
        wire.Register(uuid="desk", key=KEY),
        wire.CreateSession(session_type=PERSISTENT, qr="svg"),
        wire.CreateSession(session_type=PERSISTENT, nonce=NONCE, token_hash=OWN_HASH),
        wire.ListSessions(),
    ],
)
async def test_request_that_may_wait_is_left_to_a_task(autojump_clock, node, message):
    host = await node.host()
    told = len(host.told)
    assert not node.router.route_now(host, message)
    assert len(host.told) == told


@pytest.mark.parametrize("options", [{"make_backend": OtherBackend}, {"access_token": "secret"}])
async def test_access_tokens_and_other_backends_may_wait(autojump_clock, start, options):
    node = await start(**options)
    assert not node.router.route_now(node.connect(), wire.Register(uuid="desk"))


async def test_guest_asks_at_once_and_has_a_receipt(autojump_clock, node):
    meeting = await node.invites()
    refused = []
    receipt = node.router.ask_now(meeting.guest, meeting.pair_request(), refused.append)
    assert not receipt.is_set
    await receipt.wait()
    assert receipt.is_set
    assert [type(each) for each in meeting.guest.told] == [wire.PairPending]
    assert not refused


async def test_refusal_comes_later_with_its_delay_and_is_counted(autojump_clock, nursery):
    node = Node(limit_settings=LimitSettings(guesses_per_address=1, restart_time=0.0))
    await nursery.start(node.supervisor.run)
    meeting, refused = await node.invites(), []
    guest = node.connect("192.0.2.1")
    wrong = wire.PairRequest(session_id=meeting.id, token="w" * 43, device_info=DEVICE)
    for _ in range(2):
        assert node.router.ask_now(guest, wrong, refused.append) is not None
        await wait_all_tasks_blocked()
    assert [error.code for error in refused] == ["unknown_session", "rate_limited"]
    assert refused[0].delay > 0
    assert not guest.told


async def test_used_link_is_counted_as_contested(autojump_clock, node):
    meeting, refused = await node.prompts(), []
    node.router.ask_now(node.connect(), meeting.pair_request(), refused.append)
    await wait_all_tasks_blocked()
    assert [error.code for error in refused] == ["token_used"]
    assert node.supervisor.stats.outcomes["contested"] == 1


async def test_closed_actor_refuses_before_the_request_returns(autojump_clock, node):
    meeting, refused = await node.invites(), []
    meeting.actor.close()
    receipt = node.router.ask_now(meeting.guest, meeting.pair_request(), refused.append)
    assert receipt.is_set
    assert [error.code for error in refused] == ["unknown_session"]


def test_refusal_is_told_once_and_nothing_of_the_request_is_kept():
    refused, receipt = [], Receipt()
    receipt.on_refusal(refused.append)
    for error in (Unavailable(), UnknownSession()):
        receipt.refuse(error)
    assert [error.code for error in refused] == ["unavailable"]
    handled = Receipt()
    handled.on_refusal(pytest.fail)
    handled.set()
    assert handled._on_refusal is None
    handled.on_refusal(pytest.fail)
    assert handled._on_refusal is None


async def test_session_that_is_not_here_is_looked_for_by_a_task(autojump_clock, node):
    elsewhere = wire.PairRequest(session_id="s" * 22, token="t" * 43, device_info=DEVICE)
    assert node.router.ask_now(node.connect(), elsewhere, pytest.fail) is None
    meeting = await node.invites()
    assert node.router.ask_now(meeting.guest, wire.ListSessions(), pytest.fail) is None


async def test_receipt_that_is_set_waits_for_nothing(autojump_clock, node):
    meeting = await node.invites()
    receipt = node.router.ask_now(meeting.guest, meeting.pair_request(), pytest.fail)
    await wait_all_tasks_blocked()
    with trio.fail_after(0):
        await trio.lowlevel.cancel_shielded_checkpoint()
        with trio.CancelScope(shield=True):
            await receipt.wait()


async def test_request_that_waits_after_all_fails(autojump_clock, node, monkeypatch):
    async def wait(_, message):
        await trio.sleep(1)

    monkeypatch.setattr(node.router._hosting, "register", wait)
    with pytest.raises(RuntimeError, match="nothing to wait for"):
        node.router.route_now(node.connect(), wire.Register(uuid="desk"))
