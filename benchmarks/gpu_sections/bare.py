"""f5d's own modules on a machine that has torch and nothing else of what f5d needs.

The model's modules take constants and the shape of a network from files that import msgspec and msgpack,
which check and pack what these sections never check or pack.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType


class Meta:
    """A limit that nobody checks."""

    def __init__(self, **limits: object) -> None:
        self.limits = limits


def lacking(*packages: str) -> list[str]:
    """Return those of the packages that are not installed here."""
    return [name for name in packages if isinstance(sys.modules.get(name), StandIn) or not find_spec(name)]


def stand_in_for_missing() -> None:
    """Put empty modules in the place of those two where they are not installed."""
    for name in lacking("msgspec", "msgpack"):
        sys.modules[name] = StandIn(name)


class StandIn(ModuleType):
    """As much of msgspec as an import and an unchecked value need."""

    Meta = Meta

    class ValidationError(Exception):
        """Never raised."""

    @staticmethod
    def convert(value: object, _kind: object) -> object:
        """Return the value as it is."""
        return value
