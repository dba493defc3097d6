"""Cases for a host of a sealed session."""

from __future__ import annotations

import secrets

from proxim.conform import sealed_both
from proxim.conform.case import Cases, Nonconforming
from proxim.conform.sealed_guest import OLDER
from proxim.conform.sealed_stage import SealedStage
from proxim.conform.stage import EXPIRES_IN
from proxim.sealing.guest import SealedGuest
from proxim.sealing.host import SealedHost, new_link

cases = Cases(page="sealing", features=("seal",))


@cases.add("seal-opens", "The link")
async def opens(stage: SealedStage) -> None:
    """Opens a sealed session, and makes its link, whose secrets it does not tell the node."""
    await stage.opens()


@cases.add("seal-needs-feature", "Older versions")
async def stops_at_an_older_node(stage: SealedStage) -> None:
    """Opens no session at a node that does not carry seals, and says `seal_unavailable`."""
    wire = await stage.registers(**OLDER)
    await stage.client.told("error", code="seal_unavailable")
    await wire.expect_none("create_session")


@cases.add("seal-prompt", "The ack and the number")
async def acknowledges_and_asks(stage: SealedStage) -> None:
    """Sends its ack at once, tells the name that is in the seal, and decides nothing by itself."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await wire.expect_none("pair_decision")


@cases.add("seal-approves", "The answer")
async def approves(stage: SealedStage) -> None:
    """Seals the approval of a person who types the number of the guest."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(True, stage.code)
    await stage.takes_decision(wire, approve=True)


@cases.add("seal-declines", "The answer")
async def declines(stage: SealedStage) -> None:
    """Seals the person's refusal."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(False)
    await stage.takes_decision(wire, approve=False)


@cases.add("seal-wrong-code", "What the host checks")
async def rejects_after_a_wrong_number(stage: SealedStage) -> None:
    """Rejects if the person types another number."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(True, "999" if stage.code == "998" else "998")
    await stage.takes_decision(wire, approve=False)


@cases.add("seal-no-code", "What the host checks")
async def decides_nothing_without_a_number(stage: SealedStage) -> None:
    """Decides nothing by a text that is not a number of three digits."""
    wire = await stage.opens()
    await stage.prompts(wire)
    for code in (None, "", "12", f"{stage.code}0"):
        await stage.decides(True, code)
    await wire.expect_none("pair_decision")
    await stage.decides(True, stage.code)
    await stage.takes_decision(wire, approve=True)


@cases.add("seal-prompt-again", "What the host checks")
async def sends_the_ack_again(stage: SealedStage) -> None:
    """Sends the same ack again for the same prompt, also when it has come back."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await wire.close(1012)
    wire = await stage.node.connection()
    await stage.registers_again(wire, status="pending")
    await stage.say_prompt(wire, seal=stage.guest.state.seal, expires_in=EXPIRES_IN / 2)
    await stage.takes_ack(wire)
    await stage.decides(True, stage.code)
    await stage.takes_decision(wire, approve=True)


@cases.add("seal-decision-again", "What the host checks")
async def sends_the_decision_again(stage: SealedStage) -> None:
    """Sends the same decision again, if the prompt comes again."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.decides(True, stage.code)
    await stage.takes_decision(wire, approve=True)
    await wire.close(1012)
    wire = await stage.node.connection()
    await stage.registers_again(wire, status="pending")
    await stage.say_prompt(wire, seal=stage.guest.state.seal, expires_in=EXPIRES_IN / 2)
    again = await wire.expect_end("pair_decision")
    if again.get("seal") != stage.answer:
        raise Nonconforming("the client sent another decision; right is the same one")


@cases.add("seal-prompt-stripped", "What the host checks")
async def rejects_a_stripped_prompt(stage: SealedStage) -> None:
    """Rejects a request without a seal as tampered, and asks nobody."""
    wire = await stage.opens()
    await stage.say_prompt(wire)
    await stage.rejects(wire)
    await stage.client.told("ended", reason="tampered")


@cases.add("seal-prompt-forged", "What the host checks")
async def rejects_a_forged_prompt(stage: SealedStage) -> None:
    """Rejects a request that was not made with its link, and asks nobody."""
    wire = await stage.opens()
    host_key = SealedHost(stage.session_id, new_link()).link("").host_key
    stage.sealed_link = stage.sealed_link._replace(host_key=host_key)
    await stage.say_prompt(wire, seal=stage.new_request())
    await stage.rejects(wire)


