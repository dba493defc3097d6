"""The oracle: it finds broken promises in a log of what clients have sent and received.

It knows the protocol page, and nothing of the node. All clients are in one process. So a message
that was sent after another was received reached the node after that one had left it: whatever an
entry rests on stands before it in the log.
"""

import math
from bisect import bisect
from collections import Counter, defaultdict
from itertools import accumulate, pairwise

from tests.backends.redis.log import GONE, GOT, SENT, show

LIVE = ("pending", "approved")
OF_A_LIVE_SESSION = {
    *("signal", "peer_online", "peer_offline", "ice_servers", "contested", "link_renewed"),
    *("pair_prompt", "pair_ack", "pair_pending", "pair_result", "resumed"),
}
UNANSWERED = ("signal", "pair_ack")
"""Requests that have no answer but an error."""
CARRIED = {
    "pair_prompt": {"seal": "pair_request"},
    "pair_ack": {"seal": "pair_ack"},
    "pair_result": {"seal": "pair_decision"},
    "resumed": {"ack": "pair_ack", "seal": "pair_decision"},
}
"""The fields of messages that have a seal, and the requests from which it comes."""


class Seat:
    """One connection in one session; its moments are places in the log."""

    def __init__(self, role, since):
        self.role = role
        self.since = since
        self.approved = self.ended = math.inf


class Story:
    """A log, and what follows from it: who sat where, what was answered, and when it ended."""

    def __init__(self, log):
        self.log = list(enumerate(log))
        self.requests, self.answers, self.unasked = {}, defaultdict(list), []
        self.owners, self.ended, self.codes = {}, {}, defaultdict(set)
        self.sealed = set()
        self.seats = defaultdict(dict)
        self.sent, self.decisions, handled = {}, defaultdict(list), defaultdict(list)
        self.gone = {(entry.who, entry.line) for entry in log if entry.kind == GONE}
        for at, entry in self.log:
            if entry.kind == SENT:
                self.requests[key(entry)] = at, entry
                if entry.type == "signal":
                    self.sent[tuple(entry.what["data"])] = at, entry
                elif entry.type == "pair_decision":
                    self.decisions[entry.session_id].append((at, entry))
            elif entry.kind == GOT:
                asked_at, request = self.requests.get(key(entry), (at, None))
                if request is not None:
                    self.answers[key(entry)].append(entry)
                    handled[entry.who, entry.line].append((asked_at, at))
                elif "ref" in entry.what:
                    self.unasked.append(entry)
                self._follow(at, entry, request)
        # For each request, when it or a later one of its line was answered first.
        self._handled = {
            line: list(accumulate(sorted(moments, reverse=True), _earlier))
            for line, moments in handled.items()
        }

    def of(self, kind, *types):
        return [(at, each) for at, each in self.log if each.kind == kind and each.type in types]

    def seat(self, entry):
        return self.seats[entry.session_id].get((entry.who, entry.line))

    def handled_by(self, at, entry):
        """Return by when the node had taken what a line sent: it answered what came after."""
        moments = self._handled.get((entry.who, entry.line), [])
        later = bisect(moments, -at, key=lambda moment: -moment[0])
        return moments[later - 1][1] if later else math.inf

    def forget_handled(self):
        self._handled = {}

    def _follow(self, at, entry, request):
        message = entry.what
        match entry.type:
            case "session_created":
                self.owners[entry.session_id] = entry.who
                if request.what.get("seal"):
                    self.sealed.add(entry.session_id)
                self._sit(at, entry, "host", message["session"])
            case "registered":
                wanted = request.what.get("seats")
                for session in message["sessions"]:
                    is_wanted = wanted is None or session["session_id"] in wanted
                    if session["status"] in LIVE and is_wanted:
                        self._sit(at, entry, "host", session)
            case "pair_pending":
                self.codes[entry.session_id].add(message.get("code"))
                self._sit(at, entry, "guest", message)
            case "resumed":
                self._sit(at, entry, "guest", message["session"])
            case "pair_result" if message["status"] == "approved" and self.seat(entry):
                self.seat(entry).approved = min(at, self.seat(entry).approved)
            case "session_ended":
                self.ended.setdefault(entry.session_id, at)
                if self.seat(entry):
                    self.seat(entry).ended = min(at, self.seat(entry).ended)

    def _sit(self, at, entry, role, session):
        seats = self.seats[session["session_id"]]
        seat = seats.setdefault((entry.who, entry.line), Seat(role, at))
        if session.get("status") == "approved":
            seat.approved = min(at, seat.approved)


