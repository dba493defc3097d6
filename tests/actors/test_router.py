import hashlib
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import get_args

import pytest
import trio
from msgspec import UNSET

from proxim.actors.limits import LimitSettings
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.link import parse_link
from proxim.protocol.messages import ClientMessage, Reason, Status
from proxim.session.state import MAX_SUPERSEDED
from tests.actors.helpers import (
    DEVICE,
    GUEST,
    HOST,
    KEY,
    ONE_TIME,
    OTHER_KEY,
    PERSISTENT,
    TEMPORARY,
    WRONG,
)

OWN_TOKEN = "token-of-the-hosts-own-making"
OWN_HASH = urlsafe_b64encode(hashlib.sha256(OWN_TOKEN.encode()).digest()).decode().rstrip("=")


# -- seats and requests ----------------------------------------------------------------------

WHO = ("stranger", "other owner", "asking guest", "guest", "lone host", "asked host", "host")
STAGES = ("prompts", "prompts", "prompts", "pairs", "invites", "prompts", "pairs")
MEANING = {
    "R": "not_registered",
    "U": "unknown_session",
    "T": "token_used",
    "X": "not_allowed",
    "P": "not_approved",
    "D": "already_decided",
    "B": "bad_message",
}
ANSWERS = {  # The reply, where it is "+", "." for none, or else the error; in the order of WHO.
    wire.Register: (wire.Registered, "+++++++"),
    wire.Ping: (wire.Pong, "+++++++"),
    wire.CreateSession: (wire.SessionCreated, "R+RR+++"),
    wire.ListSessions: (wire.Sessions, "R+RR+++"),
    wire.RenewLink: (wire.LinkRenewed, "RUXX+XX"),
    wire.PairDecision: (wire.PairResult, "RUXXX+D"),
    wire.PairAck: (wire.PairAck, "RUXXXBD"),  # The session is not sealed.
    wire.CloseSession: (wire.SessionEnded, "UUX++++"),
    wire.PairRequest: (wire.PairPending, "TTTTXXX"),
    wire.PairCancel: (wire.SessionEnded, "UU+DXXX"),
    wire.Resume: (wire.Resumed, "++++XXX"),
    wire.Signal: (wire.Signal, "UUP.PP."),
    wire.RefreshIce: (wire.IceServers, "UUP+PP+"),
}


def request(kind, meeting):
    """Return a valid message of a kind, which its sender may not be allowed to send."""
    fields = {
        wire.Register: {"uuid": "elsewhere", "key": KEY},
        wire.CreateSession: {"session_type": PERSISTENT},
        wire.PairDecision: {"approve": True},
        wire.PairAck: {"seal": "ack"},
        wire.PairRequest: {"token": meeting.token, "device_info": DEVICE},
        wire.Resume: {"resume_token": getattr(meeting, "resume_token", WRONG)},
        wire.Signal: {"data": b"1"},
    }.get(kind, {})
    if "session_id" in kind.__struct_fields__:
        fields["session_id"] = meeting.id
    return kind(ref="mine", **fields)


