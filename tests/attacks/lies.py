"""The lies of a node, and what comes of each."""

import os

from proxim.protocol.messages import SessionType
from proxim.protocol.tokens import encode
from proxim.sealing.answer import Terms, seal_answer
from proxim.sealing.box import seal_box
from proxim.sealing.guest import SealedGuest
from proxim.sealing.host import SealedHost, new_link
from proxim.sealing.link import parse_sealed_link
from proxim.sealing.peer import SealedPeer
from tests.attacks.lying_node import (
    ALWAYS,
    ASKING,
    DESK,
    DESK_RELOADS,
    DESK_WAITS,
    OPENING,
    PHONE,
    PHONE_RELOADS,
    PHONE_WAITS,
    TALKING,
    Lie,
    is_signal,
)

# -- how to tell lies ----------------------------------------------------------------------------
# Each returns a ``tell``. A value that can be called is called with the node and the message.


def instead(kind, to, **fields):
    """In place of a message of a type, the same one with other fields; None leaves one out."""
    return _at(kind, to, lambda node, message: _with(node, message, fields))


def behind(kind, to, other, **fields):
    """Behind a message of a type, one of another type, with the same ``session_id``."""

    def both(node, message):
        id = message.get("session_id") or message["session"]["session_id"]
        return [message, _with(node, {"type": other, "session_id": id}, fields)]

    return _at(kind, to, both)


def never(kind, to):
    """A message of a type never comes."""
    return _at(kind, to, lambda node, message: None)


def before_signals(key, forged):
    """Before each signal ("c") or hello ("h"), another with the data ``forged(node, data, to)``."""

    def tell(node, message, side):
        if not is_signal(message, key):
            return message
        data = forged(node, message["data"], side)
        return message if data is None else [{**message, "data": data}, message]

    return tell


def in_place_of_two(key, both):
    """In place of two signals for a side, what ``both`` makes of them."""

    def tell(node, message, side):
        if not is_signal(message, key):
            return message
        held = [each for to, each in node.kept if to == side]
        node.kept = [(to, each) for to, each in node.kept if to != side]
        if held:
            return both(held[0], message)
        node.kept.append((side, message))
        return None

    return tell


def _at(kind, to, told):
    return lambda node, message, side: (
        told(node, message) if (message["type"], side) == (kind, to) else message
    )


def _with(node, message, fields):
    called = {key: each(node, message) if callable(each) else each for key, each in fields.items()}
    return {key: each for key, each in {**message, **called}.items() if each is not None}


# -- what a lying node has -----------------------------------------------------------------------

_SECRET = os.urandom(32)
"""A secret of the node's own: it has that of no session."""
_OWN_HOST = SealedHost("i" * 22, new_link())
_TERMS = Terms("Desk", SessionType.PERSISTENT, None)
FORGED_REQUEST = SealedGuest.ask(_OWN_HOST.link("http://node.example"), "Mallory").state.seal
FORGED_ACK = encode(seal_box(_SECRET, "ack", "h", os.urandom(32), os.urandom))
FORGED_YES = encode(seal_answer(_SECRET, True, _TERMS, os.urandom))
OLD_WELCOME = {"seal": None, "features": ["confirm", "rotate", "join_url"]}
NO_ICE = {"ice_servers": [], "device_info": {"name": "Sealed device", "id": "x"}}
A_PROMPT = {"device_info": NO_ICE["device_info"], "expires_in": 40.0}


def forged_hello(node, data, to):
    """A hello under the node's own secret."""
    return SealedPeer("g" if to == DESK else "h", _SECRET).start()


def seal_of(kind, to):
    """Return what gives the seal that a side has heard in this session."""
    return lambda node, _: next(m["seal"] for m in node.told[to] if m["type"] == kind)


def seal_before(kind, to):
    """Return what gives the seal that a side has heard in another session."""
    return lambda node, _: next(m["seal"] for m in node.before[to] if m["type"] == kind)


def signal_before(key):
    """Return what gives a signal or hello that this side has heard in another session."""
    return lambda node, _, to: next(m["data"] for m in node.before[to] if is_signal(m, key))


def own_signal(key):
    """Return what gives the last signal or hello that this side itself has sent."""

    def own(node, _, to):
        sent = node.told[PHONE if to == DESK else DESK]
        return next((m["data"] for m in reversed(sent) if is_signal(m, key)), None)

    return own


def of_photo(number):
    """Return what gives the request of somebody with a photo of a link of this session."""

    def seal(node, _):
        guest = SealedGuest.ask(parse_sealed_link(node.links[number]), "Mallory")
        node.kept.append(guest)
        return guest.state.seal

    return seal


