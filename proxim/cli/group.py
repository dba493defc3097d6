"""What the command line needs before any command is imported: its name, and its groups."""

from __future__ import annotations

import difflib
import shlex
import shutil
import sys
from pathlib import Path

import click


def program_name() -> str:
    """Return how this program was called, for a shell: ``proxim``, or the path that was typed."""
    typed = Path(sys.argv[0])
    if typed.name == "__main__.py":
        return f"{shlex.quote(sys.orig_argv[0])} -m proxim"
    found = shutil.which("proxim")
    # The path of a command that the shell found is the one that this finds; `.exe` is not typed.
    is_found = found is not None and typed.with_suffix("") == Path(found).with_suffix("")
    # An application may call a command without this program.
    return "proxim" if is_found or typed.stem != "proxim" else shlex.quote(sys.argv[0])


class Group(click.Group):
    """A group of commands that names the nearest one if a command is unknown."""

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
        return super().resolve_command(ctx, args)