@cases.add("seal-prompt-by-the-node", "HPKE")
async def rejects_a_prompt_without_the_seed(stage: SealedStage) -> None:
    """Rejects a request of somebody who has its key, but not the seed of its link."""
    wire = await stage.opens()
    stage.sealed_link = stage.sealed_link._replace(seed=secrets.token_bytes(32))
    await stage.say_prompt(wire, seal=stage.new_request())
    await stage.rejects(wire)


@cases.add("seal-prompt-of-another-session", "HPKE")
async def rejects_a_prompt_of_another_session(stage: SealedStage) -> None:
    """Rejects a request that was made for another session."""
    wire = await stage.opens()
    stage.sealed_link = stage.sealed_link._replace(session_id="A" * 22)
    await stage.say_prompt(wire, seal=stage.new_request())
    await stage.rejects(wire)


@cases.add("seal-second-request", "What the host checks")
async def opens_one_request(stage: SealedStage) -> None:
    """Ends the session as tampered if another request comes while the person is asked."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.say_prompt(wire, seal=SealedGuest.ask(stage.sealed_link, "Mallory").state.seal)
    await stage.finds_tampered(wire)


@cases.add("seal-request-after-approval", "What the host checks")
async def opens_no_request_after_the_approval(stage: SealedStage) -> None:
    """Ends the session as tampered if another request comes after the approval."""
    wire = await stage.approved()
    await stage.say_prompt(wire, seal=SealedGuest.ask(stage.sealed_link, "Mallory").state.seal)
    await stage.finds_tampered(wire)


@cases.add("seal-yes-forged", "Tampered")
async def believes_no_forged_approval(stage: SealedStage) -> None:
    """Ends the session as tampered if the node says approved, and no person has decided."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.say_result(wire, "approved", ice_servers=[], ice_ttl=stage.ice_ttl)
    await stage.finds_tampered(wire)


@cases.add("seal-registered-forged", "Tampered")
async def believes_no_approval_while_away(stage: SealedStage) -> None:
    """Ends the session as tampered if `registered` says approved, and no person has decided."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await wire.close(1012)
    wire = await stage.node.connection()
    await stage.registers_again(wire, status="approved")
    await stage.finds_tampered(wire)


@cases.add("seal-renews", "The link", required=False)
async def renews_the_link(stage: SealedStage) -> None:
    """Makes all secrets of a new link anew, and opens requests by it."""
    wire = await stage.opens()
    old = stage.sealed_link
    await stage.client.do("renew")
    stage.request = await stage.renews(wire, within=5)
    await stage.shows_link()
    if old.seed == stage.sealed_link.seed or old.host_key == stage.sealed_link.host_key:
        raise Nonconforming("the new link has a secret of the one before")
    await stage.prompts(wire)


@cases.add("seal-old-link", "What the host checks", required=False)
async def rejects_a_prompt_by_an_old_link(stage: SealedStage) -> None:
    """Rejects a request by the link before the present one."""
    wire = await stage.opens()
    old = stage.sealed_link
    await stage.client.do("renew")
    stage.request = await stage.renews(wire, within=5)
    await stage.shows_link()
    await stage.say_prompt(wire, seal=SealedGuest.ask(old, "Old").state.seal)
    await stage.rejects(wire)


@cases.add("seal-reload-during-prompt", "What the host checks", feature="reload")
async def goes_on_after_a_reload(stage: SealedStage) -> None:
    """Goes on after a reload during a prompt, and begins a new epoch after the approval."""
    wire = await stage.opens()
    await stage.prompts(wire)
    await stage.client.do("reload")
    wire = await stage.node.connection()
    await stage.registers_again(wire, status="pending")
    await stage.prompts(wire, seal=stage.guest.state.seal)
    await stage.decides(True, stage.code)
    await stage.takes_decision(wire, approve=True)
    await stage.approve(wire, seal=stage.answer)
    await stage.client.do("send", data="in a new epoch")
    await stage.agrees(wire)
    await stage.hears(wire, "in a new epoch")


cases.all += sealed_both.cases.all