# -- lies that need more words -------------------------------------------------------------------


def in_sessions(change):
    """In each session object, what ``change`` makes of it."""

    def tell(node, message, side):
        if "session" in message:
            return {**message, "session": change(message["session"])}
        if "sessions" in message:
            return {**message, "sessions": [change(each) for each in message["sessions"]]}
        return message

    return tell


def without_seal(session):
    return {key: each for key, each in session.items() if key != "seal"}


def approved(session):
    return {**session, "status": "approved"}


def everything_again(node, message, side):
    """Behind the first hello for a side: each signal and hello that it has ever heard."""
    if not is_signal(message, "h") or side in node.kept:
        return message
    node.kept.append(side)
    return [message, *(each for each in node.told[side] if each["type"] == "signal")]


def number_of_the_photo(node, message, side):
    """Somebody with a photo asks instead of the phone, and the phone is told their number."""
    if (message["type"], side) == ("pair_prompt", DESK):
        return {**message, "seal": of_photo(0)(node, message)}
    if (message["type"], side) == ("pair_ack", PHONE):
        (mallory,) = node.kept
        assert mallory.take_ack(message["seal"])
        pending = next(m for m in node.told[PHONE] if m["type"] == "pair_pending")
        return [message, {**pending, "code": mallory.code}]
    return message


def no_for_yes(node, message, side):
    """The yes becomes a no, and the session ends for the phone."""
    if (message["type"], side) != ("pair_result", PHONE):
        return message
    no = {**message, "status": "rejected"}
    return [no, {**no, "type": "session_ended", "reason": "rejected"}]


def late_signals(node, message, side):
    """Signals of the desk are held back until the phone is reloaded."""
    if side == PHONE and node.stage == TALKING and is_signal(message):
        node.kept.append(message)
        return None
    if side == PHONE and node.stage == PHONE_RELOADS and is_signal(message, "h"):
        held, node.kept = node.kept, []
        return [message, *held] if held else message
    return message


def echo_behind_signal(node, message, side):
    """The phone's second hello comes behind the signal that was sent after it."""
    if side == DESK and is_signal(message, "h"):
        node.kept.append(message)
        return None if len(node.kept) == 2 else message
    if side == DESK and is_signal(message) and len(node.kept) == 2:
        node.kept.append(None)
        return [message, node.kept[1]]
    return message


def prompt_again(**fields):
    """Behind the first signal for the desk: the prompt again, or one with another seal."""

    def tell(node, message, side):
        if side != DESK or not is_signal(message) or node.kept:
            return message
        node.kept.append(side)
        prompt = next(m for m in node.told[DESK] if m["type"] == "pair_prompt")
        return [message, {**prompt, **fields}]

    return tell


def _lie(kind, name, stage, tell, **results):
    notices = {key: frozenset(results.pop(key)) for key in list(results) if "notices" in key}
    stages = stage if isinstance(stage, frozenset) else frozenset({stage})
    return Lie(kind, name, stages, tell, **results, **notices)


TAMPERED, LATE, BEFORE, MISSED, UNOPENED = "tampered", "late", "before", "missed", "unopened"
UNCONFIRMED, REJECTED, UNAVAILABLE = "unconfirmed", "rejected", "seal_unavailable"
_NOT_ASKED = {
    "desk": REJECTED,
    "phone": UNCONFIRMED,
    "desk_notices": {UNOPENED},
    "shows": False,
    "asker": None,
}
"""The desk asks no person about a request that does not open."""
_ASKED_BY_PHOTO = {
    "desk": REJECTED,
    "phone": UNCONFIRMED,
    "phone_notices": {TAMPERED},
    "asker": "Mallory",
    "shows": False,
}
"""The person is asked, and no device in front of them shows a number."""
_BOTH_SAY_SO = {"desk_notices": {TAMPERED}, "phone_notices": {TAMPERED}}
_NO_NUMBER = {"desk": REJECTED, "phone": REJECTED, "shows": False}
_LEFT = {"desk": None, "phone": TAMPERED}

