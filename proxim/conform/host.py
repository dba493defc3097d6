"""Cases for a host."""

from __future__ import annotations

from proxim.conform import both
from proxim.conform.case import Cases, Nonconforming
from proxim.conform.stage import EXPIRES_IN, Stage

cases = Cases()


@cases.add("registers", "Host → node")
async def registers(stage: Stage) -> None:
    """Registers, opens a session of the asked type, and shows its link."""
    wire = await stage.registers()
    request = await stage.creates(wire)
    told = await stage.client.told("link")
    if not request.get("token_hash") and told.get("link") != stage.link:
        raise Nonconforming(f"the client shows {told.get('link')!r}; right is {stage.link!r}")
    if f"#{stage.session_id}." not in str(told.get("link")):
        raise Nonconforming("the link that the client shows has another session id")


@cases.add("asks-the-person", "Host → node")
async def asks_the_person(stage: Stage) -> None:
    """Tells who asks, and decides nothing by itself."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await wire.expect_none("pair_decision")


@cases.add("approves", "Host → node")
async def approves(stage: Stage) -> None:
    """Sends the person's approval, and tells it once the node confirms it."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(True)
    stage.check(await wire.expect("pair_decision"), approve=True)
    await stage.client.tells_none("approved", 0.5)
    await stage.approve(wire)


@cases.add("declines", "Host → node")
async def declines(stage: Stage) -> None:
    """Sends the person's refusal, and tells the end."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(False)
    stage.check(await wire.expect("pair_decision"), approve=False)
    await stage.say_result(wire, "rejected")
    await stage.end(wire, "rejected", "rejected")
    await stage.client.told("ended", reason="rejected")


@cases.add("code", "The code", required=False)
async def sends_the_code(stage: Stage) -> None:
    """Sends the code that the person types."""
    wire = await stage.registers(confirm="code")
    request = await stage.creates(wire, confirm="code")
    if request.get("confirm") != "code":
        raise Nonconforming("`create_session.confirm` is missing; right is 'code'")
    await stage.client.told("link")
    await stage.prompts(wire, confirm="code")
    await stage.decides(True, "482")
    stage.check(await wire.expect("pair_decision"), approve=True, code="482")


@cases.add("silent-before-approval", "Both → node")
async def sends_nothing_before_approval(stage: Stage) -> None:
    """Sends no signal before the approval."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.client.do("send", data="too early")
    await wire.expect_none("signal")


@cases.add("approval-timeout", "Lifecycle")
async def hears_that_time_is_up(stage: Stage) -> None:
    """Tells that the time to answer is up."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.say_result(wire, "expired")
    await stage.end(wire, "approval_timeout")
    await stage.client.told("ended", reason="approval_timeout")


@cases.add("too-late", "Errors")
async def hears_that_it_is_too_late(stage: Stage) -> None:
    """Tells the error `already_decided` if the time was up when the person decided."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(True)
    await wire.expect("pair_decision")
    await wire.answer("error", code="already_decided", message="late", session_id=stage.session_id)
    await stage.client.told("error", code="already_decided")
    await stage.client.tells_none("approved", 0.1)


@cases.add("gone-after-coming-back", "Host → node")
async def hears_that_the_session_is_gone(stage: Stage) -> None:
    """Tells the end if `registered` does not have the session any more."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.node.connection()
    again = await wire.expect("register")
    await wire.answer("registered", uuid=again["uuid"], sessions=[])
    await stage.client.told("ended")


@cases.add("prompt-after-coming-back", "Host → node")
async def is_asked_again(stage: Stage) -> None:
    """Keeps its identity when it comes back during a prompt, and can still decide."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await wire.close(1012)
    wire = await stage.node.connection()
    await stage.registers_again(wire, status="pending")
    await stage.say_prompt(wire, expires_in=EXPIRES_IN / 2)
    # A person needs a moment; the client knows by then that it is back.
    await stage.client.tells_none("ended", 0.5)
    await stage.decides(True)
    stage.check(await wire.expect("pair_decision"), approve=True)


@cases.add("renews", "Host → node", required=False)
async def renews_the_link(stage: Stage) -> None:
    """Gets a new link when the person wants one, and shows it."""
    wire = await stage.opens()
    await stage.client.do("renew")
    await stage.renews(wire, within=5)
    await stage.client.told("link")


@cases.add("contested", "Node → host or guest")
async def hears_that_the_link_is_contested(stage: Stage) -> None:
    """Takes `contested` for a hint: the session goes on."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await wire.say("contested", session_id=stage.session_id)
    await stage.client.tells_none("ended", 0.3)
    await stage.decides(True)
    stage.check(await wire.expect("pair_decision"), approve=True)


@cases.add("access-denied", "Errors")
async def hears_that_access_is_denied(stage: Stage) -> None:
    """Tells the error `access_denied`."""
    await stage.asks_to_open()
    wire = await stage.node.connection()
    await wire.expect("register")
    await wire.answer("error", code="access_denied", message="an access token is needed")
    await stage.client.told("error", code="access_denied")


@cases.add("limit-reached", "Errors")
async def hears_of_a_limit(stage: Stage) -> None:
    """Tells the error `limit_reached` when no session can be opened."""
    wire = await stage.registers()
    await wire.expect("create_session")
    await wire.answer("error", code="limit_reached", message="too many sessions")
    await stage.client.told("error", code="limit_reached")


cases.all += both.cases.all
