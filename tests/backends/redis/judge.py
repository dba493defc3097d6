"""The judge: it finds broken promises in a log of what clients have sent and received.

What it demands is what the protocol and ``docs/explanation/cluster.md`` promise, whatever happens
to the nodes and their Redis.
"""

from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from tests.backends.redis.log import GONE, GOT, SENT, SILENCE, show

TICK = 0.1
HOST, GUEST = "host", "guest"
PEER = {HOST: GUEST, GUEST: HOST}
AFTER_THE_END = {
    "signal",
    "peer_online",
    "peer_offline",
    "pair_prompt",
    "pair_pending",
    "pair_result",
}
BY_ITSELF = {"disconnected", "approval_timeout", "expired"}
PUT_RIGHT = 5.0
"""Seconds for which a client may believe an outdated list."""
OF_AN_APPROVED = {"signal", "peer_online", "peer_offline", "ice_servers"}


class Sight(NamedTuple):
    """A session's status as one side was told it, for a request at ``asked_at``."""

    entry: object
    asked_at: float
    status: str


class Case:
    """One session, as its two sides saw it."""

    def __init__(self, session_id, created, asked, entries):
        self.id = session_id
        self.type = created.what["session"]["session_type"]
        self.asked = asked
        self.entries = entries
        self.names = {HOST: created.who}
        for entry in entries:
            if entry.kind == GOT and entry.type == "pair_pending":
                self.names[GUEST] = entry.who
        self.roles = {name: role for role, name in self.names.items()}
        self.sights = []

    def of(self, kind, *types, role=None):
        """Entries of a side, or of both, by connection and then as they came."""
        found = [
            entry
            for entry in self.entries
            if entry.kind == kind
            and entry.type in types
            and entry.who in self.roles
            and role in (None, self.roles[entry.who])
        ]
        return sorted(found, key=lambda entry: (entry.line, entry.at)) if role else found

    @property
    def ends(self):
        return self.of(GOT, "session_ended")

    def clicks(self, *, approve, before):
        return [e for e in self.of(SENT, "pair_decision", role=HOST)
                if e.what["approve"] is approve and e.at < before]  # fmt: skip

    @property
    def signs_of_approval(self):
        found = [e for e in self.of(GOT, "pair_result") if e.what["status"] == "approved"]
        found += self.of(GOT, *OF_AN_APPROVED)
        found += [sight.entry for sight in self.sights if sight.status == "approved"]
        return sorted(found, key=lambda entry: entry.at)


def judge(log, *, approval=4.0, patience=12.0):
    """Return all broken promises in a log; ``patience`` is how late an answer may be."""
    found = [f"no answer: {show(entry)}" for entry in log if entry.kind == SILENCE]
    found += _late(log, patience)
    for case in _cases(log):
        for rule in (_one_outcome, _clicked, _ours, _in_order, _whole, _over, _in_time, _not_lost):
            words = rule(case, approval) if rule is _in_time else rule(case)
            found += [f"{case.id} ({case.type}): {each}" for each in words]
    return found


def _cases(log):
    asked = {(e.who, e.what["ref"]): e for e in log if e.kind == SENT and "ref" in e.what}
    by_session = defaultdict(list)
    for entry in log:
        if entry.kind in (SENT, GOT) and entry.session_id:
            by_session[entry.session_id].append(entry)
    cases = {}
    for entry in log:
        if entry.kind == GOT and entry.type == "session_created":
            request = asked[entry.who, entry.what["ref"]]
            cases[entry.session_id] = Case(
                entry.session_id, entry, request, by_session[entry.session_id]
            )
    for entry in log:
        if entry.kind == GOT and entry.type in ("registered", "resumed", "sessions"):
            request = asked[entry.who, entry.what["ref"]]
            for session in entry.what.get("sessions", [entry.what.get("session")]):
                if case := cases.get(session["session_id"]):
                    case.sights.append(Sight(entry, request.at, session["status"]))
    gone = {(entry.who, entry.line): entry.at for entry in log if entry.kind == GONE}
    for case in cases.values():
        case.requests = asked
        case.gone = gone
        case.until = log[-1].at
        case.last_registered = max(
            (e for e in log if (e.kind, e.type, e.who) == (GOT, "registered", case.names[HOST])),
            key=lambda e: e.at,
            default=None,
        )
    return list(cases.values())


def _late(log, patience):
    asked = {(e.who, e.what["ref"]): e for e in log if e.kind == SENT and "ref" in e.what}
    for entry in log:
        request = asked.get((entry.who, entry.what.get("ref"))) if entry.kind == GOT else None
        if request is not None and entry.type == "error" and entry.at - request.at > patience:
            yield f"refused after {entry.at - request.at:.1f} s: {show(request)}"


# -- one outcome -----------------------------------------------------------------------------


def _one_outcome(case):
    """Both sides see the same outcome, and each is told it once."""
    outcomes = {e.what["status"] for e in case.of(GOT, "pair_result")}
    outcomes |= {"approved" for _ in case.signs_of_approval[:1]}
    outcomes |= {s.status for s in case.sights if s.status == "rejected"}
    reasons = {"rejected": "rejected", "approval_timeout": "expired"}
    outcomes |= {reasons[e.what["reason"]] for e in case.ends if e.what["reason"] in reasons}
    if len(outcomes) > 1:
        yield f"more than one outcome: {sorted(outcomes)}"
    answers = [e for e in case.of(GOT, "pair_result", role=HOST) if "ref" in e.what]
    if len(answers) > 1:
        yield f"decided {len(answers)} times"
    if len(told := case.of(GOT, "pair_result", role=GUEST)) > 1:
        yield f"the guest was told {len(told)} outcomes"
    if len({e.who for e in case.entries if (e.kind, e.type) == (GOT, "pair_pending")}) > 1:
        yield "two guests were let ask with one link"