LIES = [
    _lie(
        "strips",
        "seals from the phone's welcome",
        ASKING,
        instead("welcome", PHONE, **OLD_WELCOME),
        phone=UNAVAILABLE,
        shows=False,
        asker=None,
    ),
    _lie(
        "strips",
        "seals from the desk's welcome",
        OPENING,
        instead("welcome", DESK, **OLD_WELCOME),
        desk=UNAVAILABLE,
        phone=None,
        shows=False,
        asker=None,
    ),
    _lie("strips", "the seal from the session", ALWAYS, in_sessions(without_seal)),
    _lie(
        "strips",
        "the request",
        ASKING,
        instead("pair_prompt", DESK, seal=None),
        desk=TAMPERED,
        phone=UNCONFIRMED,
        shows=False,
        asker=None,
    ),
    _lie("strips", "the ack", ASKING, never("pair_ack", PHONE), **_NO_NUMBER),
    _lie("strips", "the yes", ASKING, instead("pair_result", PHONE, seal=None), **_LEFT),
    _lie(
        "strips",
        "the no",
        ASKING,
        instead("pair_result", PHONE, seal=None),
        declines=True,
        desk=REJECTED,
        phone=UNCONFIRMED,
    ),
    _lie(
        "strips",
        "the signals",
        TALKING,
        before_signals("c", lambda *_: {"rtc": {"from": "x"}}),
        **_BOTH_SAY_SO,
    ),
    _lie(
        "replays",
        "the request",
        ASKING,
        behind("pair_prompt", DESK, "pair_prompt", **A_PROMPT, seal=seal_of("pair_prompt", DESK)),
    ),
    _lie("replays", "the request, to a desk that has approved", TALKING, prompt_again()),
    _lie(
        "replays",
        "the yes, after a reload",
        PHONE_RELOADS,
        behind(
            "resumed",
            PHONE,
            "pair_result",
            status="approved",
            **NO_ICE,
            seal=seal_of("pair_result", PHONE),
        ),
    ),
    _lie(
        "replays",
        "signals",
        TALKING,
        before_signals("c", lambda node, data, to: data),
        desk_notices={LATE},
        phone_notices={LATE},
    ),
    _lie(
        "replays",
        "all signals and hellos, after a reload of the phone",
        PHONE_RELOADS,
        everything_again,
        desk_notices={LATE},
        phone_notices={BEFORE},
    ),
    _lie(
        "replays",
        "all signals and hellos, after a reload of the desk",
        DESK_RELOADS,
        everything_again,
        desk_notices={BEFORE},
        phone_notices={BEFORE, LATE},
    ),
    _lie(
        "swaps",
        "the content of two signals",
        TALKING,
        in_place_of_two(
            "c",
            lambda one, two: [
                {**one, "data": {**one["data"], "c": two["data"]["c"]}},
                {**two, "data": {**two["data"], "c": one["data"]["c"]}},
            ],
        ),
        desk_notices={TAMPERED, MISSED},
        phone_notices={TAMPERED, MISSED},
    ),
    _lie(
        "swaps",
        "the ack and the answer",
        ASKING,
        instead("pair_result", PHONE, seal=seal_of("pair_ack", PHONE)),
        **_LEFT,
    ),
    _lie(
        "reorders",
        "two signals",
        TALKING,
        in_place_of_two("c", lambda one, two: [two, one]),
        desk_notices={MISSED, LATE},
        phone_notices={MISSED, LATE},
    ),
    _lie(
        "reorders",
        "a hello and a signal",
        PHONE_RELOADS,
        echo_behind_signal,
        desk_notices={BEFORE, MISSED},
    ),
    _lie(
        "delays",
        "signals until the phone is reloaded",
        frozenset({TALKING, PHONE_RELOADS}),
        late_signals,
        phone_notices={MISSED, BEFORE},
    ),
    _lie(
        "reflects",
        "signals",
        TALKING,
        before_signals("c", own_signal("c")),
        desk_notices={TAMPERED, LATE},
        phone_notices={TAMPERED},
    ),
    _lie(
        "reflects",
        "hellos of a reload of the phone",
        PHONE_RELOADS,
        before_signals("h", own_signal("h")),
        **_BOTH_SAY_SO,
    ),
    _lie(
        "reflects",
        "hellos of a reload of the desk",
        DESK_RELOADS,
        before_signals("h", own_signal("h")),
        **_BOTH_SAY_SO,
    ),
    _lie(
        "forges a yes",
        "to a phone that was declined",
        ASKING,
        instead("pair_result", PHONE, status="approved", ice_servers=[]),
        declines=True,
        desk=REJECTED,
        phone=TAMPERED,
    ),
    _lie(
        "forges a yes",
        "with a seal of its own",
        ASKING,
        instead("pair_result", PHONE, status="approved", ice_servers=[], seal=FORGED_YES),
        declines=True,
        desk=REJECTED,
        phone=TAMPERED,
    ),
    _lie(
        "forges a yes",
        "before the desk has decided",
        ASKING,
        behind("pair_ack", PHONE, "pair_result", status="approved", **NO_ICE, seal=FORGED_YES),
        **_LEFT,
        # The phone may leave before it has shown its number.
        shows=None,
    ),
    _lie(
        "forges a yes", "to a phone that was reloaded", PHONE_WAITS, in_sessions(approved), **_LEFT
    ),
    _lie(
        "forges a yes",
        "to a desk that has not decided",
        ASKING,
        behind("pair_prompt", DESK, "pair_result", status="approved", **NO_ICE),
        desk=TAMPERED,
        phone=None,
        shows=None,
    ),
    _lie(
        "forges a yes",
        "to a desk that was reloaded",
        DESK_WAITS,
        in_sessions(approved),
        desk=None,
        phone=None,
    ),
    _lie("forges a no", "in place of the yes", ASKING, no_for_yes, phone=UNCONFIRMED),
    _lie(
        "forges a prompt",
        "in place of the phone's",
        ASKING,
        instead("pair_prompt", DESK, seal=FORGED_REQUEST),
        **_NOT_ASKED,
    ),
    _lie(
        "forges a prompt",
        "behind the phone's",
        ASKING,
        behind("pair_prompt", DESK, "pair_prompt", **A_PROMPT, seal=FORGED_REQUEST),
        desk=TAMPERED,
        phone=None,
        shows=None,
    ),
    _lie(
        "forges a prompt",
        "to a desk that has approved",
        TALKING,
        prompt_again(seal=FORGED_REQUEST),
        desk=TAMPERED,
        phone=None,
        shows=None,
    ),
    _lie(
        "sends a number",
        "with the answer to the request",
        ASKING,
        instead("pair_pending", PHONE, code="482"),
    ),
    _lie(
        "sends a number",
        "with an ack of its own",
        ASKING,
        instead("pair_ack", PHONE, seal=FORGED_ACK),
        **_NO_NUMBER,
        phone_notices={TAMPERED},
    ),
    _lie(
        "sends a number",
        "to a phone that was reloaded",
        PHONE_WAITS,
        instead("resumed", PHONE, code="482", ack=FORGED_ACK),
        phone_notices={TAMPERED},
    ),
    _lie(
        "takes another session's",
        "request",
        ASKING,
        instead("pair_prompt", DESK, seal=seal_before("pair_prompt", DESK)),
        **_NOT_ASKED,
    ),
    _lie(
        "takes another session's",
        "ack",
        ASKING,
        instead("pair_ack", PHONE, seal=seal_before("pair_ack", PHONE)),
        **_NO_NUMBER,
        phone_notices={TAMPERED},
    ),
    _lie(
        "takes another session's",
        "yes",
        ASKING,
        instead("pair_result", PHONE, seal=seal_before("pair_result", PHONE)),
        **_LEFT,
    ),
    _lie(
        "takes another session's",
        "signals",
        TALKING,
        before_signals("c", signal_before("c")),
        desk_notices={BEFORE},
        phone_notices={BEFORE},
    ),
    _lie(
        "takes another session's",
        "hellos",
        PHONE_RELOADS,
        before_signals("h", signal_before("h")),
        **_BOTH_SAY_SO,
    ),
    _lie(
        "takes an older link's",
        "request",
        ASKING,
        instead("pair_prompt", DESK, seal=of_photo(0)),
        renews=True,
        **_NOT_ASKED,
    ),
    _lie(
        "asks with a photo",
        "before the phone",
        ASKING,
        instead("pair_prompt", DESK, seal=of_photo(0)),
        **_ASKED_BY_PHOTO,
    ),
    _lie(
        "asks with a photo",
        "and tells the phone the number",
        ASKING,
        number_of_the_photo,
        **_ASKED_BY_PHOTO,
    ),
    _lie(
        "asks with a photo",
        "behind the phone",
        ASKING,
        behind("pair_prompt", DESK, "pair_prompt", **A_PROMPT, seal=of_photo(0)),
        desk=TAMPERED,
        phone=None,
        shows=None,
    ),
    _lie(
        "answers for a side",
        "while the phone is reloaded",
        PHONE_RELOADS,
        before_signals("h", forged_hello),
        **_BOTH_SAY_SO,
    ),
    _lie(
        "answers for a side",
        "while the desk is reloaded",
        DESK_RELOADS,
        before_signals("h", forged_hello),
        **_BOTH_SAY_SO,
    ),
]