def _earlier(later, moment):
    return moment[0], min(later[1], moment[1])


def key(entry):
    return entry.who, entry.line, entry.what.get("ref")


def judge(log, *, one_node=True):
    """Return the broken promises in a log, in words.

    Only at one node does the answer to a request mean that what was sent before has been handled:
    of several nodes each answers for itself.
    """
    story = Story(log)
    if not one_node:
        story.forget_handled()
    rules = (answered, signals, in_order, whole, over, one_outcome, decided, to_members, rotated)
    return [words for rule in (*rules, sealed) for words in rule(story)]


# -- answers ---------------------------------------------------------------------------------


def answered(story):
    """Each request gets one answer, unless its connection is gone; some get at most an error."""
    for request, (_, entry) in story.requests.items():
        found = story.answers.get(request, [])
        needs_none = entry.type in UNANSWERED
        if len(found) > 1 or (needs_none and found and found[0].type != "error"):
            yield f"too many answers to {show(entry)}: {found}"
        elif not found and not needs_none and (entry.who, entry.line) not in story.gone:
            yield f"no answer to {show(entry)}"
    for entry in story.unasked:
        yield f"an answer to nothing: {show(entry)}"


# -- signals ---------------------------------------------------------------------------------


def signals(story):
    """A signal comes from the other side, after the approval, and not after the end."""
    yes = {}
    for at, entry in story.of(SENT, "pair_decision"):
        if entry.what["approve"]:
            yes.setdefault(entry.session_id, at)
    for at, entry in story.of(GOT, "signal"):
        session_id, role, *_ = entry.what["data"]
        seat = story.seat(entry)
        sent_at, sent = story.sent.get(tuple(entry.what["data"]), (math.inf, None))
        if seat is None or at < seat.since or seat.role == role or session_id != entry.session_id:
            yield f"a signal to a wrong peer: {show(entry)}"
        elif at < seat.approved or at < yes.get(session_id, math.inf):
            yield f"a signal before the approval: {show(entry)}"
        elif at > seat.ended:
            yield f"a signal after the end: {show(entry)}"
        elif sent_at > at:
            yield f"a signal that nobody has sent: {show(entry)}"
        elif (sent.who, sent.line) not in story.seats[session_id]:
            yield f"a signal of a stranger: {show(entry)}"
        elif sent_at > story.ended.get(session_id, math.inf):
            yield f"a signal that was sent after the end: {show(sent)} then {show(entry)}"
        elif story.handled_by(sent_at, sent) < yes[session_id]:
            yield f"a signal that was sent before the approval: {show(sent)} then {show(entry)}"


def deliveries(story):
    """Yield the signals from one line to one side of a session, in the order of its seats."""
    found = defaultdict(list)
    for at, entry in story.of(GOT, "signal"):
        session_id, _, sender, number = entry.what["data"]
        seat = story.seat(entry)
        since = seat.since if seat else at
        found[session_id, entry.who, sender].append((since, at, number, entry))
    for to, entries in found.items():
        yield to, sorted(entries, key=lambda each: each[:2])


def in_order(story):
    """The signals of a line arrive in order, and none twice."""
    for _, entries in deliveries(story):
        for (*_, first, before), (*_, second, after) in pairwise(entries):
            if second <= first:
                yield f"out of order, or twice: {show(before)} then {show(after)}"


