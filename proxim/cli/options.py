"""Command-line options, generated from the settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from proxim.settings import SETTINGS, Setting

_config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="PROXIM_CONFIG",
    metavar="FILE",
    help="A TOML file with any of these settings, e.g. `qr_ttl = 120`.",
)


class Seconds(click.FloatRange):
    """A number of seconds. ``click.FloatRange`` alone accepts NaN."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; raise ``click.BadParameter`` if it is not one or out of range."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


class Grouped(click.Command):
    """A command whose help lists the options by group of settings, with ``--help-all`` all."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the command, and of every command."""
        return [*super().get_params(ctx), _help_all]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each option under the heading of its setting's group."""
        settings = {setting.name: setting for setting in SETTINGS}
        groups: dict[str, list[tuple[str, str]]] = {}
        hidden = 0
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            setting = settings.get(parameter.name or "")
            if setting is not None and not setting.is_common and _HELP_ALL not in ctx.meta:
                hidden += 1
            elif record is not None:
                groups.setdefault(setting.group if setting else "Other", []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)
        if hidden:
            formatter.write_paragraph()
            formatter.write_text(f"There are {hidden} more options: see --help-all.")


_HELP_ALL = "proxim.help_all"


def _show_all(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.meta[_HELP_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


_help_all = click.Option(
    ["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_all,
    help="Show this message with every option, and exit.",
)


def _option(setting: Setting) -> Callable[[Any], Any]:
    default = setting.default
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    has_no_default = default is None or setting.is_switch or setting.is_list
    text = setting.help.text + ("" if has_no_default else f"  [default: {shown}]")
    if setting.is_switch:
        negation = setting.flag.replace("--", "--no-", 1)
        return click.option(f"{setting.flag}/{negation}", setting.name, default=None, help=text)
    if setting.is_list:
        text += "  Can be repeated."
    if setting.help.flag_value is not None:
        metavar = f"[{setting.metavar}]"
        optional: dict[str, Any] = {"is_flag": False, "flag_value": setting.help.flag_value}
        return click.option(setting.flag, setting.name, metavar=metavar, help=text, **optional)
    return click.option(
        setting.flag,
        setting.name,
        metavar=setting.metavar,
        help=text,
        multiple=setting.is_list,
    )


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting, and ``--config``."""
    function = _config_option(function)
    for setting in reversed(SETTINGS):
        function = _option(setting)(function)
    return function
