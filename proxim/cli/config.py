"""``proxim config``: the settings, and the schema of a config file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from proxim.cli import options
from proxim.cli.group import Group
from proxim.cli.terminal import cell
from proxim.protocol.errors import InvalidSetting
from proxim.redact import MASK
from proxim.settings import SETTINGS, load_with_sources, schema


@click.group("config", cls=Group)
def command() -> None:
    """Show the settings, and the schema of a config file."""


@command.command(
    "show",
    cls=options.Grouped,
    short_help="Print the settings of `proxim serve`, and their sources.",
)
@options.with_settings
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--changed", is_flag=True, help="Only the settings that differ from their defaults.")
def show_command(config: Path | None, as_json: bool, changed: bool, **flags: object) -> None:
    """Print the settings that `proxim serve` would use, and the source of each.

    The command takes the same options, environment and config file. Secrets are masked.
    """
    try:
        settings, sources = load_with_sources(flags, os.environ, config)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    shown: dict[str, object] = {}
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        if not changed or value != setting.default:
            is_masked = setting.help.is_secret and value not in (None, ())
            shown[setting.name] = MASK if is_masked else value
    if as_json:
        entries = {name: {"value": shown[name], "source": sources[name]} for name in shown}
        click.echo(json.dumps(entries, indent=2))
        return
    if not shown:
        click.echo("Every setting has its default.")
        return
    table = Table("Setting", "Value", "From", box=None, pad_edge=False)
    for name, value in shown.items():
        text = "–" if value is None else json.dumps(value, ensure_ascii=False)
        table.add_row(name, cell(text), cell(sources[name]))
    Console(soft_wrap=True).print(table)


@command.command("schema", short_help="Print the JSON Schema of a config file.")
def schema_command() -> None:
    """Print the JSON Schema of a config file, for editors and validators."""
    click.echo(json.dumps(schema(), indent=2))
