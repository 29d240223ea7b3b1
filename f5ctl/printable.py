"""What of a text that may come from anywhere is shown to a person: nothing that a terminal would obey.

Everything that is printed for people, by f5ctl and by the daemon's log, goes through here.
"""

from __future__ import annotations

from typing import Final

_JOINERS: Final = "\u200c\u200d"  # without them words of many scripts fall apart, and nobody obeys them


def printable(text: str) -> str:
    """Return `text` as one line: each space or line end as a space, what else cannot be seen as U+FFFD.

    That holds for escape sequences of both kinds (ESC, C1), for what turns the direction of writing, and
    for bytes that are no UTF-8. The number of characters stays the same.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"
