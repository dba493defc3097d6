"""``proxim config``: the settings, and the schema of a config file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxim.cli import options
from proxim.protocol.errors import InvalidSetting
from proxim.redact import MASK
from proxim.settings import SETTINGS, Setting, load_with_sources, schema


@click.group("config")
def command() -> None:
    """Show the settings, and the schema of a config file."""


@command.command("show", cls=options.Grouped)
@options.with_settings
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--changed", is_flag=True, help="Only the settings that differ from their defaults.")
def show_command(config: Path | None, as_json: bool, changed: bool, **flags: object) -> None:
    """Print the settings that `proxim serve` would use, and the source of each.

    It takes the same options, environment and config file. Secrets are masked.
    """
    try:
        settings, sources = load_with_sources(flags, os.environ, config)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    shown = [
        (setting, _masked(setting, getattr(settings, setting.name)), sources[setting.name])
        for setting in SETTINGS
        if not changed or getattr(settings, setting.name) != setting.default
    ]
    if as_json:
        entries = {each.name: {"value": value, "source": source} for each, value, source in shown}
        click.echo(json.dumps(entries, indent=2))
    else:
        _print_table(shown)


@command.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a config file, for editors and validators."""
    click.echo(json.dumps(schema(), indent=2))


def _masked(setting: Setting, value: object) -> object:
    return MASK if setting.help.is_secret and value not in (None, ()) else value


def _print_table(shown: list[tuple[Setting, object, str]]) -> None:
    table = Table("Setting", "Value", "From", box=None, pad_edge=False)
    for setting, value, source in shown:
        table.add_row(setting.name, escape(_as_toml(value)), escape(source))
    Console(soft_wrap=True).print(table)


def _as_toml(value: object) -> str:
    if value is None:
        return "–"
    return json.dumps(value, ensure_ascii=False)
