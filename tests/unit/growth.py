"""How the time of a function grows with its text, in seconds of this process and not of a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TIMES: Final = 4  # a longer text is so many times as long; a quadratic function then takes 16 times as long
GROWTH: Final = 9
TRIES: Final = 3


def cpu_s(function: Callable[[str], object], text: str) -> float:
    """Return how long a call takes, in seconds of this process."""
    begun_s = time.process_time()
    function(text)
    return time.process_time() - begun_s


def takes_too_long(function: Callable[[str], object], short: str, long: str, *, noise_s: float) -> bool:
    """Return whether `long`, `TIMES` as long as `short`, takes more than `GROWTH` times as long.

    What is over within `noise_s`, which a busy machine may add, never does.
    """
    for _ in range(TRIES):
        took_s = cpu_s(function, long)
        if took_s < noise_s or took_s < GROWTH * cpu_s(function, short) + noise_s:
            return False
    return True
