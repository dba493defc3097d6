"""Known devices at a host in a terminal: they are remembered, and come again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import trio

from proxim.cli import program
from proxim.cli.invitation import press_keys
from proxim.cli.keyboard import ESCAPE
from proxim.cli.panel import Drawing, first_fitting
from proxim.cli.quiet import QuietVisits
from proxim.cli.terminal import Reporter, command_line, printable, quoted, seconds, time_left
from proxim.cli.words import wrap
from proxim.client import Device, Host, Remember, Visit
from proxim.exception_groups import ungrouped
from proxim.protocol.errors import ConnectionLost, InvalidSetting, ProximError
from proxim.protocol.messages import Status

if TYPE_CHECKING:
    from proxim.cli.identity import Register
    from proxim.devices.store import DeviceFile

_YES = ("y", "Y")
_NO = ("n", "N", ESCAPE)
_DAY = 86_400.0

_TURNED_AWAY = {
    "copied": "has come with a used ticket: its storage was copied, or restored from a backup. It "
    "is forgotten; pair it again",
    "stranger": "was not let in: another device has its link",
    "expired": "was not let in: the time for which it was remembered is over",
}


class Wish(NamedTuple):
    """How to remember a device: its name, else what it calls itself; for how long; the policy."""

    name: str | None
    days: float
    is_auto: bool

    def made(self, claimed: str) -> Remember:
        """Return the wish for a device that calls itself ``claimed``."""
        name = self.name or claimed
        return Remember(name=name, days=self.days, policy="auto" if self.is_auto else "ask")


@contextmanager
def serving(register: Register) -> Iterator[DeviceFile | None]:
    """Give the block the known devices, unless another program serves them: None then."""
    from proxim.devices.store import DeviceFile, FileLock

    path = register.devices_path
    lock = FileLock(f"{path}.host")
    if not lock.try_lock():
        yield None
        return
    try:
        yield DeviceFile(path)
    finally:
        lock.unlock()


@asynccontextmanager
async def hosting_known(register: Register, reporter: Reporter) -> AsyncIterator[tuple[Host, bool]]:
    """Open a host, and say whether it has the known devices, which one program has at a time."""
    from proxim.devices.store import DeviceFile

    with serving(register) as devices:
        if devices is None and DeviceFile(register.devices_path).load():
            reporter.report(
                "busy",
                "Known devices cannot come here, and none is remembered: "
                f"another `{command_line('host')}` has them.",
            )
        async with register(devices) as host:
            yield host, devices is not None


# -- words -----------------------------------------------------------------------------------


def busy() -> str:
    """Return why no known device can come here."""
    return f"another `{command_line('host')}` waits for the known devices"


def describe(device: Device, now: float | None = None) -> str:
    """Return “My phone”, known since 3 May, here yesterday."""
    today = datetime.fromtimestamp(time.time() if now is None else now)
    since = datetime.fromtimestamp(device.since)
    # A device was here when it was paired.
    last = since if device.last_seen is None else datetime.fromtimestamp(device.last_seen)
    return f"{quoted(device.name)}, known since {day(since, today)}, {_here(last, today)}"


def day(moment: datetime, today: datetime) -> str:
    """Return a day: 3 May, or 3 May 2025 in another year."""
    year = "" if moment.year == today.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year}"


def _here(last: datetime, today: datetime) -> str:
    days = (today.date() - last.date()).days
    return {0: "here today", 1: "here yesterday"}.get(days, f"here on {day(last, today)}")


class VisitQuestion:
    """A view: whether a known device may come in. ``left`` returns the time left, as text.

    It says which keys it takes once it is open.
    """

    is_open = False

    def __init__(self, device: Device, left: Callable[[], str]) -> None:
        self._who = describe(device)
        self._left = left

    def text(self) -> str:
        """Return the question for a person who types lines."""
        return f"\n{self._who}, asks to connect. Type y to let it in, n to decline."

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the question, and the time left."""
        keys = "Y lets it in, N declines. " if self.is_open else ""
        text = f"{self._who}, asks to connect.\n\n{keys}{self._left()} left."
        texts = ("\n".join([text, *notes]), text, text.replace("\n\n", "\n"))
        return first_fitting((Drawing(wrap(each, columns)) for each in texts), columns, rows)


