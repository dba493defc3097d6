"""Sessions with ``confirm``: the guest shows a code, and the host's person types it in."""

import pytest
import trio

from proxim.client import Notice, open_guest, open_host, resume_guest
from proxim.protocol.errors import BadMessage, CodeRequired, NotSupported, TokenUsed, WrongCode
from tests.client.helpers import (
    PATIENCE,
    asked,
    end,
    info,
    paired,
    presence,
    registered,
    scripted,
)


def other_than(code):
    """Return a code that is not this one."""
    return "123" if code != "123" else "124"


async def test_code_that_the_guest_shows_approves_it(node):
    async with asked(node.url, confirm="code") as (session, guest):
        prompt = await session.prompt()
        assert (prompt.confirm, session.confirm) == ("code", "code")
        assert (await prompt.approve(code=guest.code)).status == "approved"
        await guest.approved()
        assert guest.code is None


@pytest.mark.parametrize("code", [None, "", "12", "1234", "012", "½½½", "1 2", 482])
async def test_approval_without_a_code_sends_nothing_and_the_prompt_stays(node, code):
    async with asked(node.url, confirm="code") as (session, guest):
        prompt = await session.prompt()
        with pytest.raises(CodeRequired):
            await prompt.approve(code)
        await prompt.approve(guest.code)
        await guest.approved()


async def test_wrong_code_rejects_the_guest_at_once(node):
    async with asked(node.url, confirm="code") as (session, guest):
        prompt = await session.prompt()
        with pytest.raises(WrongCode):
            await prompt.approve(other_than(guest.code))
        for side in (session, guest):
            assert await end(side) == ("rejected", "rejected")
        assert guest.code is None


async def test_guest_sees_the_name_of_the_host(node):
    async with asked(node.url, host_name="Work laptop") as (_, guest):
        assert guest.host_name == "Work laptop"
    async with asked(node.url) as (_, guest):
        assert guest.host_name is None


async def test_host_can_decline_without_the_code(node):
    async with asked(node.url, confirm="code") as (session, guest):
        assert (await session.decide(approve=False)).status == "rejected"
        assert await end(guest) == ("rejected", "rejected")


async def test_session_without_confirm_has_no_code(node):
    async with asked(node.url) as (session, guest):
        prompt = await session.prompt()
        assert (prompt.confirm, guest.code) == ("none", None)
        with pytest.raises(BadMessage, match="without `confirm`"):
            await prompt.approve(code="482")
        await prompt.approve()
        await guest.approved()


async def test_later_program_of_the_host_needs_the_code_too(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", confirm="code")
        async with open_host(node.url, uuid="desk", key=host.key) as later:
            resumed = later.sessions[session.session_id]
            assert resumed.confirm == "code"
            async with open_guest(session.link, name="Phone") as guest:
                prompt = await resumed.prompt()
                with pytest.raises(CodeRequired):
                    await prompt.approve()
                await prompt.approve(guest.code)


async def test_reconnected_guest_shows_the_same_code(wire, node):
    async with asked(node.url, guest_url=wire.url, confirm="code") as (session, guest):
        code, guest.code = guest.code, None
        await wire.cut(guest)
        await wire.mend()
        with trio.fail_after(PATIENCE):
            while guest.code is None:  # noqa: ASYNC110 - there is no event for it
                await trio.sleep(0.01)
        assert guest.code == code
        await session.decide(approve=True, code=code)
        await guest.approved()


async def test_host_refuses_confirm_on_a_node_that_cannot_check_a_code(nursery):
    asked_for = []

    def answer(asked):
        asked_for.append(asked["type"])
        if asked["type"] == "register":
            return [registered(asked)]
        return [{"type": "session_created", "session": info(), "pair_within": 300, "ref": "2"}]

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        with pytest.raises(NotSupported, match="too old"):
            await host.create("persistent", confirm="code")
        assert asked_for == ["register"]
        assert (await host.create("persistent")).confirm == "none"


async def test_host_is_told_once_that_another_device_has_shown_the_link(node):
    async with asked(node.url, confirm="code") as (session, guest):
        for _ in range(2):
            with pytest.raises(TokenUsed):
                async with open_guest(session.link, name="Phone"):
                    pass
        with trio.fail_after(PATIENCE):
            assert await session.notice_after(0) is Notice.CONTESTED
        await session.decide(approve=True, code=guest.code)
        await guest.close()
        assert [notice async for notice in session.notices()] == [Notice.CONTESTED]


async def test_host_is_told_that_the_guest_came_by_another_connection(node):
    async with paired(node.url) as (session, guest):
        seat = (node.url, session.session_id, guest.resume_token)
        async with resume_guest(*seat) as later:
            with trio.fail_after(PATIENCE):
                assert await session.notice_after(0) is Notice.REPLACED
            await presence(later, True)
            await later.close()
