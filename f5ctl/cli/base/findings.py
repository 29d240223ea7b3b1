"""What `f5ctl doctor` and `f5ctl voices doctor` find: one thing that was looked at, and its colour."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final, Literal

from f5ctl.colour import coloured

_COLOURS: Final = {"ok": "green", "note": "yellow", "warning": "yellow", "FAULT": "red", "error": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do where it is not well."""

    what: str
    state: Literal["ok", "note", "fault"]
    how: str
    fix: str = ""


def graded(cell: str) -> str:
    """Return a cell of the table, in colour if it says how something is."""
    return coloured(cell, _COLOURS[cell], sys.stdout) if cell in _COLOURS else cell
