"""The tables of messages: host to node, guest to node, both."""

import pytest

from .client import PHONE, Node, Pair, Peer, unlink

KEY = "A" * 21 + "-"


def test_register_answers_with_a_key_only_when_none_was_given(node: Node) -> None:
    made = node.host().registered
    assert 22 <= len(made["key"]) <= 128
    assert (made["uuid"], made["sessions"]) == ("desk-1", [])
    assert "key" not in node.host(key=KEY).registered
    assert "key" not in node.host(key="_" * 128).registered


@pytest.mark.parametrize(
    ("field", "value"),
    [("uuid", bad) for bad in ("", "u" * 65, "a b", "é", 5)]
    + [("key", bad) for bad in ("k" * 21, "k" * 129, "k" * 30 + "=", 5)],
)
def test_register_refuses_a_field_out_of_its_form(node: Node, field: str, value: object) -> None:
    error = node.peer().refused("bad_message", "register", **{"uuid": "u", field: value})
    assert field in error["message"]


def test_register_wants_the_access_token_where_the_node_asks_for_one() -> None:
    node = Node("--access-token", "open-sesame-0123456789")
    try:
        peer = node.peer()
        peer.refused("access_denied", "register", uuid="u")
        peer.refused("access_denied", "register", uuid="u", access_token="open-sesame-012345678")
        peer.refused("not_registered", "list_sessions")
        host = node.host(access_token="open-sesame-0123456789")
        node.peer().pair(host.create())
        host.expect("pair_prompt")
    finally:
        node.close_peers()
        node.stop()


def test_another_key_is_another_owner(pair: Pair) -> None:
    other = pair.node.host(key=KEY)
    assert other.registered["sessions"] == []
    assert pair.id not in other.sessions()
    for request in ("close_session", "renew_link"):
        other.refused("unknown_session", request, session_id=pair.id)
    other.refused("unknown_session", "pair_decision", session_id=pair.id, approve=True)
    other.refused("unknown_session", "signal", session_id=pair.id, data=1)
    other.refused("unknown_session", "refresh_ice", session_id=pair.id)
    other.quiet()
    pair.approve()


def test_another_uuid_with_the_same_key_is_another_owner(pair: Pair) -> None:
    other = pair.node.host("desk-2", key=pair.host.key)
    assert other.registered["sessions"] == []
    other.refused("unknown_session", "close_session", session_id=pair.id)


def test_list_sessions_shows_the_sessions_of_this_owner(node: Node) -> None:
    host = node.host()
    made = {host.create(kind)["session"]["session_id"] for kind in ("one_time", "temporary")}
    assert set(host.sessions()) == made


def test_pair_within_is_the_life_of_the_link(node: Node) -> None:
    host = node.host()
    created = host.create()
    assert 59 < created["pair_within"] <= 60
    session_id = created["session"]["session_id"]
    assert 59 < host.ask("link_renewed", "renew_link", session_id=session_id)["pair_within"] <= 60
    assert host.create("temporary", ttl=5)["pair_within"] <= 5


@pytest.mark.parametrize("fields", [{"ttl": 0}, {"ttl": -1}, {"ttl": "5"}, {"ttl": True}, {}])
def test_a_temporary_session_needs_a_ttl(node: Node, fields: dict[str, object]) -> None:
    kind = {"session_type": "temporary"}
    error = node.host().refused("bad_message", "create_session", **kind, **fields)
    assert "ttl" in error["message"]


@pytest.mark.parametrize("session_type", ["one_time", "persistent"])
def test_a_ttl_is_refused_for_the_other_types(node: Node, session_type: str) -> None:
    kind = {"session_type": session_type}
    error = node.host().refused("bad_message", "create_session", **kind, ttl=5)
    assert "ttl" in error["message"]


@pytest.mark.parametrize("field", ["session_type", "qr", "token_hash", "join_url"])
def test_create_session_names_the_bad_field(node: Node, field: str) -> None:
    fields = {"session_type": "persistent", field: "nope"}
    assert field in node.host().refused("bad_message", "create_session", **fields)["message"]


def test_link_leads_to_the_join_url(node: Node) -> None:
    host, guest, page = node.host(), node.peer(), "https://app.example/pair?x=1"
    created = host.create(join_url=page)
    assert created["link"] == f"{page}#{created['session']['session_id']}.{created['token']}"
    session_id = created["session"]["session_id"]
    renewed = host.ask("link_renewed", "renew_link", session_id=session_id, join_url=page)
    assert renewed["link"] == f"{page}#{session_id}.{renewed['token']}"
    guest.pair({"link": renewed["link"].replace(page, "/join")})
    host.expect("pair_prompt")


@pytest.mark.parametrize(
    "page",
    [
        *(
            "https://app.example/#x",
            "https://me@app.example/",
            "https://app.example/a b",
            "https://",
        ),
        *("//app.example/", "javascript:alert(1)", "https://bücher.example/", "https://a/\u2028"),
        f"https://app.example/{'x' * 256}",
    ],
)
def test_page_that_no_link_can_lead_to_is_refused(node: Node, page: str) -> None:
    fields = {"session_type": "persistent", "join_url": page}
    assert "join_url" in node.host().refused("bad_message", "create_session", **fields)["message"]


def test_renew_link_voids_the_earlier_link_at_once(node: Node) -> None:
    host, guest = node.host(), node.peer()
    created = host.create()
    session_id, token = unlink(created["link"])
    renewed = host.ask("link_renewed", "renew_link", session_id=session_id)
    assert unlink(renewed["link"]) == (session_id, renewed["token"])
    asked = {"session_id": session_id, "device_info": PHONE}
    guest.refused("unknown_session", "pair_request", token=token, **asked)
    guest.pair(renewed)