def whole(story):
    """Between two signals from one line to another, none is lost without an error.

    The last errors for a line that is gone may have been on their way to it.
    """
    by_line = defaultdict(list)
    for (session_id, _, sender, number), (_, sent) in story.sent.items():
        by_line[session_id, sender].append((number, sent))
    for (session_id, _, sender), entries in deliveries(story):
        numbers = by_line[session_id, sender]
        last_told = max((at for at, sent in numbers if story.answers.get(key(sent))), default=-1)
        for (since, _, first, _), (later_since, _, second, after) in pairwise(entries):
            if since != later_since:
                continue  # What was on its way to the connection that is gone is lost.
            between = numbers[bisect(numbers, first, key=lambda each: each[0]) :]
            for number, sent in between:
                if number >= second:
                    break
                may_be_on_its_way = number > last_told and (sent.who, sent.line) in story.gone
                if not story.answers.get(key(sent)) and not may_be_on_its_way:
                    yield f"lost without a word: {show(sent)}, before {show(after)}"


# -- outcomes --------------------------------------------------------------------------------


def over(story):
    """After the end nothing more is told, and the session does not come back."""
    for at, entry in story.log:
        if entry.kind != GOT:
            continue
        seat = story.seat(entry) if entry.session_id else None
        if seat and at > seat.ended:
            is_again = entry.type == "session_ended" and "ref" not in entry.what
            if entry.type in OF_A_LIVE_SESSION or is_again:
                yield f"after the end: {show(entry)}"
        asked_at = story.requests.get(key(entry), (at,))[0]
        shown = entry.what.get("sessions", [entry.what.get("session")])
        for session in filter(None, shown):
            ended = story.ended.get(session["session_id"], math.inf)
            if session["status"] in LIVE and asked_at > ended:
                yield f"back after the end: {show(entry)}"


def one_outcome(story):
    """All clients hear one outcome of a prompt, and one reason of the end."""
    outcomes, reasons = defaultdict(set), defaultdict(set)
    for _, entry in story.of(GOT, "pair_result"):
        outcomes[entry.session_id].add(entry.what["status"])
    for _, entry in story.of(GOT, "session_ended"):
        reasons[entry.session_id].add(entry.what["reason"])
    for session_id, found in [*outcomes.items(), *reasons.items()]:
        if len(found) > 1:
            yield f"{session_id} has more than one outcome: {sorted(found)}"
    for session_id, found in reasons.items():
        if found & {"internal_error", "shutdown"}:
            yield f"{session_id} ended with {found}"


def decided(story):
    """A session is approved only after a yes of its owner, with the code where it needs one."""
    for at, entry in story.of(GOT, "pair_result"):
        session_id, status = entry.session_id, entry.what["status"]
        codes = story.codes[session_id] - {None}
        sent = [
            (each.what["approve"], {each.what["code"]} if "code" in each.what else set())
            for sent_at, each in story.decisions[session_id]
            if sent_at < at and each.who == story.owners[session_id]
        ]
        if status == "approved" and not any(yes and codes <= code for yes, code in sent):
            yield f"approved without a yes: {show(entry)}"
        if status == "rejected" and all(yes and (code <= codes or not codes) for yes, code in sent):
            yield f"rejected without a no: {show(entry)}"


# -- who is told what ------------------------------------------------------------------------


