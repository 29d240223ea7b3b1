"""The names that the shell completes an option or an argument with. Imported when a shell asks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from click.shell_completion import CompletionItem

from f5ctl.client import Client
from f5ctl.errors import F5Error
from f5ctl.voicebox import private_store


def offered(kind: str, socket: str, start: str, *, files: bool) -> list[CompletionItem]:
    """Return the daemon's voices or models and this user's own voices; `files` come before them."""
    listed: list[dict[str, Any]] = []
    with suppress(F5Error), Client(socket) as client:
        listed = client.status().get(kind, [])
    names = [str(entry.get("name")) for entry in listed]
    if kind == "voices":
        names += [name for name in private_store().names() if name not in names]
    offered = [CompletionItem(start, type="file")] if files else []
    return offered + [CompletionItem(name) for name in names if name.startswith(start)]
