"""The list of sessions, in the words of the pages."""

import json


def test_sessions_are_listed_in_the_words_of_the_pages(start, node, run):
    host = start("host", "--type", "persistent", "--node", node, "--json")
    session_id = host.event("session")["session_id"]
    out, _, code = run("sessions", "list", "--node", node)
    assert code == 0
    assert "Until closed" in out
    assert "waiting" in out
    assert run("sessions", "close", "--node", node, "--", session_id)[2] == 0
    out, _, _ = run("sessions", "list", "--node", node)
    assert "ended: it was closed" in " ".join(out.split())
    (session,) = map(json.loads, run("sessions", "list", "--node", node, "--json")[0].splitlines())
    assert (session["session_type"], session["status"]) == ("persistent", "expired")


def test_sealed_name_is_called_so(start, node, run):
    host = start("host", "--node", node, "--json")
    guest = start("join", host.event("session")["link"], "--name", "Phone", "--json")
    guest.event("pending")
    host.event("prompt")
    assert "(its name is sealed)" in " ".join(run("sessions", "list", "--node", node)[0].split())
