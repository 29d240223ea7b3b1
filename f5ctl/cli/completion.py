"""`f5ctl completion`: the script that a shell completes a command line with."""

from __future__ import annotations

from typing import Final

import click

from f5ctl.cli.base.settings import Verb, common_options
from f5ctl.printing import emit_exactly

SHELLS: Final = ("bash", "zsh", "fish")
COMMANDS: Final = ("f5ctl", "f5d")


@click.command(
    cls=Verb,
    examples='eval "$(f5ctl completion bash)"\neval "$(f5ctl completion zsh f5d)"\n'
    "f5ctl completion fish > ~/.config/fish/completions/f5ctl.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.argument("command", metavar="[COMMAND]", default="f5ctl", type=click.Choice(COMMANDS))
@common_options
@click.pass_context
def completion(ctx: click.Context, *, shell: str, command: str) -> None:
    """Print the script that lets SHELL complete verbs, options, files, voices and models.

    COMMAND is f5ctl, or f5d.
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    variable = f"_{command.upper()}_COMPLETE"  # click asks for completions through it
    source = script(ctx.find_root().command, {}, command, variable).source()
    # click's script for fish cuts a name or its description at a comma
    emit_exactly(source.replace('string split "," $completion', 'string split --max 1 "," $completion'))
