"""The manual page proxim(1), made from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from proxim.cli import main
from proxim.cli.identity import default_path

_ENVIRONMENT = r"""
Every option of \fBproxim serve\fR can be given in the environment, as PROXIM_ and its name in
capitals: \fB\-\-qr\-ttl\fR as PROXIM_QR_TTL.
PROXIM_CONFIG is the path of a config file, PROXIM_NODE the URL of the node for the other commands,
PROXIM_IDENTITY the path of this computer's identity file, PROXIM_GRANTS that of the hosts which
remember it.
""".strip()

_EXIT = """
0 for success, 1 if a pairing was rejected or expired or a check failed, 2 for wrong usage, 3 if the
node cannot be reached.
""".strip()


def page() -> str:
    """The page in man(7) macros."""
    context = click.Context(main, info_name="proxim", **main.context_settings)
    lines = [
        '.TH PROXIM 1 "" "proxim" "User Commands"',
        ".SH NAME",
        r"proxim \- bring two devices together for WebRTC",
        ".SH SYNOPSIS",
        r"\fBproxim\fR \fICOMMAND\fR [\fIOPTION\fR]...",
        ".SH DESCRIPTION",
        *_paragraphs(main.help or ""),
        ".SH OPTIONS",
        *_options(main, context),
        ".SH COMMANDS",
        *_commands(main, context),
        ".SH ENVIRONMENT",
        _ENVIRONMENT,
        ".SH EXIT STATUS",
        _EXIT,
    ]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield ".SS " + _escape(
            f"{inner.command_path} {' '.join(command.collect_usage_pieces(inner))}"
        )
        yield from _paragraphs(command.help or "")
        yield from _options(command, inner)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield ".TP"
            yield rf"\fB{_escape(record[0])}\fR"
            # The path is another one on each computer.
            place = "in the user's config directory"
            yield _escape(record[1].replace(str(default_path()), place))


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a docstring; what click is told to leave keeps its lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield ".nf"
            yield from (_escape(line) for line in paragraph.splitlines()[1:])
            yield ".fi"
        else:
            yield _escape(" ".join(paragraph.split()))


def _escape(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("“", r"\(lq").replace("”", r"\(rq")
    return rf"\&{text}" if text.startswith((".", "'")) else text
