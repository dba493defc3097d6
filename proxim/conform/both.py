"""Cases for either side of an approved session."""

from __future__ import annotations

from typing import Any

from proxim.conform.case import Cases, Nonconforming
from proxim.conform.stage import Stage

VALUES: list[Any] = [
    {"description": {"type": "offer", "sdp": "v=0\r\n"}},
    {"candidate": None},
    None,
    0,
    -1.5,
    True,
    "",
    "Grüße, 世界 🎉",
    ["list", ["of", {"lists": []}]],
    {"": "an empty key", "null": None},
]

cases = Cases()


@cases.add("signal-in", "Both → node")
async def hears_signals(stage: Stage) -> None:
    """Tells each signal of the peer unchanged, in order, whatever JSON it is."""
    wire = await stage.approved()
    for value in VALUES:
        await stage.signal(wire, value)
    for value in VALUES:
        await stage.client.told("signal", data=value)


@cases.add("signal-out", "Both → node")
async def sends_signals(stage: Stage) -> None:
    """Sends the application's values unchanged and in order."""
    wire = await stage.approved()
    for value in VALUES:
        await stage.client.do("send", data=value)
    for value in VALUES:
        await stage.hears(wire, value)


@cases.add("signal-large", "Limits")
async def hears_a_large_signal(stage: Stage) -> None:
    """Takes a signal of 60,000 bytes."""
    wire = await stage.approved()
    await stage.relays(wire, "x" * 60_000)


@cases.add("signal-many", "Both → node")
async def hears_many_signals(stage: Stage) -> None:
    """Tells 300 signals that come at once, each once and in order."""
    wire = await stage.approved()
    for number in range(300):
        await stage.signal(wire, {"n": number})
    for number in range(300):
        await stage.client.told("signal", data={"n": number})


@cases.add("signal-of-another-session", "Transport")
async def ignores_other_sessions(stage: Stage) -> None:
    """Does not tell a signal of a session that it does not have."""
    wire = await stage.approved()
    await wire.say("signal", session_id="A" * 22, data="for somebody else")
    await stage.relays(wire, "for this one")


@cases.add("unknown-field", "Transport")
async def ignores_unknown_fields(stage: Stage) -> None:
    """Ignores a field that it does not know."""
    wire = await stage.approved()
    await wire.say("signal", session_id=stage.session_id, data=1, later={"a": [1]})
    await stage.client.told("signal", data=1)


@cases.add("unknown-message", "Transport")
async def ignores_unknown_messages(stage: Stage) -> None:
    """Ignores a message whose type it does not know."""
    wire = await stage.approved()
    await wire.say("of_a_later_version", session_id=stage.session_id, what=1)
    await stage.relays(wire, "after it")


@cases.add("websocket-ping", "Close codes")
async def answers_pings(stage: Stage) -> None:
    """Answers a WebSocket ping."""
    await (await stage.approved()).expect_pong()


@cases.add("error-is-no-end", "Errors")
async def survives_an_error(stage: Stage) -> None:
    """Goes on after an error, such as one for a signal that could not be kept."""
    wire = await stage.approved()
    await wire.say("error", code="peer_offline", message="not kept", session_id=stage.session_id)
    await stage.relays(wire, "after it")
    await stage.client.tells_none("ended", 0.3)


@cases.add("unknown-error", "Errors")
async def survives_an_unknown_error(stage: Stage) -> None:
    """Goes on after an error whose code it does not know."""
    wire = await stage.approved()
    await wire.say("error", code="of_a_later_version", message="?", session_id=stage.session_id)
    await stage.relays(wire, "after it")


@cases.add("peer-offline", "Node → host or guest", required=False)
async def tells_presence(stage: Stage) -> None:
    """Tells when the peer is offline and online."""
    wire = await stage.approved()
    await wire.say("peer_offline", session_id=stage.session_id)
    # Before it, the client may tell that the peer is online since the approval.
    while (await stage.client.told("peer")).get("online") is not False:
        pass
    await wire.say("peer_online", session_id=stage.session_id)
    await stage.client.told("peer", online=True)


@cases.add("close", "Both → node")
async def closes(stage: Stage) -> None:
    """Closes the session when the application wants to, and tells the end."""
    wire = await stage.approved()
    await stage.client.do("close")
    stage.check(await wire.expect("close_session"))
    await stage.end(wire, "closed")
    await stage.client.told("ended", reason="closed")


@cases.add("ended", "Node → host or guest")
async def hears_the_end(stage: Stage) -> None:
    """Tells the end and its reason, and does not come back."""
    wire = await stage.approved()
    await stage.end(wire, "closed")
    await stage.client.told("ended", reason="closed")
    await wire.expect_none("resume")


@cases.add("ended-twice", "Node → host or guest")
async def hears_the_end_once(stage: Stage) -> None:
    """Tells the end once, and no signal after it."""
    wire = await stage.approved()
    await stage.end(wire, "closed")
    await stage.client.told("ended")
    try:
        await stage.signal(wire, "after the end")
        await stage.end(wire, "closed")
    except Nonconforming:
        return  # The client has closed the connection, as it may.
    await stage.client.tells_none("signal")
    await stage.client.tells_none("ended", 0.1)


@cases.add("ended-for-a-new-reason", "The session object")
async def takes_an_unknown_reason(stage: Stage) -> None:
    """Ends also for a reason that it does not know."""
    wire = await stage.approved()
    await stage.end(wire, "of_a_later_version")
    await stage.client.told("ended")


@cases.add("replaced", "Close codes")
async def stays_away_when_replaced(stage: Stage) -> None:
    """Does not come back after 4000: another connection has the seat."""
    wire = await stage.approved()
    await wire.close(4000)
    await stage.node.no_connection()


@cases.add("comes-back", "Close codes")
async def comes_back(stage: Stage) -> None:
    """Connects again after 1012, takes its seat, and tells no end."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.comes_back()
    await stage.relays(wire, "welcome back")


@cases.add("comes-back-twice", "Guest → node")
async def comes_back_twice(stage: Stage) -> None:
    """Takes its seat again each time, with what it was given last."""
    wire = await stage.approved()
    for _ in range(2):
        await wire.close(1012)
        wire = await stage.comes_back()
    await stage.relays(wire, "welcome back")


@cases.add("sends-after-coming-back", "Close codes", required=False)
async def queues_while_away(stage: Stage) -> None:
    """Sends after its return what the application wanted to send in the meantime, in order."""
    wire = await stage.approved()
    await wire.close(1012)
    for number in range(3):
        await stage.client.do("send", data=number)
    wire = await stage.comes_back()
    for number in range(3):
        await stage.hears(wire, number)


@cases.add("reload", "Lifecycle", feature="reload")
async def comes_back_after_a_reload(stage: Stage) -> None:
    """Takes its seat again after a reload, with what it has stored."""
    wire = await stage.approved()
    await stage.client.do("reload")
    wire = await stage.comes_back()
    await stage.relays(wire, "welcome back")


@cases.add("shutdown", "Close codes")
async def hears_a_shutdown(stage: Stage) -> None:
    """Tells the end with `shutdown`, and does not ask for the session again."""
    wire = await stage.approved()
    await stage.end(wire, "shutdown")
    await wire.close(1001)
    await stage.client.told("ended", reason="shutdown")


@cases.add("refresh-ice", "Both → node", required=False)
async def refreshes_ice(stage: Stage) -> None:
    """Asks for new ICE servers before the ones that it has expire."""
    stage.ice_ttl = 8.0
    wire = await stage.approved()
    stage.check(await wire.expect("refresh_ice", within=8))
