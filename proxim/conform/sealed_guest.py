"""Cases for a guest of a sealed session."""

from __future__ import annotations

import json
import secrets
from typing import Any

from proxim.conform import sealed_both
from proxim.conform.case import Cases, Nonconforming
from proxim.conform.node import Fields, Wire
from proxim.conform.sealed_stage import SealedStage, forged
from proxim.conform.stage import PHONE, SERVERS
from proxim.sealing.keys import new_pair

cases = Cases(page="sealing", features=("seal",))

OLDER: Fields = {"features": ["confirm", "rotate", "join_url"], "seal": None}
"""The fields of the `welcome` of a node that carries no seals."""


@cases.add("seal-link-cut", "The link")
async def refuses_a_cut_link(stage: SealedStage) -> None:
    """Says that a link whose third part is cut short is invalid, and sends nothing."""
    await stage.client.do("pair", link=stage.link[:-2], name=PHONE["name"])
    await stage.client.told("error", code="invalid_link")
    await stage.node.no_connection(1)


@cases.add("seal-asks", "The request")
async def asks(stage: SealedStage) -> None:
    """Seals its name and its key for the host, and tells the node neither."""
    await stage.asks()


@cases.add("seal-needs-feature", "What the guest checks")
async def stops_at_an_older_node(stage: SealedStage) -> None:
    """Sends nothing to a node that does not carry seals, and says `seal_unavailable`."""
    await stage.client.do("pair", link=stage.link, name=PHONE["name"])
    wire = await stage.node.connection(**OLDER)
    await stage.client.told("error", code="seal_unavailable")
    await wire.expect_none()


@cases.add("seal-asks-again", "The request")
async def asks_again(stage: SealedStage) -> None:
    """Sends the same request again if the connection is lost before `pair_pending`."""
    wire = await stage.asks()
    await wire.close(1012)
    wire = await stage.node.connection()
    again = await wire.expect("pair_request")
    if any(again.get(key) != stage.request[key] for key in ("token", "seal")):
        raise Nonconforming("the client sent another `pair_request`; right is the same one")
    await stage.pending(wire)
    await stage.acks(wire)
    await stage.shows_code()


@cases.add("seal-code", "The ack and the number")
async def shows_the_number_of_the_ack(stage: SealedStage) -> None:
    """Shows the number of the host's ack, and no number of the node."""
    wire = await stage.asks()
    await stage.pending(wire, code="999" if stage.code == "998" else "998")
    await stage.client.tells_none("code", 0.5)
    await stage.acks(wire)
    await stage.shows_code()


@cases.add("seal-ack-forged", "The ack and the number")
async def ignores_a_forged_ack(stage: SealedStage) -> None:
    """Shows no number for an ack that does not open, and takes the host's after it."""
    wire = await stage.asks()
    await stage.pending(wire)
    await stage.acks(wire, forged("ack", new_pair(secrets.token_bytes).public))
    await stage.client.tells_none("code", 0.5)
    await stage.acks(wire)
    await stage.shows_code()


@cases.add("seal-ack-again", "The ack and the number")
async def takes_the_first_ack(stage: SealedStage) -> None:
    """Keeps to the first ack that opens, whatever comes after it."""
    wire = await stage.prompted()
    await stage.acks(wire, stage.box("ack", new_pair(secrets.token_bytes).public))
    await stage.client.tells_none("code", 0.5)
    await stage.acks(wire)
    await stage.approve(wire, seal=stage.decide())
    await stage.relays(wire, "in the epoch of the first ack")


@cases.add("seal-yes-stripped", "What the guest checks")
async def believes_no_stripped_approval(stage: SealedStage) -> None:
    """Leaves as tampered if the node says approved, without an answer of the host."""
    await _is_not_approved(stage)


@cases.add("seal-yes-forged", "What the guest checks")
async def believes_no_forged_approval(stage: SealedStage) -> None:
    """Leaves as tampered if the answer is not sealed by the host."""
    await _is_not_approved(stage, forged("answer", _answer()))


@cases.add("seal-yes-of-the-ack", "Boxes")
async def believes_no_box_of_another_kind(stage: SealedStage) -> None:
    """Leaves as tampered if the answer is a box of another kind."""
    wire = await stage.prompted()
    await _is_approved_by_the_node(stage, wire, stage.box("ack", _answer()))


@cases.add("seal-yes-for-no", "What the guest checks")
async def believes_the_host_that_says_no(stage: SealedStage) -> None:
    """Leaves as tampered if the node says approved, and the host says no."""
    wire = await stage.prompted()
    await _is_approved_by_the_node(stage, wire, stage.decide(False))


@cases.add("seal-name-forbidden", "Names")
async def believes_no_forbidden_name(stage: SealedStage) -> None:
    """Leaves as tampered if the host's name breaks the rules for names."""
    wire = await stage.prompted()
    await _is_approved_by_the_node(stage, wire, stage.box("answer", _answer(name="a\u202eb")))


