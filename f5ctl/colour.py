"""Colour for the word that says how bad something is, where a person sees it."""

from __future__ import annotations

import os
from typing import TextIO

import click


def coloured(word: str, colour: str, stream: TextIO | None) -> str:
    """Return `word` in bold and `colour` for a terminal, else as it is; NO_COLOR and FORCE_COLOR count more."""
    return click.style(word, fg=colour, bold=True) if _wants_colour(stream) else word


def _wants_colour(stream: TextIO | None) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
