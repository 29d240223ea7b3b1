"""Files that are not UTF-8: with a byte order mark, and subtitles as players take them. Pure.

A guess is made for subtitles alone, since their times show that it is right, and is always told.
"""

from __future__ import annotations

import codecs
from typing import Final, NamedTuple

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_detect import holds_cues

HINT: Final = "if words come out wrong, convert it first: iconv -f NAME -t UTF-8"

_MARKS: Final = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES: Final = 4096
_ZERO_SHARE: Final = (
    0.25  # of the high bytes: digits, spaces and ends of lines are in every language's subtitles
)
_WESTERN_SHARE: Final = 0.34  # of the letters: languages that are written so have fewer accents


class Decoded(NamedTuple):
    """A text, and how it was read if that was a guess."""

    text: str
    note: str | None = None


def decode_otherwise(data: bytes, name: str | None) -> Decoded | None:
    """Return the text of bytes that are no UTF-8, or hold NULs; None if nobody can know what they mean.

    Raises:
        BadRequestError: they are a text in another encoding, which the line names.
    """
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _marked(data, marked)
    if encoding := _unmarked_utf16(data):
        text = _cut(data, 2).decode(encoding, "replace")
        if holds_cues(text, name):
            return Decoded(text, f"the file was read as {encoding.upper()}, which it does not say; {HINT}")
        remedy = f"convert it first: iconv -f {encoding} -t utf-8"
        raise BadRequestError("bad_text", f"the text is {encoding.upper()} without a byte order mark; {remedy}")
    return _western(data, name)


def _marked(data: bytes, encoding: str) -> Decoded | None:
    try:
        return Decoded(_cut(data, 2 if encoding == "utf-16" else 4).decode(encoding))
    except UnicodeDecodeError:
        return None


def _cut(data: bytes, unit_bytes: int) -> bytes:
    """Return the whole units: a last half one is what an interrupted copy leaves."""
    return data[: len(data) // unit_bytes * unit_bytes]


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the order of bytes by where the zero ones are, as half of every ASCII character is."""
    sample = _cut(data[:_SAMPLE_BYTES], 2)
    even, odd, count = sample[::2].count(0), sample[1::2].count(0), len(sample) // 2
    if odd > _ZERO_SHARE * count and even < odd / 8:
        return "utf-16-le"
    if even > _ZERO_SHARE * count and odd < even / 8:
        return "utf-16-be"
    return None


def _western(data: bytes, name: str | None) -> Decoded | None:
    """Return subtitles whose bytes are UTF-8 where they can be and Windows-1252 or Latin-1 where not."""
    escaped = data.decode("utf-8", "surrogateescape")
    odd = [_western_character(ord(char) - 0xDC00) for char in escaped if "\udc80" <= char <= "\udcff"]
    if not odd:
        return Decoded(escaped)
    text = escaped.translate({0xDC00 + byte: _western_character(byte) for byte in range(0x80, 0x100)})
    if not holds_cues(text, name):
        return None
    letters = sum(1 for char in odd if char.isalpha() or not char.isprintable())  # not quotes and dashes
    if letters > _WESTERN_SHARE * sum(map(str.isalpha, text)):
        what = "the file is neither UTF-8 nor a western language in Windows-1252"
        raise BadRequestError("bad_text", f"{what}; convert it first: iconv -f NAME -t UTF-8")
    return Decoded(text, f"the file is not UTF-8; it was read as Windows-1252 ({len(odd)} characters); {HINT}")


def _western_character(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return bytes([byte]).decode("latin-1")
