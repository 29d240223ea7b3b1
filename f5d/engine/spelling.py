"""Numbers and signs as English words, for models whose vocabulary has letters only. Pure."""

from __future__ import annotations

import re
from typing import Final

_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES: Final = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LIMIT: Final = 10**12  # longer numbers are read digit by digit
_SIGNS: Final = {
    "%": " percent",
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    "/": " slash ",
    "#": " number ",
    "°": " degrees",
    "€": " euros ",
    "£": " pounds ",
}
_MONEY: Final = re.compile(r"\$\s?(\d[\d,]*(?:\.\d+)?)")
_CLOCK: Final = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
_ORDINAL: Final = re.compile(r"\b(\d{1,9})(?:st|nd|rd|th)\b", re.IGNORECASE)
_NUMBER: Final = re.compile(r"((?<!\S)-)?(\d{1,3}(?:,\d{3})+|\d+)((?:\.\d+)+)?")
_SPACES: Final = re.compile(r"[^\S\n]{2,}")


def spell_english(text: str) -> str:
    """Return `text` with digits and common signs read out; the rest stays as it is."""
    text = _MONEY.sub(lambda match: f"{match[1]} dollars", text)
    text = _CLOCK.sub(_clock, text)
    text = _ORDINAL.sub(lambda match: _apart(match, _ordinal(cardinal(int(match[1])))), text)
    text = _NUMBER.sub(lambda match: _apart(match, _number(match)), text)
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    return _SPACES.sub(" ", text)


def cardinal(value: int) -> str:
    """Return a whole number from 0 to 10 ** 12 - 1 in words, without hyphens."""
    if value < 20:
        return _ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
    scale, name = next((scale, name) for scale, name in _SCALES if value >= scale)
    count, rest = divmod(value, scale)
    return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")


def _number(match: re.Match[str]) -> str:
    minus, whole, fraction = match.groups()
    digits = whole.replace(",", "")
    if (len(digits) > 1 and digits.startswith("0")) or int(digits) >= _LIMIT:
        words = _each(digits)
    elif len(whole) == 4 and not fraction and (1100 <= int(digits) < 2000 or 2010 <= int(digits) < 2100):
        words = _pairs(int(digits))  # most are years
    else:
        words = cardinal(int(digits))
    for part in (fraction or "").split(".")[1:]:
        words += f" point {_each(part)}"
    return f"minus {words}" if minus else words


def _apart(match: re.Match[str], words: str) -> str:
    """Keep a number that touches a letter apart from it: `mp3` is `mp three`."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    return (" " if before[-1:].isalpha() else "") + words + (" " if after[:1].isalpha() else "")


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    if minute == 0:
        return f"{cardinal(hour)} o'clock" if 0 < hour <= 12 else f"{cardinal(hour)} hundred"
    return f"{cardinal(hour)} " + (f"oh {cardinal(minute)}" if minute < 10 else cardinal(minute))


def _pairs(value: int) -> str:
    first, second = divmod(value, 100)
    if second == 0:
        return f"{cardinal(first)} hundred"
    return f"{cardinal(first)} " + (f"oh {cardinal(second)}" if second < 10 else cardinal(second))


def _each(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)


def _ordinal(words: str) -> str:
    head, _, last = words.rpartition(" ")
    regular = last[:-1] + "ieth" if last.endswith("y") else f"{last}th"
    return f"{head} {_ORDINALS.get(last, regular)}".strip()
