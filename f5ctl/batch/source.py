"""A manifest's bytes become text: the encodings that people's programs write, and what is no text. Pure.

UTF-8 with or without a mark, UTF-16 as Excel's "Unicode text" has it, and Windows-1252 as its plain CSV has it
in Western Europe and the Americas; that last one is a guess, and whoever asked is told of it.
"""

from __future__ import annotations

import codecs
from typing import Final

from f5ctl.errors import BadRequestError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT: Final = (
    (b"PK\x03\x04", "a workbook or another ZIP file; save its table as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an Office file; save its table as CSV (UTF-8)"),
    (b"%PDF", "a PDF; a manifest is a text"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"RIFF", "a recording; a manifest is a text"),
    (b"OggS", "a recording; a manifest is a text"),
    (b"fLaC", "a recording; a manifest is a text"),
    (b"ID3", "a recording; a manifest is a text"),
)
_LOOKED_AT_BYTES: Final = 4096
_FOREIGN_SHARE: Final = 0.4  # of the letters; Vietnamese and Turkish, the richest in accents, stay below it


def decoded(data: bytes, name: str) -> tuple[str, str]:
    """Return the text in `data`, and a warning if its encoding had to be guessed ("" otherwise).

    Raises:
        BadRequestError: it is no text, or in no encoding that can be told.
    """
    for magic, what in _NO_TEXT:
        if data.startswith(magic):
            raise BadRequestError("bad_text", f"{name} is {what}")
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], codec, name), ""
    if (wide := _wide(data)) is not None:
        return _strict(data, wide, name), ""
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    text = _western(data)
    if text is None:
        fault = f"{name} is not UTF-8 (line {line}), nor Windows-1252; save it as UTF-8"
        raise BadRequestError("bad_text", fault)
    return text, f"{name} is not UTF-8 (line {line}); it is read as Windows-1252"


def _strict(data: bytes, codec: str, name: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.decode(codec, errors="replace")[: error.start].count("\n") + 1
        if codec == "utf-8":
            line = data.count(b"\n", 0, error.start) + 1
        raise BadRequestError("bad_text", f"{name} is not {codec.upper()} (line {line})") from None


def _wide(data: bytes) -> str | None:
    """Return the UTF-16 that `data` is in without saying so: every other byte is zero."""
    start = data[:_LOOKED_AT_BYTES]
    zeros = [start[place::2].count(0) / max(1, len(start) // 2) for place in (0, 1)]
    if len(data) % 2 == 0 and max(zeros) > 0.5 and min(zeros) < 0.1:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return None


def _western(data: bytes) -> str | None:
    """Return `data` read as Windows-1252, None when that makes no text of a Western language."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:  # it has five holes, which other encodings use
        return None
    letters = [char for char in text if char.isalpha()]
    foreign = sum(char > "\x7f" for char in letters)
    return text if foreign <= _FOREIGN_SHARE * len(letters) else None
