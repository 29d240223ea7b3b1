"""The names that the shell completes an option or an argument with. Imported when a shell asks."""

from __future__ import annotations

from contextlib import suppress

from click.shell_completion import CompletionItem

from f5ctl.client import Client
from f5ctl.errors import F5Error
from f5ctl.voicebox import private_store, shared_store


def offered(kind: str, socket: str, start: str, *, files: bool) -> list[CompletionItem]:
    """Return the daemon's voices or models and this user's voices, or those `stored`; `files` come before."""
    names: list[str] = []
    if kind != "stored":
        with suppress(F5Error), Client(socket) as client:
            names += [str(entry.get("name")) for entry in client.status().get(kind, [])]
    if kind != "models":
        stores = (private_store(), shared_store()) if kind == "stored" else (private_store(),)
        names += dict.fromkeys(name for store in stores for name in store.names() if name not in names)
    offered = [CompletionItem(start, type="file")] if files else []
    return offered + [CompletionItem(name) for name in names if name.startswith(start)]
