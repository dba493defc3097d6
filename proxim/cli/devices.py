"""``proxim devices``: the devices that this computer knows as a host."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import click

from proxim.cli import program
from proxim.cli.group import Group
from proxim.cli.identity import Register, with_host
from proxim.cli.known import day
from proxim.cli.tables import show_table
from proxim.cli.terminal import Reporter, command_line, quoted
from proxim.protocol.errors import ConnectionLost, InvalidSetting, UnknownSession

if TYPE_CHECKING:
    from proxim.devices.book import DeviceBook
    from proxim.devices.record import KnownDevice


@click.group("devices", cls=Group)
def command() -> None:
    """List, forget and rename the devices that this computer knows."""


@command.command("list", short_help="List the known devices.")
@with_host
@program.json_option
def list_command(register: Register, as_json: bool) -> None:
    """List the devices that this computer knows as a host at the node."""

    async def action(reporter: Reporter) -> None:
        found = _book(register).current()
        events = [_fields(device) for device in found]
        reporter.report_all("device", events, "No known devices.", lambda: _show(found))

    program.run(action, as_json=as_json)


@command.command("forget")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Forget all devices.")
@with_host
@program.json_option
def forget_command(
    register: Register, names: tuple[str, ...], everything: bool, as_json: bool
) -> None:
    """Forget devices by NAME or id: they cannot come again without a number.

    A visit that runs ends. Write -- before an id that begins with a hyphen.
    """
    if bool(names) == everything:
        raise click.UsageError(f"give the names of devices (see {_listing()}), or --all")

    async def action(reporter: Reporter) -> None:
        book = _book(register)
        chosen = book.load() if everything else [_find(book.current(), name) for name in names]
        for device in chosen:
            book.drop(device.session_id, is_closed=False)
            text = f"{quoted(device.name)} is forgotten."
            reporter.report("forgotten", text, id=device.session_id, name=device.name)
        reporter.exit_code = program.APPROVED
        try:
            async with register() as host:
                for device in chosen:
                    with suppress(UnknownSession):
                        await host.close(device.session_id)
                    book.drop(device.session_id)
        except ConnectionLost as error:
            text = f"The node is told by the next `{command_line('host')}`"
            program.report_error(reporter, text, error)

    program.run(action, as_json=as_json)


@command.command("rename")
@click.argument("name")
@click.argument("new_name")
@with_host
@program.json_option
def rename_command(register: Register, name: str, new_name: str, as_json: bool) -> None:
    """Give the device of this NAME or id the name NEW_NAME. The device is not told."""
    program.check_text("NEW_NAME", new_name, 64)

    async def action(reporter: Reporter) -> None:
        book = _book(register)
        device = _find(book.current(), name)
        book.rename(device.session_id, new_name)
        text = f"{quoted(device.name)} is called {quoted(new_name)} now."
        reporter.report("renamed", text, id=device.session_id, name=new_name)
        reporter.exit_code = program.APPROVED

    program.run(action, as_json=as_json)


def _book(register: Register) -> DeviceBook:
    from proxim.devices.book import DeviceBook
    from proxim.devices.store import DeviceFile

    return DeviceBook(DeviceFile(register.devices_path))


def _find(known: list[KnownDevice], name: str) -> KnownDevice:
    """Return the device of a name or an id. Raises ``InvalidSetting`` unless there is one."""
    found = [each for each in known if name in (each.name, each.session_id)]
    if len(found) != 1:
        number = "no device is" if not found else f"{len(found)} devices are"
        raise InvalidSetting(f"{number} called {quoted(name)}: see {_listing()}")
    return found[0]


def _listing() -> str:
    """Return the command that lists the devices."""
    return f"`{command_line('devices', 'list')}`"


def _fields(device: KnownDevice) -> dict[str, object]:
    return {
        "id": device.session_id,
        "name": device.name,
        "policy": device.policy,
        "since": device.since,
        "end": device.end,
        "last_seen": device.last_seen,
    }


def _show(devices: list[KnownDevice]) -> None:
    headings = ("Name", "At a visit", "Since", "Last visit", "Until", "Id")
    show_table(headings, [_row(device) for device in devices])


def _row(device: KnownDevice) -> tuple[str, ...]:
    return (
        device.name,
        "asks" if device.policy == "ask" else "comes in",
        _day(device.since),
        # A device was here when it was paired.
        _day(device.since if device.last_seen is None else device.last_seen),
        _day(device.end),
        device.session_id,
    )


def _day(moment: float) -> str:
    return day(datetime.fromtimestamp(moment), datetime.now())