def _clicked(case):
    """No session is approved or rejected without a decision of the host."""
    signs = case.signs_of_approval
    if signs and not case.clicks(approve=True, before=signs[0].at):
        yield f"approved without a click: {show(signs[0])}"
    for entry in case.of(GOT, "pair_result", "session_ended"):
        rejected = entry.what["status"] == "rejected"
        if rejected and not case.clicks(approve=False, before=entry.at):
            yield f"rejected without a click: {show(entry)}"


# -- signals ---------------------------------------------------------------------------------


def _ours(case):
    """Each signal was sent by the other side of the same session."""
    sent = {tuple(e.what["data"]): e.at for e in case.of(SENT, "signal")}
    for entry in case.entries:
        if (entry.kind, entry.type) != (GOT, "signal"):
            continue
        role = case.roles.get(entry.who)
        session_id, sender, _ = entry.what["data"]
        if role is None or session_id != case.id or sender != PEER[role]:
            yield f"a signal of somebody else's: {show(entry)}"
        elif sent.get(tuple(entry.what["data"]), entry.at + 1) > entry.at:
            yield f"a signal that nobody has sent: {show(entry)}"


def _in_order(case):
    """Signals arrive in order, and none twice."""
    for role in (HOST, GUEST):
        for before, after in pairwise(case.of(GOT, "signal", role=role)):
            if after.what["data"][2] <= before.what["data"][2]:
                yield f"out of order, or twice: {show(before)} then {show(after)}"


def _whole(case):
    """While neither connection breaks, no signal is lost without an error."""
    for role in (HOST, GUEST):
        got = {e.what["data"][2]: e for e in case.of(GOT, "signal", role=role)}
        refused = {e.what.get("ref") for e in case.of(GOT, "error", role=PEER[role])}
        missing = []
        latest = None
        for entry in case.of(SENT, "signal", role=PEER[role]):
            arrived = got.get(entry.what["data"][2])
            if arrived is None:
                if entry.what["ref"] not in refused:
                    missing.append(entry)
                continue
            for lost in missing:
                if (
                    latest
                    and latest[0].line == lost.line == entry.line
                    and latest[1].line == arrived.line
                ):
                    yield f"lost without a word: {show(lost)}"
            missing, latest = [], (entry, arrived)


# -- the end ---------------------------------------------------------------------------------


def _over(case):
    """After the end a client receives nothing more, and the session does not come back."""
    for end in case.ends:
        for entry in case.of(GOT, *AFTER_THE_END, role=case.roles[end.who]):
            if entry.who == end.who and entry.line >= end.line and entry.at > end.at:
                yield f"after the end: {show(end)} then {show(entry)}"
        for sight in case.sights:
            is_back = sight.asked_at > end.at and sight.status in ("pending", "approved")
            if is_back and not _is_put_right(case, end, sight.entry):
                yield f"back after the end: {show(end)} then {show(sight.entry)}"


def _is_put_right(case, end, shown):
    """Return whether a list was outdated, and its client was then told the end, or closed.

    What a node on its own could not save yet, others do not know. So it may be with what ends by
    itself, and only in a list: who takes a seat is told by the session's own node.
    """
    if end.what["reason"] not in BY_ITSELF or shown.type == "resumed":
        return False
    after = [
        at
        for at in (
            case.gone.get((shown.who, shown.line)),
            *(e.at for e in case.ends if (e.who, e.line) == (shown.who, shown.line)),
        )
        if at is not None and at > shown.at
    ]
    return min(after, default=case.until) <= shown.at + PUT_RIGHT


def _in_time(case, approval):
    """Each end has a valid reason, and none comes early."""
    approved = case.signs_of_approval
    for end in case.ends:
        reason = end.what["reason"]
        since = end.at - case.asked.at + TICK
        # All requests count, also if the answer was lost.
        prompts = [e for e in case.entries if (e.kind, e.type) == (SENT, "pair_request")]
        if reason == "expired" and since < case.asked.what["ttl"]:
            yield f"expired after {since:.2f} s: {show(end)}"
        elif reason == "approval_timeout" and end.at + TICK < min(e.at for e in prompts) + approval:
            yield f"the prompt ran out early: {show(end)}"
        elif reason == "closed" and not [
            e for e in case.of(SENT, "close_session") if e.at < end.at
        ]:
            yield f"closed by nobody: {show(end)}"
        elif reason == "disconnected" and case.type != "one_time" and approved:
            yield f"ended by a disconnect: {show(end)}"
        elif reason == "shutdown" and approved:
            yield f"not handed over: {show(end)}"
        elif reason in ("internal_error", "inactive", "idle"):
            yield f"nobody asked for this: {show(end)}"


def _not_lost(case):
    """An approved session that was not closed exists until the end of the test."""
    for entry in case.of(GOT, "error"):
        request = case.requests.get((entry.who, entry.what.get("ref")))
        if (
            entry.what["code"] == "unknown_session"
            and request is not None
            and request.type == "resume"
        ):
            yield f"a guest is not known any more: {show(entry)}"
    alive = case.type == "persistent" and case.signs_of_approval and not case.ends
    if alive and not case.of(SENT, "close_session") and case.last_registered is not None:
        seen = {s["session_id"]: s["status"] for s in case.last_registered.what["sessions"]}
        if (
            case.last_registered.at > case.signs_of_approval[0].at
            and seen.get(case.id) != "approved"
        ):
            yield f"lost: the host is shown {seen.get(case.id)}"