def to_members(story):
    """Only the owner and the guest hear of a session, and only the guest hears its code."""
    for at, entry in story.log:
        if entry.kind != GOT or entry.type == "error":
            continue
        owner = story.owners.get(entry.session_id)
        if entry.type in ("registered", "sessions"):
            for session in entry.what["sessions"]:
                if story.owners.get(session["session_id"], entry.who) != entry.who:
                    yield f"another's session is listed: {show(entry)}"
        elif entry.session_id and entry.who != owner:
            seats = story.seats[entry.session_id]
            is_guest = any(
                who == entry.who and seat.since <= at for (who, _), seat in seats.items()
            )
            is_first = entry.type == "session_ended" and entry.what.get("ref")
            if owner is not None and not is_guest and not is_first:
                yield f"told to a stranger: {show(entry)}"
            if entry.type in ("pair_prompt", "contested"):
                yield f"told to a guest: {show(entry)}"
        elif "code" in entry.what:
            yield f"the code was told to the host: {show(entry)}"
        elif entry.type == "pair_ack":
            yield f"the ack was told to the host: {show(entry)}"
    asked = defaultdict(list)
    for at, entry in story.of(SENT, "pair_request"):
        seal = entry.what.get("seal")
        if seal is None or all(seal != other for _, other in asked[entry.session_id]):
            asked[entry.session_id].append((at, seal))
    contested = defaultdict(int)
    for at, entry in story.of(GOT, "contested"):
        contested[entry.session_id] += 1
        others = sum(asked_at < at for asked_at, _ in asked[entry.session_id])
        if contested[entry.session_id] > 1 or others < 2:
            yield f"contested by nobody, or again: {show(entry)}"


def rotated(story):
    """A superseded resume token takes no seat, and no other token ends the session."""
    given_for = defaultdict(dict)
    superseded, perhaps, shown = {}, set(), set()
    pending = Counter(entry.session_id for _, entry in story.of(GOT, "pair_pending"))
    for at, entry in story.log:
        session_id = entry.session_id
        if entry.kind == SENT and entry.type == "resume":
            token = entry.what["resume_token"]
            shown.add((session_id, token))
            perhaps |= {(session_id, each) for each in _dead_by(token, given_for[session_id])}
        elif entry.kind == GOT and entry.type == "resumed":
            asked_at, request = story.requests[key(entry)]
            token = request.what["resume_token"]
            if asked_at > superseded.get((session_id, token), math.inf):
                yield f"a superseded token took the seat: {show(request)}"
            for each in _dead_by(token, given_for[session_id]):
                superseded.setdefault((session_id, each), at)
            given_for[session_id][entry.what["resume_token"]] = token
        elif entry.kind == GOT and entry.type == "session_ended":
            is_reused = entry.what["reason"] == "token_reused"
            # A sealed request that was sent again gives a successor for any of the tokens.
            may_be_any = shown if pending[session_id] > 1 else shown & perhaps
            if is_reused and not any(each[0] == session_id for each in may_be_any):
                yield f"no superseded token was shown: {show(entry)}"


def _dead_by(shown, given_for):
    """Return the tokens that are superseded once ``shown`` is used."""
    parent = given_for.get(shown)
    if parent is None:
        return set()
    return {parent, *(token for token, of in given_for.items() if of == parent)} - {shown}


# -- seals -----------------------------------------------------------------------------------


def sealed(story):
    """Seals are told as they were sent, the same to all, and in sealed sessions alone."""
    sent, told, guests = defaultdict(set), defaultdict(set), {}
    for _, entry in story.log:
        session_id = entry.session_id
        if entry.kind == SENT and "seal" in entry.what:
            if entry.type == "pair_request" or entry.who == story.owners.get(session_id):
                sent[session_id, entry.type].add(entry.what["seal"])
        elif entry.kind == GOT and entry.type == "pair_pending":
            if guests.setdefault(session_id, entry.who) != entry.who:
                yield f"two guests were let ask with one link: {show(entry)}"
        elif entry.kind == GOT and entry.type in CARRIED:
            is_needed = (
                entry.type != "resumed" and entry.what.get("status", "approved") == "approved"
            )
            for field, origin in CARRIED[entry.type].items():
                of = session_id, origin
                seal = entry.what.get(field)
                if seal is None:
                    if is_needed and session_id in story.sealed:
                        yield f"no seal: {show(entry)}"
                    continue
                told[of].add(seal)
                if session_id not in story.sealed or seal not in sent[of] or len(told[of]) > 1:
                    yield f"not the seal that was sent: {show(entry)}"
