"""Files that are not UTF-8: with a byte order mark, and what may be guessed of others. Pure.

A guess is always told. Manifests take it (f5ctl/batch/source.py), of texts subtitles alone, whose times show
that it is right.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_detect import holds_cues

WESTERN: Final = "Windows-1252"

_MARKS: Final = (  # as long as a unit; the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES: Final = 4096
_ZERO_SHARE: Final = 0.25  # of the high bytes: digits, spaces and ends of lines are in every language's texts
_FOREIGN_SHARE: Final = 0.4  # of the letters; Vietnamese and Turkish, the richest in accents, stay below it
_ODD: Final = re.compile("[\udc80-\udcff]")  # a byte that is no UTF-8
_HINT: Final = "if words come out wrong, convert it first: iconv -f NAME -t UTF-8"


class Decoded(NamedTuple):
    """A text; `guess` names its encoding where the bytes do not, and `line` is the first that is no UTF-8.

    A text `is_foreign` when it has more accents than a Western language, so that Windows-1252 is wrong.
    """

    text: str
    guess: str = ""
    line: int = 0
    is_foreign: bool = False


def decode(data: bytes) -> Decoded:
    """Return the text in bytes of any encoding.

    Raises:
        UnicodeDecodeError: they are not what their byte order mark says.
    """
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return Decoded(_whole_units(data, len(mark))[len(mark) :].decode(marked))
    if encoding := _unmarked_utf16(data):
        return Decoded(_whole_units(data, 2).decode(encoding, "replace"), encoding.upper())
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    first = _ODD.search(text)
    return _western(text, text.count("\n", 0, first.start()) + 1) if first else Decoded(text)


def decode_text(data: bytes, name: str | None, tell: Callable[[str], None] | None) -> str | None:
    """Return the text of bytes that are no UTF-8, or hold NULs; None if nobody can know what they mean.

    `tell` gets the line about a guess.

    Raises:
        BadRequestError: they are a text in another encoding, which the line names.
    """
    try:
        found = decode(data)
    except UnicodeDecodeError:
        return None
    if not found.guess:
        return found.text
    if not holds_cues(found.text, name):
        if found.guess == WESTERN:
            return None
        remedy = f"convert it first: iconv -f {found.guess.lower()} -t utf-8"
        raise BadRequestError("bad_text", f"the text is {found.guess} without a byte order mark; {remedy}")
    if found.is_foreign:
        what = f"the file is neither UTF-8 nor a western language in {WESTERN}"
        raise BadRequestError("bad_text", f"{what}; convert it first: iconv -f NAME -t UTF-8")
    if tell:
        tell(f"the file is not UTF-8; it is read as {found.guess}; {_HINT}")
    return found.text


def _whole_units(data: bytes, unit_bytes: int) -> bytes:
    """Return the whole units: a last half one is what an interrupted copy leaves."""
    return data[: len(data) // unit_bytes * unit_bytes]


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the order of bytes by where the zero ones are, as half of every ASCII character is."""
    sample = _whole_units(data[:_SAMPLE_BYTES], 2)
    even, odd, count = sample[::2].count(0), sample[1::2].count(0), len(sample) // 2
    for encoding, many, few in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if many > _ZERO_SHARE * count and few < many / 8:
            return encoding
    return None


def _western(escaped: str, line: int) -> Decoded:
    """Return a text whose bytes are UTF-8 where they can be and Windows-1252 or Latin-1 where not."""
    odd = [_western_character(char) for char in _ODD.findall(escaped)]
    letters = sum(1 for char in odd if char.isalpha() or not char.isprintable())  # not quotes and dashes
    text = _ODD.sub(lambda match: _western_character(match[0]), escaped)
    return Decoded(text, WESTERN, line, letters > _FOREIGN_SHARE * sum(map(str.isalpha, text)))


def _western_character(odd: str) -> str:
    byte = ord(odd) - 0xDC00
    return bytes([byte]).decode("cp1252", "ignore") or chr(byte)  # it has five holes
