"""Characters that stand for digits, as digits: those of other scripts, small, circled and fractions."""

from __future__ import annotations

import re
import unicodedata
from re import Match
from typing import Final

_FRACTION: Final = re.compile(
    "(\\d ?)?([\u00bc-\u00be\u2150-\u215e\u2189])(?=([\\d\u00bc-\u00be\u2150-\u215e\u2189])?)"
)
_FRACTION_SLASH: Final = re.compile("(?<=\\d)[\u2044\u2215](?=\\d)")
_UNDERSCORES: Final = re.compile(r"(?<=\d)_(?=\d{3}(?!\d))")  # 1_000_000 in a program
_CARET: Final = re.compile(r"(?:(?<=\d)\^(-?\d{1,8})|(?<=[^\W\d_])\^([23]))(?![\w^])")  # a power
_RAISED: Final = str.maketrans(
    "0123456789-", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b"
)
_CIRCLED: Final = re.compile("[\u2460-\u24ff\u2776-\u2793]{1,64}")  # letters too
_SUBSCRIPTS: Final = range(0x2080, 0x208A)


class _Digits(dict[int, int | str]):
    """What `str.translate` asks for each character: digits become those of ASCII, others stay."""

    def __missing__(self, code: int) -> int | str:
        character = chr(code)
        is_digit = unicodedata.category(character) == "Nd" or code in _SUBSCRIPTS
        self[code] = str(unicodedata.digit(character)) if is_digit else code
        return self[code]


_DIGITS: Final = _Digits()


def plain(text: str) -> str:
    """Return `text` with digits of every kind but superscripts written in ASCII, and 1/2 for its character."""
    text = _UNDERSCORES.sub("", text)
    text = _CARET.sub(lambda match: match[0][1:].translate(_RAISED), text)
    if text.isascii():
        return text
    text = _FRACTION_SLASH.sub("/", text).replace("\u066a", "%")
    return _CIRCLED.sub(_circled, _FRACTION.sub(_fraction, text)).translate(_DIGITS)


def _fraction(match: Match[str]) -> str:
    written = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
    space = " " if match[3] else ""
    return (f"{match[1].rstrip()} {written}" if match[1] else written) + space


def _circled(match: Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    after = match.string[match.end() : match.end() + 1]
    said = " ".join(map(_in_circle, match[0]))
    return f"{' ' if before.isalnum() else ''}{said}{' ' if after.isalnum() else ''}"


def _in_circle(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character).strip("()")
    return f"{unicodedata.numeric(character):g}" if plain == character else plain
