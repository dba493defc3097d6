"""Sealed sessions at the router: which requests they need, and what is carried."""

import pytest
from msgspec import UNSET

from proxim.actors.limits import LimitSettings
from proxim.actors.stats import CONTESTED
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.messages import DeviceInfo
from tests.actors.helpers import PERSISTENT

SEALED_GUEST = DeviceInfo(name="Sealed device", id="random")
HASH = tokens.encode(tokens.digest("derived"))
SEALED = {"session_type": PERSISTENT, "seal": 1, "token_hash": HASH}


async def sealed_session(host):
    """Open a sealed session; return its id."""
    created = await host.asks(wire.CreateSession(**SEALED))
    assert (created.session.seal, created.link, created.token) == (1, UNSET, UNSET)
    return created.session.session_id


def sealed_request(session_id, seal="request"):
    return wire.PairRequest(
        session_id=session_id, token="derived", device_info=SEALED_GUEST, seal=seal
    )


async def test_seals_are_carried_between_host_and_guest(autojump_clock, node):
    host, guest = await node.host(), node.connect()
    session_id = await sealed_session(host)
    pending = await guest.asks(sealed_request(session_id))
    assert host.heard(wire.PairPrompt)[0].seal == "request"
    await host.asks(wire.PairAck(session_id=session_id, seal="ack", ref="mine"))
    assert guest.heard(wire.PairAck) == [wire.PairAck(session_id=session_id, seal="ack")]
    decision = wire.PairDecision(session_id=session_id, approve=True, seal="answer")
    assert (await host.asks(decision)).seal == "answer"
    assert guest.heard(wire.PairResult)[0].seal == "answer"
    resume = wire.Resume(session_id=session_id, resume_token=pending.resume_token)
    resumed = await node.connect().asks(resume)
    assert (resumed.ack, resumed.seal, resumed.session.seal) == ("ack", "answer", 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"token_hash": None}, "`token_hash` is missing"),
        ({"token_hash": None, "qr": "svg"}, "`token_hash` is missing"),
        ({"qr": "svg"}, "`qr`"),
        ({"join_url": "https://app.example/"}, "`join_url`"),
        ({"confirm": "code"}, '`confirm` must be "none"'),
    ],
)
async def test_sealed_session_has_a_link_that_the_node_does_not_know(
    autojump_clock, node, change, field
):
    refusal = await (await node.host()).asks(wire.CreateSession(**SEALED | change))
    assert refusal.code == "bad_message"
    assert refusal.message.startswith(field)
    assert node.drawn == 0
    assert node.supervisor.stats.alive == 0


async def test_node_makes_no_new_link_of_a_sealed_session(autojump_clock, node):
    host = await node.host()
    session_id = await sealed_session(host)
    refusal = await host.asks(wire.RenewLink(session_id=session_id))
    assert (refusal.code, refusal.session_id) == ("bad_message", session_id)
    renewed = await host.asks(wire.RenewLink(session_id=session_id, token_hash=HASH))
    assert (renewed.link, renewed.token) == (UNSET, UNSET)


async def test_sealed_request_that_is_sent_again_is_no_new_prompt(autojump_clock, start):
    node = await start(limit_settings=LimitSettings(prompts_per_host=1))
    host, guest = await node.host(), node.connect()
    session_id = await sealed_session(host)
    first = await guest.asks(sealed_request(session_id))
    newer = node.connect()
    second = await newer.asks(sealed_request(session_id))
    assert second.resume_token != first.resume_token
    assert guest.close_code == 4000
    assert len(host.heard(wire.PairPrompt)) == 1
    assert node.supervisor.stats.outcomes[CONTESTED] == 0
    other = await node.connect().asks(sealed_request(session_id, "another"))
    assert other.code == "token_used"
    assert host.heard(wire.Contested) == [wire.Contested(session_id=session_id)]
    assert node.supervisor.stats.outcomes[CONTESTED] == 1


async def test_node_that_requires_seals_opens_no_plain_session(autojump_clock, start):
    node = await start(require_seal=True)
    host = await node.host()
    refusal = await host.asks(wire.CreateSession(session_type=PERSISTENT))
    assert refusal.code == "bad_message"
    assert refusal.message.startswith("`seal` is missing: this node opens sealed sessions only")
    assert await sealed_session(host)