def test_renew_link_is_for_pending_sessions_with_no_prompt_up(pair: Pair) -> None:
    pair.host.refused("not_allowed", "renew_link", session_id=pair.id)
    pair.approve()
    pair.host.refused("not_allowed", "renew_link", session_id=pair.id)


def test_the_prompt_and_its_answer_say_who_asks_and_how_long(pair: Pair) -> None:
    assert pair.prompt["device_info"] == PHONE
    assert 29 < pair.prompt["expires_in"] <= 30
    assert 29 < pair.pending["expires_in"] <= 30
    assert pair.pending["session_id"] == pair.id
    pair.guest.quiet()


def test_approval_reaches_both_with_device_and_ice_servers(pair: Pair) -> None:
    results = pair.host.decide(pair.id), pair.guest.expect("pair_result")
    for result in results:
        assert (result["session_id"], result["status"]) == (pair.id, "approved")
        assert result["device_info"] == PHONE
        assert isinstance(result["ice_servers"], list)
    pair.host.quiet()
    pair.guest.quiet()


def test_rejection_reaches_both_and_ends_the_session(node: Node, session_type: str) -> None:
    pair = Pair(node, session_type)
    results = pair.host.decide(pair.id, approve=False), pair.guest.expect("pair_result")
    for result in results:
        assert (result["status"], result["device_info"]) == ("rejected", PHONE)
        assert "ice_servers" not in result
    pair.ended("rejected", "rejected")


def test_resume_answers_with_the_session(approved: Pair) -> None:
    approved.guest.leave()
    approved.host.expect("peer_offline", session_id=approved.id)
    resumed = approved.resume()
    assert resumed["session"]["session_id"] == approved.id
    assert resumed["session"]["status"] == "approved"
    assert resumed["host_online"] is True
    assert isinstance(resumed["ice_servers"], list)
    approved.host.expect("peer_online", session_id=approved.id)


def test_nobody_gets_ice_servers_before_approval(pair: Pair) -> None:
    for side in (pair.host, pair.guest):
        side.refused("not_approved", "refresh_ice", session_id=pair.id)
    assert "ice_servers" not in pair.resume()


def test_refresh_ice_answers_both_sides_and_never_outlives_the_session(node: Node) -> None:
    pair = Pair(node, "temporary", ttl=20).approve()
    for side in (pair.host, pair.guest):
        answer = side.ask("ice_servers", "refresh_ice", session_id=pair.id)
        assert answer["session_id"] == pair.id
        assert isinstance(answer["ice_servers"], list)
        assert 0 < answer["ttl"] <= 20


def test_ping_is_answered_before_any_introduction(node: Node) -> None:
    assert set(node.peer().ask("pong", "ping")) == {"type", "ref"}


def test_a_signal_reaches_the_peer_with_id_and_data_only_and_no_reply(approved: Pair) -> None:
    approved.guest.send("signal", session_id=approved.id, data=1, ref="mine", extra=True)
    message = approved.host.expect("signal", session_id=approved.id, data=1)
    assert set(message) == {"type", "session_id", "data"}
    approved.guest.quiet()


RAW = [
    "null",
    "0",
    '""',
    "[]",
    "1.50",
    "1E3",
    "-0.0",
    "123456789012345678901234567890",
    r'"\u00e9\ud83d\ude00 é 😀 \/ \n"',
    '{ "z" : 1,\t"a" : [ true,false , null ], "z2":{"":"v=0\\r\\n"} }',
    "[" * 31 + "]" * 31,
    '{"type":"pair_result","status":"approved","session_id":"x"}',
]


def signal_raw(sender: Peer, session_id: str, data: str) -> None:
    sender.ws.send(f'{{"type":"signal","session_id":"{session_id}","data":{data}}}')


@pytest.mark.parametrize("away", [False, True], ids=["direct", "kept"])
def test_data_reaches_the_peer_byte_for_byte_and_in_order(approved: Pair, away: bool) -> None:
    if away:
        approved.guest.leave()
        approved.host.expect("peer_offline", session_id=approved.id)
    for data in RAW:
        signal_raw(approved.host, approved.id, data)
    if away:
        approved.resume()
        approved.host.expect("peer_online", session_id=approved.id)
    for data in RAW:
        approved.guest.expect("signal", session_id=approved.id)
        assert f'"data":{data}' in approved.guest.frames[-1].replace('"data": ', '"data":')
    approved.guest.quiet()
    approved.host.quiet()


def test_half_a_surrogate_pair_is_refused_and_harms_nothing(approved: Pair) -> None:
    signal_raw(approved.host, approved.id, r'"\ud800"')
    assert "half a surrogate pair" in approved.host.expect("error", code="bad_message")["message"]
    signal_raw(approved.host, approved.id, r'"\ud83d\ude00"')
    approved.guest.expect("signal", 1, session_id=approved.id)
    assert r'"\ud83d\ude00"' in approved.guest.frames[-1]


def test_hundreds_of_signals_keep_their_order_both_ways(approved: Pair) -> None:
    # No more than may come at once, past which the node reads more slowly.
    for number in range(190):
        approved.host.send("signal", session_id=approved.id, data=["h", number])
        approved.guest.send("signal", session_id=approved.id, data=["g", number])
    for number in range(190):
        approved.guest.expect("signal", data=["h", number])
        approved.host.expect("signal", data=["g", number])
