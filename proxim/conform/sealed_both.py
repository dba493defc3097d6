"""Cases for either side of an approved sealed session."""

from __future__ import annotations

import secrets
from typing import Any

import trio

from proxim.conform import both
from proxim.conform.case import Cases
from proxim.conform.sealed_stage import SealedStage, forged
from proxim.protocol.tokens import encode
from proxim.sealing.encoding import decode
from proxim.sealing.peer import SealedPeer

cases = Cases(page="sealing", features=("seal",))

_AS_IN_A_PLAIN_SESSION = {
    "signal-in": "Sealed signals",
    "signal-out": "Sealed signals",
    "signal-many": "Sealed signals",
    "comes-back": "Hellos",
    "comes-back-twice": "Hellos",
    "sends-after-coming-back": "Sealed signals",
}

for _case in both.cases.all:
    if _case.id in _AS_IN_A_PLAIN_SESSION:
        _section = _AS_IN_A_PLAIN_SESSION[_case.id]
        cases.add(f"seal-{_case.id}", _section, required=_case.required)(_case.script)


@cases.add("seal-signal-large", "Sealed signals")
async def hears_a_large_signal(stage: SealedStage) -> None:
    """Takes a sealed signal of 40,000 bytes."""
    wire = await stage.approved()
    await stage.relays(wire, "x" * 40_000)


@cases.add("seal-unknown-key", "Notation")
async def ignores_unknown_keys(stage: SealedStage) -> None:
    """Ignores a key of a sealed signal that it does not know."""
    wire = await stage.approved()
    await stage.puts(wire, {**stage.sealed("sealed"), "later": [1]})
    await stage.client.told("signal", data="sealed")


@cases.add("seal-signal-plain", "Tampered")
async def drops_plain_signals(stage: SealedStage) -> None:
    """Drops signals that are not sealed, says so once, and goes on."""
    wire = await stage.approved()
    for value in ("plain", {"rtc": {"from": "x"}}):
        await stage.puts(wire, value)
    await _is_noticed(stage)
    await stage.relays(wire, "sealed")
    await stage.client.tells_none("notice", 0.1)


@cases.add("seal-signal-malformed", "Sealed signals")
async def drops_malformed_signals(stage: SealedStage) -> None:
    """Drops a signal of another version, without epoch or text, or with a wrong number."""
    wire = await stage.approved()
    signal = stage.sealed("malformed")
    for wrong in ({"s": 2}, {"e": None}, {"n": -1}, {"n": 2**53}, {"n": "0"}, {"c": None}):
        await stage.puts(wire, {**signal, **wrong})
    await _is_noticed(stage)
    await stage.relays(wire, "sealed")


@cases.add("seal-signal-changed", "Sealed signals")
async def drops_changed_signals(stage: SealedStage) -> None:
    """Drops a signal that was changed, and still takes the right one with its number."""
    wire = await stage.approved()
    signal = stage.sealed("sealed")
    await stage.puts(wire, {**signal, "c": _changed(signal["c"])})
    await stage.puts(wire, {**signal, "n": 7})
    await _is_noticed(stage)
    await stage.puts(wire, signal)
    await stage.client.told("signal", data="sealed")


@cases.add("seal-signal-twice", "Sealed signals")
async def drops_repeated_signals(stage: SealedStage) -> None:
    """Tells a signal once that comes twice."""
    wire = await stage.approved()
    signal = stage.sealed("once")
    for _ in range(2):
        await stage.puts(wire, signal)
    await stage.client.told("signal", data="once")
    await stage.relays(wire, "after it")


@cases.add("seal-signal-out-of-order", "Sealed signals")
async def drops_late_signals(stage: SealedStage) -> None:
    """Drops a signal that comes after a later one."""
    wire = await stage.approved()
    first, second = stage.sealed("first"), stage.sealed("second")
    await stage.puts(wire, second)
    await stage.puts(wire, first)
    await stage.client.told("signal", data="second")
    await stage.relays(wire, "third")


@cases.add("seal-signal-of-another-epoch", "Sealed signals")
async def drops_signals_from_before(stage: SealedStage) -> None:
    """Drops a signal of an epoch that it does not have, and does not call that tampered."""
    wire = await stage.approved()
    await stage.puts(wire, {**stage.sealed("before"), "e": encode(secrets.token_bytes(8))})
    await stage.relays(wire, "after it")
    await stage.client.tells_none("notice", 0.1, notice="tampered")


@cases.add("seal-signal-reflected", "Sealed signals")
async def drops_its_own_signals(stage: SealedStage) -> None:
    """Drops a signal that it has sealed itself."""
    wire = await stage.approved()
    await stage.client.do("send", data="its own")
    await stage.puts(wire, (await wire.expect("signal"))["data"])
    await _is_noticed(stage)
    await stage.relays(wire, "of the peer")