@cases.add("seal-answer-unknown-key", "Notation")
async def ignores_unknown_keys_of_the_answer(stage: SealedStage) -> None:
    """Ignores a key of the host's answer that it does not know."""
    wire = await stage.prompted()
    stage.decide()
    await stage.approve(wire, seal=stage.box("answer", _answer(later={"a": [1]})))
    await stage.relays(wire, "after it")


@cases.add("seal-no", "The answer")
async def hears_a_rejection(stage: SealedStage) -> None:
    """Tells that the host declined."""
    wire = await stage.prompted()
    await stage.say_result(wire, "rejected", seal=stage.decide(False))
    await stage.end(wire, "rejected", "rejected")
    await stage.client.told("ended", reason="rejected")


@cases.add("seal-no-stripped", "What the guest checks")
async def doubts_a_stripped_rejection(stage: SealedStage) -> None:
    """Tells a rejection without an answer of the host as not confirmed by it."""
    await _is_rejected_by_the_node(stage)


@cases.add("seal-no-forged", "What the guest checks")
async def doubts_a_forged_rejection(stage: SealedStage) -> None:
    """Tells a rejection that the host has not sealed as not confirmed by it."""
    await _is_rejected_by_the_node(stage, seal=forged("answer", _answer(yes=False)))


@cases.add("seal-left", "The answer")
async def ends_by_its_own_clock(stage: SealedStage) -> None:
    """Ends the session when the host's `left` is over, whatever the node says."""
    stage.session_type = "temporary"
    wire = await stage.prompted()
    await stage.approve(wire, seal=stage.decide(left=2.0))
    await stage.client.told("ended", reason="expired")


@cases.add("seal-resumes-during-prompt", "The ack and the number")
async def resumes_during_the_prompt(stage: SealedStage) -> None:
    """Resumes while the host is asked, and takes the ack of `resumed`."""
    wire = await stage.asks()
    await stage.pending(wire)
    await wire.close(1012)
    stage.resumed = {"ack": stage.ack, "expires_in": 30.0}
    wire = await stage.node.connection()
    await stage.resumes(wire, status="pending")
    await stage.shows_code()
    await stage.approve(wire, seal=stage.decide())
    await stage.relays(wire, "after it")


@cases.add("seal-approved-while-away", "The answer")
async def is_approved_while_away(stage: SealedStage) -> None:
    """Takes the host's answer of `resumed`, and begins an epoch."""
    wire = await stage.prompted()
    await wire.close(1012)
    stage.decide()
    wire = await stage.comes_back()
    await stage.client.told("approved")
    await stage.relays(wire, "after it")


@cases.add("seal-approved-while-away-stripped", "What the guest checks")
async def believes_no_approval_while_away(stage: SealedStage) -> None:
    """Leaves as tampered if `resumed` says approved, without an answer of the host."""
    wire = await stage.prompted()
    await wire.close(1012)
    stage.resumed = {"ack": stage.ack}
    wire = await stage.returns()
    await stage.finds_tampered(wire)


@cases.add("seal-reload-during-prompt", "What the guest checks", feature="reload")
async def goes_on_after_a_reload(stage: SealedStage) -> None:
    """Goes on after a reload while the host is asked, and begins a new epoch after the approval."""
    await stage.prompted()
    await stage.client.do("reload")
    stage.resumed = {"ack": stage.ack, "expires_in": 30.0}
    wire = await stage.node.connection()
    await stage.resumes(wire, status="pending")
    await stage.shows_code()
    await stage.approve(wire, seal=stage.decide())
    await stage.client.do("send", data="in a new epoch")
    await stage.agrees(wire)
    await stage.hears(wire, "in a new epoch")


async def _is_not_approved(stage: SealedStage, seal: str | None = None) -> None:
    await _is_approved_by_the_node(stage, await stage.prompted(), seal)


async def _is_approved_by_the_node(stage: SealedStage, wire: Wire, seal: str | None) -> None:
    fields = {} if seal is None else {"seal": seal}
    await stage.say_result(wire, "approved", ice_servers=SERVERS, ice_ttl=stage.ice_ttl, **fields)
    await stage.finds_tampered(wire)


async def _is_rejected_by_the_node(stage: SealedStage, **seal: str) -> None:
    wire = await stage.prompted()
    await stage.say_result(wire, "rejected", **seal)
    await stage.end(wire, "rejected", "rejected")
    await stage.client.told("ended", reason="unconfirmed")


def _answer(**fields: Any) -> bytes:
    answer = {"v": 1, "yes": True, "name": "Conform host", "type": "persistent", "left": None}
    return json.dumps(answer | fields, ensure_ascii=False).encode().ljust(1024)


cases.all += sealed_both.cases.all
