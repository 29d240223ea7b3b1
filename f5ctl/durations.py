"""Lengths of time as people write them: 1h30m, 90s, 800ms. Pure."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = r"(\d+(?:\.\d+)?)\s*"
_DURATION: Final = re.compile(rf"(?:(\d+)\s*h)?(?:(\d+)\s*m(?!s))?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means: hours, minutes, seconds and milliseconds in that order.

    Raises:
        ValueError: it is no duration; a number alone is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not match[0]:
        raise ValueError(f"{text!r} is not a duration")
    hours, minutes, seconds, milliseconds = (float(number) for number in match.groups("0"))
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
