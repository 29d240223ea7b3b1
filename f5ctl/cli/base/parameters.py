"""The options of the parameters, from the protocol's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import click

from f5ctl.protocol import BOUNDS, Bound

QUALITIES: Final = {"draft": 7, "fast": 16, "standard": 32, "high": 64}  # ODE steps
PRIORITIES: Final = {"low": -1, "normal": 0, "high": 1}


class Number(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A number inside the protocol's bounds for `field`."""

    def __init__(self, field: str, kind: type[int | float]) -> None:
        self.name = "n" if kind is int else "x"
        self._bound: Bound = BOUNDS[field]
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail with the value and the limit."""
        try:
            number = self._kind(value)
        except ValueError:
            self.fail(f"{value!r} is not {'a whole number' if self._kind is int else 'a number'}", param, ctx)
        if not self._bound.admits(number):
            self.fail(f"{value} is out of range: {self._bound}", param, ctx)
        return number


def _listed(words: Iterable[object]) -> str:
    *most, last = map(str, words)
    return f"{', '.join(most)} or {last}"
