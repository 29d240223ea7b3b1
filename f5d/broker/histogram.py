"""Counting values by size."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any


class Histogram:
    """How many values were at most each of `bounds` (ascending), how many were larger, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def as_map(self) -> dict[str, Any]:
        """Return bounds, counts of the values up to each bound and in all, and the sum of the values."""
        return {
            "bounds": list(self._bounds),
            "counts": list(accumulate(self._counts)),
            "sum": round(self._sum, 3),
        }
