"""What `f5ctl doctor` finds: one thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do where it is not well."""

    what: str
    state: Literal["ok", "note", "fault"]
    how: str
    fix: str = ""
