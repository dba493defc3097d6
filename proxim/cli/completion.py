"""``proxim completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_VARIABLE = "_PROXIM_COMPLETE"
"""The variable by which a shell asks this program; click answers it."""

_SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete the commands and options of proxim.

    \b
    bash:  eval "$(proxim completion bash)"           in ~/.bashrc
    zsh:   eval "$(proxim completion zsh)"            in ~/.zshrc, behind compinit
    fish:  proxim completion fish > ~/.config/fish/completions/proxim.fish
    """  # noqa: D301 - click wants the character
    kind = _SHELLS[shell]
    # Not `source()`: that of bash runs the bash of here, which need not be the one that asks.
    maker = kind(ctx.find_root().command, {}, "proxim", _VARIABLE)
    click.echo(maker.source_template % maker.source_vars())
