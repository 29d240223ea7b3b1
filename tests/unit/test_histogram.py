"""Values are counted under the right bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from f5d.broker.histogram import Histogram

BOUNDS = (0.1, 1.0, 10.0)


@given(st.lists(st.floats(0, 100)))
def test_counts_are_cumulative(values: list[float]) -> None:
    """Each count is of the values up to its bound, the last one of all."""
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.add(value)
    found = histogram.as_map()
    assert found["bounds"] == list(BOUNDS)
    assert found["counts"] == [*(sum(value <= bound for value in values) for bound in BOUNDS), len(values)]
    assert abs(found["sum"] - sum(values)) < 0.001
