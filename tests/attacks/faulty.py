"""``proxim serve`` with a fault: a session whose owner is ``crash`` fails at its next event.

Only here, and put on from outside: the node itself has no such hook.
"""

from proxim.cli import main
from proxim.session.events import IceRequested
from proxim.session.session import Session

handle = Session.handle
WORDS = "canary-of-the-crash"


def fail(session, event, now):
    if session.uuid == "crash" and isinstance(event, IceRequested):
        # A traceback quotes this line; what it says must not be told.
        raise ZeroDivisionError(WORDS, session.session_id)
    return handle(session, event, now)


Session.handle = fail
main()
