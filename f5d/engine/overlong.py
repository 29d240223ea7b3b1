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
    sizes = [len(unit.encode()) for unit in units]
    left, parts = sum(sizes), _fewest(sizes, max_bytes)
    part, filled = "", 0
    for unit, size in zip(units, sizes, strict=True):
        bare = size - (len(unit) - len(unit.rstrip()))
        if part and (filled + bare > max_bytes or filled + size / 2 > left / parts):
            yield part.strip()
            left -= filled
            parts = max(parts - 1, -(-left // max_bytes))
            part, filled = "", 0
        part += unit
        filled += size
    yield part.strip()


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
    for word in _words(sentence, max_bytes):
        for unit in _CHARACTER.findall(word) if _HAS_WIDE.search(word) else [word]:
            fits = len(_without_end_marks(unit).encode()) <= max_bytes
            for whole in [unit] if fits else _LETTER.findall(unit):
                yield whole.encode()[:max_bytes].decode(errors="ignore")  # marks that do not fit are lost


def _without_end_marks(unit: str) -> str:
    end = len(unit)
    while end and not unit[end - 1].isalnum():
        end -= 1
    return unit[:end]


def _words(sentence: str, max_bytes: int) -> Iterator[str]:
    """Yield the words with the spaces and lone marks after them; an abbreviation stays with the next word."""
    together = ""
    for match in _WORD.finditer(sentence):
        if together and len((together + match[0]).encode()) > max_bytes:
            yield together
            together = ""
        together += match[0]
        point = match.start() + len(match[0].rstrip()) - 1
        if sentence[point] != "." or is_end(sentence, point):
            yield together
            together = ""
    if together:
        yield together