@cases.add("seal-signal-not-json", "Sealed signals")
async def drops_what_is_not_json(stage: SealedStage) -> None:
    """Drops a text that opens, and is not JSON that a node would relay."""
    wire = await stage.approved()
    for text in (b"\xff", b"{", b'"\\ud800"', b"[" * 32 + b"]" * 32):
        await stage.puts(wire, stage.peer.seal(text))
    await _is_noticed(stage)
    await stage.relays(wire, "JSON")


@cases.add("seal-hello-forged", "Hellos")
async def ignores_forged_hellos(stage: SealedStage) -> None:
    """Does not answer a hello that the peer has not sealed."""
    wire = await stage.approved()
    await stage.puts(wire, {"s": 1, "h": forged("hello", bytes(64), stage.peer.role)})
    await _is_noticed(stage)
    await wire.expect_none("signal", 0.5)
    await stage.relays(wire, "after it")


@cases.add("seal-hello-reflected", "Hellos")
async def ignores_its_own_hellos(stage: SealedStage) -> None:
    """Does not answer a hello that it has sealed itself."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.returns()
    hello = await stage.agrees(wire)
    await stage.puts(wire, hello)
    await _is_noticed(stage)
    await wire.expect_none("signal", 0.5)
    await stage.relays(wire, "after it")


@cases.add("seal-hello-replayed", "Hellos")
async def adopts_no_replayed_hello(stage: SealedStage) -> None:
    """Begins no epoch by an earlier hello of the peer, and seals nothing until there is one."""
    wire = await stage.approved()
    for _ in range(2):
        await wire.close(1012)
        wire = await stage.comes_back()
    await stage.puts(wire, stage.hellos[0])
    await stage.relays(wire, "in the epoch of before")
    await stage.client.do("send", data="in the next epoch")
    await stage.agrees(wire)
    await stage.hears(wire, "in the next epoch")


@cases.add("seal-hello-lost", "Hellos")
async def says_hello_again(stage: SealedStage) -> None:
    """Says hello again when there was no answer for ten seconds."""
    wire = await stage.approved()
    await wire.close(1012)
    wire = await stage.returns()
    await wire.expect("signal")
    await trio.sleep(9)
    await stage.agrees(wire)
    await stage.relays(wire, "after it")


@cases.add("seal-hello-to-nobody", "Hellos")
async def waits_with_its_hello(stage: SealedStage) -> None:
    """Comes back while the peer is offline, and says hello when the peer is online."""
    wire = await stage.approved()
    await wire.close(1012)
    stage.is_peer_online = False
    wire = await stage.returns()
    await wire.expect_none("signal")
    await wire.say("peer_online", session_id=stage.session_id)
    await stage.agrees(wire)
    await stage.relays(wire, "after it")


@cases.add("seal-peer-reloaded", "Hellos")
async def waits_for_the_hello_of_the_peer(stage: SealedStage) -> None:
    """Seals nothing for a peer that came back until there is a new epoch, and everything then."""
    wire = await stage.approved()
    for kind in ("peer_offline", "peer_online"):
        await wire.say(kind, session_id=stage.session_id)
    await stage.relays(wire, "sent before")
    await stage.client.do("send", data="for the peer")
    await wire.expect_none("signal")
    stage.peer = SealedPeer(stage.peer.role, stage.secret)
    await stage.puts(wire, stage.peer.start())
    await stage.agrees(wire)
    await stage.hears(wire, "for the peer")
    await stage.relays(wire, "of the peer")


@cases.add("seal-stripped", "Tampered")
async def stays_sealed(stage: SealedStage) -> None:
    """Stays sealed when it comes back, whatever the node says of the session."""
    wire = await stage.approved()
    await wire.close(1012)
    stage.tells_seal, stage.resumed = False, {}
    wire = await stage.comes_back()
    await stage.puts(wire, "plain")
    await _is_noticed(stage)
    await stage.relays(wire, "sealed")
    await stage.client.do("send", data="sealed, too")
    await stage.hears(wire, "sealed, too")


@cases.add("seal-reload", "Hellos", feature="reload")
async def comes_back_after_a_reload(stage: SealedStage) -> None:
    """Takes its seat again after a reload, and opens nothing that was sealed before."""
    wire = await stage.approved()
    before = stage.sealed("before")
    await stage.client.do("reload")
    wire = await stage.returns()
    await stage.puts(wire, before)
    await stage.agrees(wire)
    await stage.relays(wire, "after it")
    await stage.client.do("send", data="back")
    await stage.hears(wire, "back")


async def _is_noticed(stage: SealedStage) -> None:
    await stage.client.told("notice", notice="tampered")


def _changed(text: Any) -> str:
    first, *rest = decode(text)
    return encode(bytes([first ^ 1, *rest]))
