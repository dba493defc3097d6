"""A log of what clients have sent and received, in order."""

from typing import Any, NamedTuple

SENT, GOT, GONE, SILENCE = "sent", "got", "gone", "silence"


class Entry(NamedTuple):
    """``line`` numbers the connections of a client.

    ``what`` is a message as it was sent or got; the close code, when the connection is gone; and
    the request to which no answer came, for silence.
    """

    at: float
    who: str
    line: int
    kind: str
    what: Any

    @property
    def type(self):
        return self.what["type"] if isinstance(self.what, dict) else None

    @property
    def session_id(self):
        if not isinstance(self.what, dict):
            return None
        return self.what.get("session_id") or self.what.get("session", {}).get("session_id")


def show(entry):
    return f"{entry.at:9.3f} {entry.who}#{entry.line} {entry.kind} {entry.what}"
