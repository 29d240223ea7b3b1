"""`f5ctl completion`: the script that a shell completes verbs and options with."""

from __future__ import annotations

from typing import Final

import click

from f5ctl.cli.base.settings import Verb, common_options
from f5ctl.printing import emit_exactly

SHELLS: Final = ("bash", "zsh", "fish")
_VARIABLE: Final = "_F5CTL_COMPLETE"  # click asks for completions through it


@click.command(
    cls=Verb,
    examples='eval "$(f5ctl completion bash)"\nf5ctl completion fish > ~/.config/fish/completions/f5ctl.fish',
)
@click.argument("shell", type=click.Choice(SHELLS))
@common_options
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the script that lets SHELL complete verbs, options, voices and models."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    emit_exactly(script(ctx.find_root().command, {}, "f5ctl", _VARIABLE).source())
