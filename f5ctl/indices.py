"""Brackets that are indices of code and no notes: `array[0]`, `x[1][2]`, `my_list[3]`, `data['key']`. Pure."""

from __future__ import annotations

import re
from typing import Final

_INDICES: Final = re.compile(r"(?<=\w)(?:\[[^\[\]\n]{1,40}\]){1,4}(?!\()")
_NAME: Final = re.compile(r"(?<!\w)[^\W\d]\w{0,63}\Z")
# What no note is numbered with: nothing, a place from the end, a key, a part, a sum, a counter.
_INDEX: Final = re.compile(r"0|-\d{1,9}|'[^']*'|\"[^\"]*\"|\w*:-?\w*|\w{1,20} ?[+*/-] ?\d{1,9}|[ijk]")
_WORD_GOES_ON: Final = re.compile(r"\w")
_IS_SET: Final = re.compile(r" ?[-+*/]?=(?!=)")


def with_indices(text: str) -> str:
    """Return `text` with its indices as words; other brackets stay as they are."""
    return _INDICES.sub(_indices, text)


def _indices(match: re.Match[str]) -> str:
    """Return the brackets after a name as words where they are indices, else as they are."""
    name = _NAME.search(match.string, max(0, match.start() - 64), match.start())
    if name is None or _WORD_GOES_ON.match(match.string, match.end()):
        return match[0]
    indices = match[0][1:-1].split("][")
    is_a_variable = "_" in name[0] or (
        len(name[0]) == 1 and name[0].islower() and all(map(str.isdecimal, indices))
    )
    is_code = is_a_variable or _IS_SET.match(match.string, match.end())
    if is_code or any(map(_INDEX.fullmatch, indices)):
        return "".join(f" {index}" for index in indices)
    return match[0]
