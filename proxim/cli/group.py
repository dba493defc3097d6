"""What the command line needs before any command is imported: its name, and its groups."""

from __future__ import annotations

import difflib
import io
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import IO, Any

import click

_PLAIN = re.compile(r"[\w@%+=:,./\\-]+")
"""Words that the shell of Windows reads as they are."""

_NOT_FOR_EVERY_SHELL = frozenset('"$`!\\')
"""Characters that some shell reads as more than themselves between double quotes."""


def shell_word(word: str, *, anywhere: bool = False) -> str:
    """Return a word of a command line, in quotes where the shell of this system needs them.

    The shell of Windows knows double quotes only. With ``anywhere`` the word is for the shell of
    any system, if there is a way to write it for all of them.
    """
    if anywhere and not _NOT_FOR_EVERY_SHELL & set(word):
        return word if shlex.quote(word) == word else f'"{word}"'
    if sys.platform != "win32":
        return shlex.quote(word)
    return word if _PLAIN.fullmatch(word) else '"{}"'.format(word.replace('"', '\\"'))


def program_name() -> str:
    """Return how this program was called, for a shell: ``proxim``, or the path that was typed."""
    typed = Path(sys.argv[0])
    if typed.name == "__main__.py":
        return f"{shell_word(sys.orig_argv[0])} -m proxim"
    found = shutil.which("proxim")
    # The path of a command that the shell found is the one that this finds; `.exe` is not typed.
    is_found = found is not None and typed.with_suffix("") == Path(found).with_suffix("")
    # An application may call a command without this program.
    return "proxim" if is_found or typed.stem != "proxim" else shell_word(sys.argv[0])


def as_typed(text: str) -> str:
    """Return a text whose commands, as in `proxim serve`, name the program as it was typed."""
    return text.replace("`proxim ", f"`{program_name()} ")


def name_as_typed(command: click.Command) -> None:
    """Let the help of a command name the program as it was typed."""
    command.help = command.help and as_typed(command.help)
    command.short_help = command.short_help and as_typed(command.short_help)
    for each in command.params:
        if isinstance(each, click.Option) and each.help:
            each.help = as_typed(each.help)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            name_as_typed(inner)


class Wrapped(click.ClickException):
    """An error of a command whose text breaks between words in the window of a person."""

    def __init__(self, error: click.ClickException) -> None:
        super().__init__(error.message)
        self._error = error

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # an attribute in click
        """The exit code of the error."""
        return self._error.exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print what the error prints."""
        # The words are needed for a person only, and the commands have to start quickly.
        from proxim.cli.words import fitting

        stream: IO[Any] | None = sys.stderr if file is None else file
        text = io.StringIO()
        self._error.show(text)
        click.echo(fitting(text.getvalue(), stream), nl=False, err=True, file=stream)


def _with_advice(error: click.ClickException) -> click.ClickException:
    """Return the error; that about `--version` behind a command says where it belongs."""
    if isinstance(error, click.NoSuchOption) and error.option_name == "--version":
        text = f"a command has no version of its own: type {program_name()} --version"
        return click.UsageError(text, error.ctx)
    return error


class Group(click.Group):
    """A group of commands that names the nearest one if a command is unknown."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Its errors are ``Wrapped``."""
        try:
            return super().invoke(ctx)
        except Wrapped:
            raise
        except click.ClickException as error:
            raise Wrapped(_with_advice(error)) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` begin with. Raises ``click.UsageError``."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            known = self.list_commands(ctx)
            nearest = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean `{nearest[0]}`?" if nearest else f"there are {', '.join(known)}"
            ctx.fail(f"There is no command {name!r}; {advice}")
        found = super().resolve_command(ctx, args)
        if found[1] is not None:
            name_as_typed(found[1])
        return found