@pytest.mark.parametrize("kind", get_args(ClientMessage), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("who", WHO)
async def test_requests_are_answered_by_the_seat_of_the_sender(autojump_clock, node, who, kind):
    reply, answers = ANSWERS[kind]
    answer = answers[WHO.index(who)]
    meeting = await getattr(node, STAGES[WHO.index(who)])()
    client = {
        "stranger": node.connect(),
        "other owner": await node.host(uuid="other"),
        "asking guest": meeting.guest,
        "guest": meeting.guest,
    }.get(who, meeting.host)
    told, message = len(client.told), request(kind, meeting)
    await client.asks(message)
    received = [message for message in client.told[told:] if message.ref == "mine"]
    if answer in MEANING:
        session_id = getattr(message, "session_id", UNSET)
        assert [(it.code, it.session_id) for it in received] == [(MEANING[answer], session_id)]
    else:
        assert [type(message) for message in received] == [reply] * (answer == "+")
        assert client.heard(wire.Error) == []


async def test_stranger_cannot_tell_whether_a_session_exists(autojump_clock, node):
    meeting = await node.prompts()
    refusals = set()
    for session_id in (meeting.id, "no-such-session"):
        for message in (
            wire.PairRequest(session_id=session_id, token=WRONG, device_info=DEVICE),
            wire.Resume(session_id=session_id, resume_token=WRONG),
            wire.CloseSession(session_id=session_id),
        ):
            refusal = await node.connect().asks(message)
            assert refusal.session_id == session_id
            refusals.add((refusal.code, refusal.message))
    assert [code for code, _ in refusals] == ["unknown_session"]


# -- registering -----------------------------------------------------------------------------


async def test_register_takes_all_seats_and_prompts_after_the_reply(autojump_clock, node):
    first = await node.host()
    meeting, other = await node.prompts(host=first), await node.invites(host=first)
    await trio.sleep(15)
    await meeting.leaves(HOST)
    host = node.connect()
    await host.sends(wire.Register(uuid="desk", key=KEY, ref="mine"))
    registered, prompt = host.told
    assert (registered.ref, registered.uuid, registered.key) == ("mine", "desk", UNSET)
    assert [info.session_id for info in registered.sessions] == [meeting.id, other.id]
    assert all(info.host_online for info in registered.sessions)
    assert (prompt.session_id, prompt.device_info) == (meeting.id, DEVICE)
    assert prompt.expires_in == 40 - 15
    assert set(host.seats) == {meeting.id, other.id}


async def test_register_takes_only_the_named_seats(autojump_clock, node):
    first = await node.host()
    shown, kept = await node.prompts(host=first), await node.prompts(host=first)
    looker, taker = node.connect(), node.connect()
    await looker.sends(wire.Register(uuid="desk", key=KEY, seats=[]))
    assert [info.host_online for info in looker.told[0].sessions] == [True, True]
    assert (looker.seats, len(looker.told), first.closed) == ({}, 1, False)
    await kept.leaves(HOST)
    await taker.sends(wire.Register(uuid="desk", key=KEY, seats=[shown.id, "no-such-session"]))
    assert [info.host_online for info in taker.told[0].sessions] == [True, False]
    assert [prompt.session_id for prompt in taker.heard(wire.PairPrompt)] == [shown.id]
    assert set(taker.seats) == {shown.id}


async def test_key_made_by_the_node_works_like_any_other(autojump_clock, node):
    host = node.connect()
    await host.registers(key=None)
    (registered,) = host.told
    meeting = await node.invites(host=host)
    again = await node.connect().registers(key=registered.key)
    assert [info.session_id for info in again.sessions] == [meeting.id]
    assert (await node.connect().registers(key=None)).key != registered.key


async def test_same_uuid_with_another_key_sees_no_session(autojump_clock, node):
    meeting = await node.invites()
    for key, uuid in ((OTHER_KEY, "desk"), (KEY, "other"), (None, "desk")):
        other = await node.host(key, uuid)
        assert other.heard(wire.Registered)[0].sessions == await other.lists() == []
        assert (await other.asks(meeting.close())).code == "unknown_session"
    assert not meeting.host.closed


async def test_register_needs_the_access_token(autojump_clock, start):
    node = await start(access_token="let me in")
    for wrong in (None, "", "let me"):
        client = node.connect()
        refusal = await client.asks(wire.Register(uuid="desk", access_token=wrong, ref="mine"))
        assert (refusal.code, refusal.ref, client.owner) == ("access_denied", "mine", None)
    good = wire.Register(uuid="desk", access_token="let me in")
    assert isinstance(await node.connect().asks(good), wire.Registered)


# -- sessions and links ----------------------------------------------------------------------


async def test_new_session_comes_with_its_link(autojump_clock, node):
    host = await node.host()
    created = await host.asks(wire.CreateSession(session_type=ONE_TIME))
    info, link = created.session, parse_link(created.link)
    assert link == ("https://node.example", info.session_id, created.token)
    assert (created.pair_within, created.qr_svg, created.ref) == (300, UNSET, UNSET)
    assert (info.status, info.host_online, info.expires_at) == (Status.PENDING, True, None)
    other = await host.asks(wire.CreateSession(session_type=ONE_TIME))
    assert (other.session.session_id, other.token) != (info.session_id, created.token)


@pytest.mark.parametrize("kind", [ONE_TIME, PERSISTENT, TEMPORARY])
async def test_ttl_is_for_temporary_sessions_and_required_there(autojump_clock, node, kind):
    host = await node.host()
    wrong, right = (None, 90.0) if kind is TEMPORARY else (90.0, None)
    refusal = await host.asks(wire.CreateSession(session_type=kind, ttl=wrong))
    assert refusal.code == "bad_message"
    assert "`ttl`" in refusal.message
    info = (await host.asks(wire.CreateSession(session_type=kind, ttl=right))).session
    lifetime = None if right is None else info.created_at + timedelta(seconds=right)
    assert info.expires_at == lifetime
    assert await host.lists() == [info]


async def test_token_made_by_the_host_is_unknown_to_the_node(autojump_clock, node):
    host = await node.host()
    meeting = await node.invites(host=host)
    create = wire.CreateSession(session_type=PERSISTENT, token_hash=OWN_HASH)
    renew = wire.RenewLink(session_id=meeting.id, token_hash=OWN_HASH)
    created, renewed = await host.asks(create), await host.asks(renew)
    assert (created.link, created.token, created.qr_svg) == (UNSET, UNSET, UNSET)
    assert (renewed.link, renewed.token, renewed.qr_svg) == (UNSET, UNSET, UNSET)
    for session_id in (created.session.session_id, renewed.session_id):
        ask = wire.PairRequest(session_id=session_id, token=OWN_TOKEN, device_info=DEVICE)
        assert isinstance(await node.connect().asks(ask), wire.PairPending)


async def test_qr_code_shows_the_link_and_needs_one(autojump_clock, node):
    host = await node.host()
    created = await host.asks(wire.CreateSession(session_type=PERSISTENT, qr="svg"))
    renewed = await host.asks(wire.RenewLink(session_id=created.session.session_id, qr="svg"))
    assert created.qr_svg == f"<svg>{created.link}</svg>"
    assert renewed.qr_svg == f"<svg>{renewed.link}</svg>" != created.qr_svg
    both = wire.CreateSession(session_type=PERSISTENT, qr="svg", token_hash=OWN_HASH)
    assert (await host.asks(both)).code == "bad_message"
    assert len(await host.lists()) == 1


async def test_link_leads_to_the_page_that_the_request_names(autojump_clock, node):
    host = await node.host()
    page = "https://app.example/pair?room=1"
    created = await host.asks(wire.CreateSession(session_type=PERSISTENT, qr="svg", join_url=page))
    session_id = created.session.session_id
    assert created.link == f"{page}#{session_id}.{created.token}"
    assert created.qr_svg == f"<svg>{created.link}</svg>"
    renewed = await host.asks(wire.RenewLink(session_id=session_id, join_url=page))
    assert renewed.link == f"{page}#{session_id}.{renewed.token}"
    plain = await host.asks(wire.RenewLink(session_id=session_id))
    assert parse_link(plain.link).session_id == session_id


async def test_page_of_a_link_that_only_the_host_knows_is_refused(autojump_clock, node):
    host = await node.host()
    page = "https://app.example/pair"
    both = wire.CreateSession(session_type=PERSISTENT, join_url=page, token_hash=OWN_HASH)
    refused = await host.asks(both)
    assert (refused.code, "join_url" in refused.message) == ("bad_message", True)
    assert await host.lists() == []


async def test_renewed_link_invalidates_the_earlier_one_at_once(autojump_clock, node):
    meeting = await node.invites()
    await trio.sleep(301)
    assert (await meeting.guest.asks(meeting.pair_request())).code == "link_lapsed"
    await meeting.host.sends(wire.RenewLink(session_id=meeting.id, ref="mine"))
    await meeting.guest.sends(meeting.pair_request())
    assert meeting.guest.told[-1].code == "unknown_session"
    renewed = meeting.host.told[-1]
    assert (renewed.pair_within, renewed.ref) == (300, "mine")
    meeting.token = parse_link(renewed.link).token
    await meeting.guest.sends(meeting.pair_request())
    assert isinstance(meeting.guest.told[-1], wire.PairPending)


@pytest.mark.parametrize("answer", [True, False])
async def test_decision_of_the_host_is_the_outcome(autojump_clock, node, answer):
    meeting = await node.prompts()
    await meeting.host.asks(meeting.decision(approve=answer))
    for side in (meeting.host, meeting.guest):
        (result,) = side.heard(wire.PairResult)
        assert result.status is (Status.APPROVED if answer else Status.REJECTED)
        assert side.endings == ([] if answer else [Reason.REJECTED])


async def test_link_stays_valid_while_the_host_is_offline(autojump_clock, node):
    meeting = await node.invites()
    await meeting.leaves(HOST)
    assert (await meeting.guest.asks(meeting.pair_request())).code == "host_offline"
    await meeting.returns(HOST)
    assert isinstance(await meeting.guest.asks(meeting.pair_request()), wire.PairPending)
    assert (await node.connect().asks(meeting.pair_request())).code == "token_used"


# -- clients that have hung up ---------------------------------------------------------------


async def test_answer_for_a_client_that_has_hung_up_is_not_made(autojump_clock, node):
    meeting = await node.pairs()
    meeting.host.has_left = True
    told = len(meeting.host.told)
    for request in (wire.ListSessions(), wire.Ping(), wire.RefreshIce(session_id=meeting.id)):
        await meeting.host.asks(request)
    assert len(meeting.host.told) == told


async def test_requests_of_a_client_that_has_hung_up_are_done_without_a_drawing(
    autojump_clock, node
):
    host = await node.host()
    meeting = await node.invites(host=host)
    host.has_left = True
    created = await host.asks(wire.CreateSession(session_type=PERSISTENT, qr="svg"))
    renewed = await host.asks(wire.RenewLink(session_id=meeting.id, qr="svg"))
    assert (created.qr_svg, renewed.qr_svg, node.drawn) == (UNSET, UNSET, 0)
    assert (await meeting.guest.asks(meeting.pair_request())).code == "unknown_session"
    await host.asks(wire.CloseSession(session_id=created.session.session_id))
    assert host.endings == [Reason.CLOSED]


@pytest.mark.parametrize("stage", ["prompts", "pairs"])
async def test_nothing_is_drawn_for_a_link_that_cannot_be_renewed(autojump_clock, node, stage):
    meeting = await getattr(node, stage)()
    renew = wire.RenewLink(session_id=meeting.id, qr="svg")
    assert (await meeting.host.asks(renew)).code == "not_allowed"
    await meeting.host.asks(meeting.close())
    assert (await meeting.host.asks(renew)).reason is Reason.CLOSED
    assert node.drawn == 0


# -- codes and resume tokens -----------------------------------------------------------------


async def test_each_request_to_pair_has_a_code_of_its_own(autojump_clock, node, caplog):
    caplog.set_level("DEBUG")
    codes, host = set(), await node.host()
    for _ in range(40):
        created = await host.asks(wire.CreateSession(session_type=PERSISTENT, confirm="code"))
        session_id = created.session.session_id
        asked = wire.PairRequest(session_id=session_id, token=created.token, device_info=DEVICE)
        pending = await node.connect().asks(asked)
        assert "100" <= pending.code <= "999"
        approved = wire.PairDecision(session_id=session_id, approve=True, code=pending.code)
        assert (await host.asks(approved)).status is Status.APPROVED
        codes.add(pending.code)
        assert not any(pending.code in record.getMessage() for record in caplog.records)
    assert len(codes) > 20
    assert all(getattr(message, "code", None) is None for message in host.told)


@pytest.mark.parametrize("sent", [{"approve": False}, {"approve": True}])
async def test_guest_whose_code_was_mistyped_is_not_denied(autojump_clock, start, sent):
    node = await start(limit_settings=LimitSettings(denials_per_address=1, prompts_per_host=0))
    host = await node.host()
    for number in range(2):
        created = await host.asks(wire.CreateSession(session_type=PERSISTENT, confirm="code"))
        session_id = created.session.session_id
        asked = wire.PairRequest(session_id=session_id, token=created.token, device_info=DEVICE)
        answer = await node.connect("192.0.2.1").asks(asked)
        if number == 1 and not sent["approve"]:
            assert answer.code == "rate_limited"
            break
        assert isinstance(answer, wire.PairPending)
        other = "998" if answer.code == "999" else "999"
        decision = wire.PairDecision(session_id=session_id, code=other, **sent)
        await host.asks(decision)
        assert host.heard(wire.PairResult)[-1].status is Status.REJECTED


async def test_guest_that_resumes_gets_a_new_token_and_the_old_one_is_watched(autojump_clock, node):
    meeting = await node.pairs()
    first = meeting.resume_token
    told = [first]
    for _ in range(3):
        meeting.resume_token = told[-1]
        told.append((await meeting.returns(GUEST)).told[0].resume_token)
    assert len(set(told)) == 4
    meeting.resume_token = first
    thief, guest = node.connect(), meeting.guest
    ended = await thief.asks(meeting.resume())
    assert ended.reason is Reason.TOKEN_REUSED
    assert guest.endings == meeting.host.endings == [Reason.TOKEN_REUSED]


async def test_thief_cannot_have_the_token_of_the_guest_forgotten(autojump_clock, node):
    meeting = await node.pairs()
    first = meeting.resume_token
    of_guest = (await meeting.returns(GUEST)).told[0].resume_token
    assert tokens.family(of_guest) == tokens.family(first) is not None
    for _ in range(2 * MAX_SUPERSEDED):
        meeting.resume_token = (await meeting.returns(GUEST)).told[0].resume_token
    meeting.resume_token = of_guest
    assert (await node.connect().asks(meeting.resume())).reason is Reason.TOKEN_REUSED


async def test_first_resume_token_has_a_family_that_the_session_knows(autojump_clock, node):
    meeting, other = await node.prompts(), await node.prompts(host=await node.host("x" * 22))
    shared = tokens.family(meeting.resume_token)
    assert shared != tokens.family(other.resume_token)
    meeting.resume_token = f"{shared}{'w' * 43}"
    assert (await node.connect().asks(meeting.resume())).reason is Reason.TOKEN_REUSED
    other.resume_token = f"{shared}{'w' * 43}"
    assert (await node.connect().asks(other.resume())).code == "unknown_session"


async def test_host_is_told_of_another_device_and_that_device_of_the_used_link(
    autojump_clock, node
):
    meeting = await node.prompts()
    for _ in range(2):
        assert (await node.connect().asks(meeting.pair_request())).code == "token_used"
    assert meeting.host.heard(wire.Contested) == [wire.Contested(session_id=meeting.id)]
