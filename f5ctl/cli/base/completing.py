"""What the shell completes an option's value with: the names that the daemon knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import click

from f5ctl.cli.base.settings import Settings
from f5ctl.client import Client
from f5ctl.errors import F5Error

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def offer(kind: Literal["voices", "models"]) -> Callable[..., Any]:
    """Return what the shell completes an option with: the daemon's names, and this user's own voices."""

    def complete(ctx: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        listed: list[dict[str, Any]] = []
        with suppress(F5Error), Client(ctx.ensure_object(Settings).socket) as client:
            listed = client.status().get(kind, [])
        names = [str(entry.get("name")) for entry in listed]
        if kind == "voices":
            from f5ctl.voicebox import private_store

            names += [name for name in private_store().names() if name not in names]
        return [CompletionItem(name) for name in names if name.startswith(start)]

    return complete
