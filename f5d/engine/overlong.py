"""A sentence that is too long for one segment, in about equal parts. Pure.

It is cut between words; where a script has no spaces, between characters; in a run of digits or a word without
end, anywhere. A mark stays with what it follows, an opening one with what comes after it: no part begins with
a mark or is nothing but marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from f5ctl.sentences import is_end

CLOSING: Final = "；：，。！？、…”’」』）》】〉〕"  # of Chinese and Japanese, which no segment begins with

_MOST_BYTES: Final = 4  # of a character
_OPENING: Final = re.escape("([{<«“‘「『（［｛〈《【〔〖")
_WIDE: Final = "\u3005-\u3007\u3040-\u30ff\u3100-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
# Belong to the character before them.
_FOLLOWING: Final = "々ーゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
_MARKS: Final = rf"[^\w{_OPENING}]*"
_BEFORE: Final = rf"[{_OPENING}]{{0,4}}"
_HAS_WIDE: Final = re.compile(f"[{_WIDE}]")
_WORD: Final = re.compile(rf"\S+\s*(?:[^\w\s{_OPENING}]+(?!\S)\s*)*|\s+")
_CHARACTER: Final = re.compile(rf"{_BEFORE}(?:[{_WIDE}][{_FOLLOWING}]*|[^\W{_WIDE}]+)?{_MARKS}")
_LETTER: Final = re.compile(rf"{_BEFORE}\w?{_MARKS}")


def equal_parts(sentence: str, max_bytes: int) -> Iterator[str]:
    """Yield an over-long sentence in parts of at most `max_bytes`, about equal and as few as can be."""
    units = list(_units(sentence, max_bytes))
    sizes = [len(unit) if unit.isascii() else len(unit.encode()) for unit in units]
    left, parts = sum(sizes), _fewest(sizes, max_bytes)
    share = left / parts
    begin = filled = 0  # of a part, in units and in bytes
    for place, (unit, size) in enumerate(zip(units, sizes, strict=True)):
        is_full = filled + size > max_bytes and filled + len(unit.rstrip().encode()) > max_bytes
        if filled and (is_full or filled + size / 2 > share):
            yield "".join(units[begin:place]).strip()
            left -= filled
            parts = max(parts - 1, -(-left // max_bytes))
            share = left / parts
            begin, filled = place, 0
        filled += size
    yield "".join(units[begin:]).strip()


def _fewest(sizes: list[int], max_bytes: int) -> int:
    """Return how many parts there are when each is filled."""
    parts, filled = 1, 0
    for size in sizes:
        if filled and filled + size > max_bytes:
            parts, filled = parts + 1, 0
        filled += size
    return parts


def _units(sentence: str, max_bytes: int) -> Iterator[str]:
    """Yield what is cut only between: words, characters of scripts without spaces, letters of endless words."""
    has_wide = _HAS_WIDE.search(sentence)
    for word in _words(sentence, max_bytes):
        for unit in _CHARACTER.findall(word) if has_wide and _HAS_WIDE.search(word) else [word]:
            if len(unit) * _MOST_BYTES <= max_bytes or len(unit.encode()) <= max_bytes:
                yield unit
                continue
            fits = len(_without_end_marks(unit).encode()) <= max_bytes
            for whole in [unit] if fits else _LETTER.findall(unit):
                is_short = len(whole) * _MOST_BYTES <= max_bytes  # marks that do not fit are lost
                yield whole if is_short else whole.encode()[:max_bytes].decode(errors="ignore")


def _without_end_marks(unit: str) -> str:
    end = len(unit)
    while end and not unit[end - 1].isalnum():
        end -= 1
    return unit[:end]


def _words(sentence: str, max_bytes: int) -> Iterator[str]:
    """Yield the words with the spaces and lone marks after them; an abbreviation stays with the next word."""
    together = ""
    for match in _WORD.finditer(sentence):
        word = match[0]
        if together and len((together + word).encode()) > max_bytes:
            yield together
            together = ""
        bare = word.rstrip()
        if bare.endswith(".") and not is_end(sentence, match.start() + len(bare) - 1):
            together += word
        else:
            yield together + word
            together = ""
    if together:
        yield together
