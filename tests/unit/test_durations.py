"""How people write lengths of time."""

from __future__ import annotations

import pytest

from f5ctl.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("800ms", 0.8),
        ("700 ms", 0.7),
        ("1.5s", 1.5),
        ("2 s", 2.0),
        ("0s", 0.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1h1s", 3601.0),
        ("1m2.5s250ms", 62.75),
    ],
)
def test_a_duration_has_units(text: str, seconds: float) -> None:
    """Hours, minutes, seconds, milliseconds; fractions of the last two."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "5 min", "soon", "-1s", "1.5h", "30m1h", "1s1s", "1e3s", "s", "nans"]
)
def test_anything_else_is_none(text: str) -> None:
    """A number alone, a sign, other units and other orders are errors that show the text."""
    with pytest.raises(ValueError, match=f"^{text!r} is not a duration$"):
        parse_duration(text)