class WaitingForKnown:
    """A view: the devices that a host waits for."""

    def __init__(self, devices: list[Device]) -> None:
        self._lines = [f"  {describe(device)}" for device in devices]

    def text(self) -> str:
        """Return the devices, printed once."""
        return "\n".join(["Waiting for known devices. Ctrl-C ends.", *self._lines])

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the devices, or their number in a small window."""
        number = f"Waiting for known devices ({len(self._lines)}). Ctrl-C ends."
        texts = ("\n".join([self.text(), *notes]), "\n".join([number, *notes]), number)
        return first_fitting((Drawing(wrap(each, columns)) for each in texts), columns, rows)


# -- visits ----------------------------------------------------------------------------------


class Refusal(NamedTuple):
    """Why a known device was not let in: what to report once the next view is there."""

    event: str
    text: str
    fields: dict[str, object]

    def report(self, reporter: Reporter) -> None:
        """Tell the person, or the program."""
        reporter.report(self.event, self.text, **self.fields)


async def admit(visit: Visit, reporter: Reporter) -> Refusal | None:
    """Ask the person whether a known device may come in; return None if it has."""
    device = msgspec.to_builtins(visit.device)
    if visit.over is not None:
        return _turned_away(visit)
    if visit.status is Status.APPROVED:
        reporter.screen.dismiss()
        text = f"{describe(visit.device)}, is connected without a question. /close disconnects it."
        reporter.report("visit", text, device=device, approved=True)
        return None
    try:
        prompt = await visit.prompt()
        question = VisitQuestion(visit.device, time_left(prompt.expires_at))
        reporter.present(
            "visit",
            question,
            device=device,
            approved=False,
            expires_in=seconds(prompt.expires_at - trio.current_time()),
            silent=prompt.is_silent,
        )
        if await program.race(lambda: _ask(question, reporter), lambda: _until_over(visit)):
            await prompt.approve()
            return None
        if visit.over is None:
            await prompt.decline()
    except ProximError as error:
        text = f"{quoted(visit.device.name)} did not get in: {printable(str(error))}"
        return Refusal("error", text, {"message": str(error)})
    text = f"{quoted(visit.device.name)} was declined."
    return Refusal("result", text, {"status": Status.REJECTED})


async def _ask(question: VisitQuestion, reporter: Reporter) -> bool:
    await reporter.keyboard.settle()
    if not reporter.has_keys:
        answers = {"y": True, "yes": True, "n": False, "no": False}
        while (line := await reporter.keyboard.line()) is not None:
            if (answer := answers.get(line.strip().lower())) is not None:
                return answer
        return False
    question.is_open = True
    reporter.screen.refresh()
    while (key := await reporter.keyboard.key()) is not None:
        if key in _YES or key in _NO:
            return key in _YES
    return False


async def _until_over(visit: Visit) -> bool:
    await visit.wait_over()
    return False


def _turned_away(visit: Visit) -> Refusal:
    reason = getattr(visit.over, "reason", "lost")
    text = f"{quoted(visit.device.name)} {_TURNED_AWAY.get(reason, 'did not get in')}."
    device = msgspec.to_builtins(visit.device)
    return Refusal("turned_away", text, {"device": device, "reason": reason})


@asynccontextmanager
async def alone(host: Host, reporter: Reporter, *, has_known: bool = True) -> AsyncIterator[None]:
    """Let no known device in during the block, which another one has, and say so."""
    with ungrouped(ProximError):
        async with trio.open_nursery() as nursery:
            if has_known:
                nursery.start_soon(_turn_away, host, reporter)
            yield
            nursery.cancel_scope.cancel()


async def _turn_away(host: Host, reporter: Reporter) -> None:
    with suppress(ConnectionLost):  # The session says so.
        async for visit in host.visits():
            if visit.over is not None:
                _turned_away(visit).report(reporter)
                continue
            with suppress(ProximError):
                if visit.status is Status.APPROVED:
                    await visit.close()
                else:
                    await visit.decide(approve=False)
            text = f"{quoted(visit.device.name)} was declined: another device came first."
            device = msgspec.to_builtins(visit.device)
            reporter.report("visit", text, device=device, approved=False)


async def next_known(host: Host, reporter: Reporter, quiet: QuietVisits) -> Visit:
    """Wait until a known device has come, and is let in."""
    refusal = None
    while True:
        devices = host.devices()
        if not devices:
            pair = command_line("host", "--remember", "NAME")
            raise InvalidSetting(f"no device is known here: pair one with `{pair}`")
        view = quiet.beside(WaitingForKnown(devices))
        reporter.present("waiting", view, devices=msgspec.to_builtins(devices))
        if refusal is not None:
            refusal.report(reporter)
        visit = await program.race(quiet.next, partial(press_keys, reporter, quiet.press))
        async with alone(host, reporter):
            refusal = await admit(visit, reporter)
        if refusal is None:
            return visit
