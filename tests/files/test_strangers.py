"""Peers that do not follow the protocol for files."""

import json

import pytest
import trio

from proxim.files import Offer, receive_offer, send_file
from proxim.protocol.errors import ChannelClosed, TransferFailed
from tests.files import pair

SIZE = 100_000


@pytest.fixture
def stranger():
    """The two ends of a file's data channel: the stranger's, and ours."""
    return pair.ends()


async def offered(stranger, **fields):
    await stranger[0].tell(**{"name": "a.bin", "size": SIZE, "type": "", **fields})
    return await receive_offer(stranger[1])


async def closing_reason(end):
    """Return what our side said before it closed, if anything."""
    reason = None
    while True:
        try:
            message = await end.receive()
        except ChannelClosed:
            return reason
        if isinstance(message, str):
            reason = json.loads(message).get("cancel", reason)


@pytest.mark.parametrize(
    "first",
    [
        b"bytes",
        "not JSON",
        "[]",
        '"\\ud800"',
        "{}",
        '{"name": "a"}',
        '{"name": "a", "size": -1}',
        '{"name": "a", "size": 0.5}',
        '{"name": "a", "size": 9007199254740992}',
        '{"name": 1, "size": 1}',
        '{"name": "a", "size": 1, "type": null}',
        "[" * 100_000,
        '{"accept": true}',
    ],
    ids=lambda each: repr(each[:30]),
)
async def test_first_message_that_is_not_an_offer_fails(stranger, first):
    await stranger[0].send(first)
    with pytest.raises(TransferFailed):
        await receive_offer(stranger[1])
    assert await closing_reason(stranger[0]) == "failed"
    assert stranger[1].is_closed


async def test_offer_may_have_unknown_fields(stranger):
    offer = await offered(stranger, modified=5)
    assert (offer.name, offer.size, offer.type) == ("a.bin", SIZE, "")


@pytest.mark.parametrize(
    "messages",
    [
        [b"x" * (SIZE + 1)],
        [b"x" * 65536, b"x" * 65536],
        ["text"],
        ['{"accept": true}'],
        ['{"cancel": 5}'],
        [b""] * 200,
        [b"x"] * 200,
    ],
    ids=repr,
)
async def test_wrong_bytes_fail_and_nothing_is_left(stranger, folder, listed, messages):
    offer = await offered(stranger)

    async def send():
        assert await stranger[0].hear() == {"accept": True}
        for message in messages:
            try:
                await stranger[0].send(message)
            except ChannelClosed:
                break

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        with pytest.raises(TransferFailed) as caught:
            await offer.save(folder)
    assert (caught.value.reason, caught.value.by_other_side) == ("failed", False)
    assert await closing_reason(stranger[0]) == "failed"
    assert listed() == []


async def test_bytes_before_the_answer_withdraw_the_offer(stranger):
    offer = await offered(stranger)
    await stranger[0].send(b"early")
    assert (await offer.withdrawn()).reason == "failed"
    assert await closing_reason(stranger[0]) == "failed"


async def test_unknown_reason_is_failed(stranger, folder):
    offer = await offered(stranger)
    await stranger[0].tell(cancel="bored", ok=False)
    with pytest.raises(TransferFailed) as caught:
        await offer.save(folder)
    assert (caught.value.reason, caught.value.by_other_side) == ("failed", True)


async def test_file_is_stored_though_the_sender_never_closes(stranger, folder):
    offer = await offered(stranger, size=1)
    await stranger[0].send(b"x")
    assert (await offer.save(folder)).read_bytes() == b"x"
    assert [await stranger[0].hear() for _ in "12"] == [{"accept": True}, {"ok": True}]


async def test_sender_that_is_gone_before_it_hears_ok_leaves_the_file(stranger, folder):
    offer = await offered(stranger, size=1)
    await stranger[0].send(b"x")
    path = await offer.save(folder, progress=lambda _: stranger[0].vanish())
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize(
    "answer", [b"bytes", "text", "{}", '{"accept": false}', '{"ok": true}', "[]"], ids=repr
)
async def test_wrong_answer_to_an_offer_fails(sides, photo, answer):
    async def reply():
        data = await sides[1].accept()
        await data.receive()
        await data.send(answer)
        assert await closing_reason(data) == "failed"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply)
        with pytest.raises(TransferFailed) as caught:
            await send_file(sides[0], photo)
    assert caught.value.reason == "failed"


async def test_file_that_is_stored_before_it_was_sent_fails(sides, photo):
    async def reply():
        data = await sides[1].accept()
        await data.receive()
        await data.tell(accept=True)
        await data.tell(ok=True)
        assert await closing_reason(data) == "failed"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply)
        with pytest.raises(TransferFailed) as caught:
            await send_file(sides[0], photo)
    assert caught.value.reason == "failed"


async def test_decline_after_the_end_does_nothing(stranger):
    offer = await offered(stranger)
    assert isinstance(offer, Offer)
    await offer.decline("too_large")
    await offer.decline()
    assert await closing_reason(stranger[0]) == "too_large"
    with pytest.raises(ChannelClosed):
        await stranger[0].receive()
