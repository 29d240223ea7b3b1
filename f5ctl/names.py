"""Names that somebody mistyped, and what was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

_MOST_LETTERS: Final = 64  # of a name, and
_MOST_NAMES: Final = 256  # that are compared; more would take a daemon's time


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` abbreviates or nearly is; None when there is none."""
    from difflib import get_close_matches

    known = list(known)
    whole = [one for one in known if one.startswith(word)]
    return whole[0] if len(whole) == 1 else next(iter(get_close_matches(word, known, 1)), None)


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """Return the line that says that no `what` has that name, which ones there are, and which is like it."""
    return f"unknown {what} {name!r:.80}; known {what}s: {', '.join(known)}{_meant(name, known)}"


def unknown_key(key: str, known: Collection[str]) -> str:
    """Return the line that says that a table of a configuration has no such key, and what it has."""
    return f"unknown key {key!r:.80}; known: {', '.join(known)}{_meant(key, known)}"


def _meant(name: str, known: Collection[str]) -> str:
    """Return ` (did you mean X?)`, where one of `known` is like `name`, else nothing."""
    lower = {one.lower(): one for one in known}
    comparable = 0 < len(name) <= _MOST_LETTERS and len(known) <= _MOST_NAMES
    near = nearest(name.lower(), lower) if comparable else None
    return f" (did you mean {lower[near]}?)" if near else ""
