"""Files that cross in a terminal: offered by a command, and taken once the person agrees."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import platformdirs
import trio
from click.core import ParameterSource
from rich.filesize import decimal

from proxim.cli.bars import Bars
from proxim.cli.flood import Allowance, Heard
from proxim.cli.questions import Questions
from proxim.cli.terminal import Reporter, printable, quoted
from proxim.files import MOST_OUTGOING, Offer, check_file, open_offers, safe_name, send_file
from proxim.protocol.errors import ProximError, TransferFailed
from proxim.redact import quote

if TYPE_CHECKING:
    from proxim.rtc import Channel


def downloads() -> Path:
    """Return the user's downloads folder."""
    return platformdirs.user_downloads_path()


def _check_folder(context: click.Context, option: click.Parameter, folder: Path) -> Path:
    """Return the folder. Raises ``click.BadParameter`` if the person named one in vain.

    The default folder may be missing or protected where no file is ever taken.
    """
    source = context.get_parameter_source(option.name or "")
    if source is not ParameterSource.DEFAULT:
        path = folder.absolute()
        there = next(each for each in (path, *path.parents) if each.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise click.BadParameter(f"no file can be written in {quote(str(there))}")
    return folder


def with_folder(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--save-to``, as ``save_to: Path``."""
    return click.option(
        "--save-to",
        type=click.Path(path_type=Path, file_okay=False),
        default=downloads,
        callback=_check_folder,
        metavar="DIR",
        help="Folder for received files.  [default: the user's downloads folder]",
    )(function)


MOST_WITHDRAWN = 8
WITHDRAWN_PER_SECOND = 0.5
"""Questions about files that the other side may take back, at once and in the long run.

Each question takes the line that the person types, so many of them would lock the keyboard.
"""

take_files_option = click.option(
    "--take-files", is_flag=True, help="Take every file that the other side offers, unasked."
)


def _ignore(_: int) -> None:
    """Do nothing."""


class Transfers:
    """The files of a session, in both directions.

    ``stored``, ``sent`` and ``failed`` count them; a file that this side's person declines or
    cancels is none of them.
    """

    def __init__(
        self,
        reporter: Reporter,
        heard: Heard,
        questions: Questions,
        who: str,
        folder: Path,
        *,
        take_all: bool,
    ) -> None:
        self.stored = 0
        self.sent = 0
        self.failed = 0
        self._reporter = reporter
        self._heard = heard
        self._questions = questions
        self._who = who
        self._folder = folder.absolute()
        self._take_all = take_all
        self._bars = Bars(reporter)
        self._numbers = count(1)
        self._asking = Allowance(MOST_WITHDRAWN, WITHDRAWN_PER_SECOND)
        self._pause = trio.Lock()
        self._turn = trio.Semaphore(MOST_OUTGOING)
        self._scopes: set[trio.CancelScope] = set()
        self._changed = trio.lowlevel.ParkingLot()

    async def wait_stored(self) -> None:
        """Wait until a file is stored."""
        while not self.stored:
            await self._changed.park()

    def cancel(self) -> None:
        """Stop all files that are on their way."""
        for scope in self._scopes:
            scope.cancel()

    async def stop(self) -> None:
        """Stop all files, and wait until the other side was told."""
        self.cancel()
        while self._scopes:
            await self._changed.park()

    @property
    def are_running(self) -> bool:
        """Whether a file is offered, or crosses, in either direction."""
        return bool(self._scopes)

    async def send(self, channel: Channel, path: Path) -> None:
        """Offer a file, and send it. Reports the outcome."""
        number, name = next(self._numbers), printable(path.name)

        async def send() -> None:
            size = 0
            update: Callable[[int], None] = _ignore

            def offered(bytes_: int) -> None:
                nonlocal size
                size = bytes_
                text = f"Offering {name}, {decimal(size)}. The other side has to accept it."
                self._report("offered", text, number, "out", path.name, size)

            def accepted() -> None:
                nonlocal update
                update = bars.enter_context(self._bars.show(number, f"Sending {name}", size))

            with ExitStack() as bars:
                await send_file(
                    channel,
                    path,
                    offered=offered,
                    accepted=accepted,
                    progress=lambda done: update(done),
                )
            self.sent += 1
            text = f"Sent {name}, {decimal(size)}."
            self._report("sent", text, number, "out", path.name, size)

        async with self._turn:
            await self._run(send, f"{name} was not sent", number, "out", path.name)

    async def can_send(self, path: Path) -> bool:
        """Return whether there is a file at ``path``; report it otherwise."""
        try:
            await check_file(path)
        except OSError as error:
            what = f"{printable(path.name)} was not sent"
            self._report_failure(error, what, next(self._numbers), "out", path.name)
            return False
        return True

    async def receive(self, channel: Channel) -> None:
        """Take the files that the other side offers, until the session ends."""
        async with open_offers(channel) as offers, trio.open_nursery() as nursery:
            async for offer in offers:
                nursery.start_soon(self._receive, offer)

    async def _receive(self, offer: Offer) -> None:
        number, name = next(self._numbers), safe_name(offer.name)
        about = f"{printable(name)}, {decimal(offer.size)}"

        async def receive() -> None:
            tell = partial(
                self._report, "offer", "", number, "in", name, offer.size, type=offer.type
            )
            if not await self._is_wanted(offer, f"{quoted(name)}, {decimal(offer.size)}", tell):
                await offer.decline()
                self._report("declined", f"Declined {about}.", number, "in", name, offer.size)
                return
            with self._bars.show(number, f"Receiving {printable(name)}", offer.size) as progress:
                path = await offer.save(self._folder, progress=progress)
            self.stored += 1
            self._changed.unpark_all()
            text = f"Saved {decimal(offer.size)} as {printable(str(path))}"
            self._report("stored", text, number, "in", name, offer.size, path=str(path))

        await self._run(receive, f"{printable(name)} was not received", number, "in", name)

    async def _is_wanted(self, offer: Offer, about: str, tell: Callable[[], None]) -> bool:
        """Ask the person. Raises ``TransferFailed`` if the sender takes the offer back."""
        if self._take_all:
            tell()
            return True
        question = f"{self._who} wants to send {about} – take it?"

        async def ask() -> bool:
            # An offer that is withdrawn meanwhile is not asked about.
            async with self._pause:
                await trio.sleep(self._asking.wait())
                self._asking.use(1)
            wanted = await self._questions.ask(question, tell)
            self._asking.give_back(1)
            return wanted

        return await offer.ask(ask)

    async def _run(
        self,
        action: Callable[[], Any],
        what: str,
        number: int,
        direction: str,
        name: str,
    ) -> None:
        """Run a transfer, and report why it failed."""
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await action()
            except (ProximError, OSError) as error:
                self._report_failure(error, what, number, direction, name)
            finally:
                self._scopes.discard(scope)
                self._changed.unpark_all()
        if scope.cancelled_caught:
            self._report("cancelled", f"{what}: you cancelled it.", number, direction, name)

    def _report_failure(
        self, error: ProximError | OSError, what: str, number: int, direction: str, name: str
    ) -> None:
        self.failed += 1
        reason = error.reason if isinstance(error, TransferFailed) else "failed"
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        if isinstance(error, OSError) and direction == "in":
            why += f": {self._folder}"
        self._report(reason, f"{what}: {printable(why)}.", number, direction, name)

    def _report(
        self,
        state: str,
        text: str,
        number: int,
        direction: str,
        name: str,
        size: int | None = None,
        **fields: object,
    ) -> None:
        known = {} if size is None else {"size": size}
        reporter = self._heard if direction == "in" else self._reporter
        reporter.report(
            "file",
            text,
            number=number,
            direction=direction,
            state=state,
            name=name,
            **known,
            **fields,
        )
