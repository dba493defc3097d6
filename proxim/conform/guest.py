"""Cases for a guest."""

from __future__ import annotations

from proxim.conform import both
from proxim.conform.case import Cases, Nonconforming
from proxim.conform.node import PLAYED, Wire
from proxim.conform.stage import PHONE, Stage

cases = Cases()


@cases.add("link-invalid", "Links and QR codes")
async def refuses_an_invalid_link(stage: Stage) -> None:
    """Says that a link without a token is invalid, and sends nothing."""
    await stage.client.do("pair", link=f"{stage.node.url}/join#{stage.session_id}", name="Phone")
    await stage.client.told("error", code="invalid_link")
    await stage.node.no_connection(1)


@cases.add("asks", "Guest → node")
async def asks(stage: Stage) -> None:
    """Asks to pair with the link's session id and token, and the name of its device."""
    await stage.client.do("pair", link=stage.link, name=PHONE["name"])
    wire = await stage.node.connection()
    request = await wire.expect("pair_request")
    stage.check(request, token=stage.token)
    if request["device_info"]["name"] != PHONE["name"]:
        raise Nonconforming(f"the name is {request['device_info']['name']!r}")


@cases.add("asks-without-subprotocol", "Transport")
async def asks_a_node_of_version_1(stage: Stage) -> None:
    """Pairs with a node whose `welcome` has only the fields of the first version."""
    wire = await stage.asks(features=None, seal=None)
    await stage.pending(wire)
    await stage.approve(wire)


@cases.add("silent-before-approval", "Both → node")
async def sends_nothing_before_approval(stage: Stage) -> None:
    """Sends no signal before the approval."""
    wire = await stage.asks()
    await stage.pending(wire)
    await stage.client.do("send", data="too early")
    await wire.expect_none("signal")


@cases.add("code", "The code")
async def shows_the_code(stage: Stage) -> None:
    """Shows the code of `pair_pending`."""
    wire = await stage.asks()
    await stage.pending(wire, code="482")
    await stage.client.told("code", code="482")
    await stage.approve(wire)


@cases.add("pending-is-not-approved", "Lifecycle")
async def waits_for_the_result(stage: Stage) -> None:
    """Does not take `pair_pending` for an approval."""
    wire = await stage.asks()
    await stage.pending(wire)
    await stage.client.tells_none("approved")
    await stage.approve(wire)


@cases.add("rejected", "Lifecycle")
async def hears_a_rejection(stage: Stage) -> None:
    """Tells that the host declined, and never that it is approved."""
    wire = await stage.asks()
    await stage.pending(wire)
    await stage.say_result(wire, "rejected")
    await stage.end(wire, "rejected", "rejected")
    await stage.client.told("ended", reason="rejected")
    await stage.client.tells_none("approved", 0.3)


@cases.add("approval-timeout", "Lifecycle")
async def hears_that_time_is_up(stage: Stage) -> None:
    """Tells that the host did not answer in time."""
    wire = await stage.asks()
    await stage.pending(wire)
    await stage.say_result(wire, "expired")
    await stage.end(wire, "approval_timeout")
    await stage.client.told("ended", reason="approval_timeout")


@cases.add("cancels", "Guest → node", required=False)
async def cancels_its_request(stage: Stage) -> None:
    """Cancels its request if it is to close before the approval."""
    wire = await stage.asks(features=[*PLAYED, "pair_cancel"])
    await stage.pending(wire, code="482")
    await stage.client.told("code", code="482")
    await stage.client.do("close")
    stage.check(await wire.expect("pair_cancel"))
    await stage.client.tells_none("approved", 0.3)


@cases.add("cancel-needs-feature", "Guest → node")
async def cancels_only_where_the_node_knows_it(stage: Stage) -> None:
    """Sends no `pair_cancel` to a node whose `welcome.features` does not have it."""
    wire = await stage.asks()
    await stage.pending(wire, code="482")
    await stage.client.told("code", code="482")
    await stage.client.do("close")
    await wire.expect_none("pair_cancel")


@cases.add("token-used", "Errors")
async def hears_that_the_link_was_used(stage: Stage) -> None:
    """Tells the error `token_used`, and does not ask again by itself."""
    wire = await stage.asks()
    await _refuse(stage, wire, "token_used")
    await wire.expect_none("pair_request")


@cases.add("link-lapsed", "Errors")
async def hears_that_the_link_expired(stage: Stage) -> None:
    """Tells the error `link_lapsed`."""
    await _refuse(stage, await stage.asks(), "link_lapsed")


@cases.add("host-offline", "Errors")
async def hears_that_the_host_is_offline(stage: Stage) -> None:
    """Tells the error `host_offline`."""
    await _refuse(stage, await stage.asks(), "host_offline")


@cases.add("unknown-session", "Errors")
async def hears_of_an_unknown_session(stage: Stage) -> None:
    """Tells the error `unknown_session`."""
    await _refuse(stage, await stage.asks(), "unknown_session")


@cases.add("code-again", "Guest → node")
async def resumes_during_the_prompt(stage: Stage) -> None:
    """Resumes while the host is asked, and is approved after that."""
    wire = await stage.asks()
    await stage.pending(wire, code="482")
    await stage.client.told("code", code="482")
    await wire.close(1012)
    wire = await stage.node.connection()
    message = await wire.expect("resume")
    stage.check(message, resume_token=stage.resume_tokens[0])
    await wire.answer(
        "resumed",
        session=stage.session(device_info=PHONE),
        host_online=True,
        expires_in=30.0,
        code="482",
        resume_token=stage.resume_tokens[0],
    )
    await stage.client.tells_none("approved", 0.5)
    await stage.approve(wire)


@cases.add("rotates", "Guest → node", required=False)
async def uses_the_newest_token(stage: Stage) -> None:
    """Shows the resume token that it was given last."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.comes_back()
    await stage.relays(wire, "seen")
    await wire.close(1012)
    wire = await stage.node.connection()
    stage.check(await wire.expect("resume"), resume_token=stage.resume_tokens[-1])


@cases.add("gone-after-coming-back", "Errors")
async def hears_that_the_session_is_gone(stage: Stage) -> None:
    """Tells an end or an error if the node no longer knows the session, and stops."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.node.connection()
    await wire.expect("resume")
    await wire.answer("error", code="unknown_session", message="gone", session_id=stage.session_id)
    await stage.client.told("ended", "error")
    await wire.expect_none()


@cases.add("token-reused", "Guest → node")
async def hears_that_its_token_was_copied(stage: Stage) -> None:
    """Tells the end if another device has used a copy of its resume token."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.node.connection()
    await wire.expect("resume")
    await stage.end(wire, "token_reused")
    await stage.client.told("ended", reason="token_reused")


async def _refuse(stage: Stage, wire: Wire, code: str) -> None:
    await wire.answer("error", code=code, message="refused", session_id=stage.session_id)
    await stage.client.told("error", code=code)


cases.all += both.cases.all
