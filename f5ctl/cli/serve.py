"""`f5ctl serve`: the daemon's speech for other programs, in their own words."""

from __future__ import annotations

from typing import Final

import click

from f5ctl.cli.base.family import VerbFamily

VERBS: Final = {
    "http": ("serve_http", "http", "Serve the OpenAI speech API, and a page to speak from."),
    "wyoming": ("serve_wyoming", "wyoming", "Serve Home Assistant's Wyoming protocol."),
}


@click.group(
    cls=VerbFamily,
    verbs=VERBS,
    examples="f5ctl serve http --port 8000\nf5ctl serve wyoming --uri tcp://127.0.0.1:10200",
)
def serve() -> None:
    """Serve other programs; each server is a client of the daemon and holds no model.

    The daemon itself starts by itself, or with f5ctl load; in the foreground it is f5d serve.
    """
