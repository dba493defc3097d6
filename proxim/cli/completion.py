"""``proxim completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete the commands and options of proxim.

    \b
    bash:  eval "$(proxim completion bash)"           in ~/.bashrc
    zsh:   eval "$(proxim completion zsh)"            in ~/.zshrc, behind compinit
    fish:  proxim completion fish > ~/.config/fish/completions/proxim.fish
    """  # noqa: D301 - click wants the character
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    # The name and the variable by which click recognizes a request for completions.
    completion = completion_class(ctx.find_root().command, {}, "proxim", "_PROXIM_COMPLETE")
    click.echo(completion.source())
