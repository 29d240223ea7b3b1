"""`f5ctl completion`, and what the shell offers for an option's value."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from f5ctl.cli.base import Settings, Verb, common_options, emit
from f5ctl.client import Client, new_id
from f5ctl.errors import F5Error
from f5ctl.protocol import Status

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

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
    emit(script(ctx.find_root().command, {}, "f5ctl", _VARIABLE).source())


def names_known(ctx: click.Context, kind: Literal["voices", "models"], start: str) -> list[CompletionItem]:
    """Return the daemon's voices or models that begin with `start`, and this user's own voices."""
    from click.shell_completion import CompletionItem

    listed: list[dict[str, Any]] = []
    with suppress(F5Error), Client(ctx.ensure_object(Settings).socket) as client:
        listed = client.call(Status(new_id())).get(kind, [])
    names = [str(entry.get("name")) for entry in listed]
    if kind == "voices":
        from f5ctl.voicebox import private_store

        names += [name for name in private_store().names() if name not in names]
    return [CompletionItem(name) for name in names if name.startswith(start)]
