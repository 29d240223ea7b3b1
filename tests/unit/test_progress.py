"""What a person is told of a time that is left."""

from __future__ import annotations

import pytest

from f5ctl.progress import left


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "1 s left"), (7.1, "8 s left"), (9.5, "10 s left"), (12, "15 s left"), (41.2, "45 s left"),
        (57, "1 min left"), (61, "2 min left"), (600, "10 min left"),
        (3599, "1 h 0 min left"), (5000, "1 h 24 min left"),
    ],
)  # fmt: skip
def test_a_guess_is_no_more_exact_than_it_can_be(seconds: float, told: str) -> None:
    """Seconds below ten, steps of five below a minute, whole minutes above; never less than it is."""
    assert left(seconds) == told
