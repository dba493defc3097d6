"""``proxim completion``: the completion script for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands and options of proxim.

    \b
    bash:  eval "$(proxim completion bash)"           in ~/.bashrc
    zsh:   eval "$(proxim completion zsh)"            in ~/.zshrc, after compinit
    fish:  proxim completion fish > ~/.config/fish/completions/proxim.fish
    """  # noqa: D301 - click needs the character
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    # The program and the variable with which the script asks click for completions.
    completion = completion_class(ctx.find_root().command, {}, "proxim", "_PROXIM_COMPLETE")
    click.echo(completion.source())
