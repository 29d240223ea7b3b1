"""Numbers as they are written, and their words. Knows a language by its tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from re import Match
from typing import Final

from f5d.engine.languages.language import Language
from f5d.engine.reading.rules import any_of, full_stop

DASH: Final = "[-\u2013\u2014\u2212]"
POINT: Final = r"(?:\.(?![\w.]))?"  # of a unit: 6 ft. tall
LARGEST_DIGITS: Final = 21  # a thousand sextillions less one
DIGITS_OF_A_CODE: Final = 13  # from here on an undivided number is a code, not an amount
_YEARS: Final = range(1100, 2100)
_SPACES: Final = "\u202f\u00a0\u2009"  # narrow ones, which are put between thousands
_WINDOW: Final = 48  # characters before a number in which a word may announce it
_WORDS_AWAY: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+|[.!?](?=\s)")


class Numbers:
    """What the numbers of a language look like (patterns) and how they are said."""

    def __init__(self, language: Language) -> None:
        self.language = language
        group, mark = re.escape(language.group), re.escape(language.mark)
        grouped = rf"\d{{1,3}}(?:{group}\d{{3}}){{1,6}}(?!{group}?\d)"
        groups = rf"(?:[{_SPACES}]\d{{3}}){{1,6}}|(?: \d{{3}}){{2,6}}| 000"
        spaced = rf"\d{{1,3}}(?:{groups})(?![ {_SPACES}]?\d)"
        lakhs = r"\d{1,2}(?:,\d\d){1,6},\d{3}(?!,?\d)|" if language.group == "," else ""
        self._other = "." if language.mark == "," else ","
        other = rf"\d{{1,12}}{re.escape(self._other)}\d{{1,2}}(?!\d|[.,]\d)"  # as the other languages write it
        other = rf"{other}|\d{{1,3}}(?:{mark}\d{{3}}){{1,6}}{re.escape(self._other)}\d{{1,2}}(?!\d|[.,]\d)"
        self._grouped_otherwise = re.compile(rf"\d{{1,3}}(?:{mark}\d{{3}})+{re.escape(self._other)}\d{{1,2}}")
        plain = rf"\d{{1,21}}(?![\d]|[{group}{mark} {_SPACES}]\d)"
        divided = rf"(?:{lakhs}{grouped}|{spaced}|\d{{1,21}})(?:{mark}\d{{1,40}})?(?!\d)"
        self.amount = rf"(?:{plain}|{other}|{divided}|{mark}\d{{1,40}})"
        self.sign = r"(?:(?<![\w.,%\u00b0\u00ba)$\u20ac])(?P<sign>[-\u2212\u2013])(?=[\d.,])|(?<![\w.,]))"
        self.signed_amount = rf"[-\u2212\u2013]?{self.amount}"
        self.to = rf"\s?{DASH}\s?"
        self.dashed = rf"{DASH}.|\s{DASH}"
        self.per = rf"(?:\s?/\s?(?P<per>{any_of((*language.units, *language.pers))})(?!\w){POINT})?"
        self.cardinal = lru_cache(4096)(language.cardinal)
        self.number = lru_cache(4096)(self._number)
        self._names = dict(zip("0123456789", (language.cardinal(digit) for digit in range(10)), strict=True))

    def _number(self, written: str, *, year: bool = False) -> str:
        """Return the words of a number as it is written: an amount, a year, or a code digit by digit."""
        whole, decimals = self.parts(written)
        if (
            (len(whole) >= DIGITS_OF_A_CODE and written == whole)
            or len(whole) > LARGEST_DIGITS
            or (len(whole) > 1 and whole[0] == "0")
        ):
            words = self.digits(whole)
        elif year and self.language.year and written == whole and int(whole) in _YEARS:
            words = self.language.year(int(whole))
        else:
            words = self.cardinal(int(whole)) if whole else ""
        if not decimals:
            return words
        return f"{words} {self.language.point} {self.digits(decimals)}".lstrip()

    def parts(self, written: str) -> tuple[str, str]:
        """Return the digits before and after the decimal mark."""
        if written.isdecimal():
            return written, ""
        whole, other, decimals = written.rpartition(self._other)
        if self._grouped_otherwise.fullmatch(written):  # 1.000,50 in English
            return "".join(filter(str.isdecimal, whole)), decimals
        if not other or len(decimals) > 2 or self.language.mark in written:
            whole, _, decimals = written.partition(self.language.mark)
        return "".join(filter(str.isdecimal, whole)), decimals

    def digits(self, written: str) -> str:
        """Return digits one by one; what stands between groups of them becomes a comma."""
        names = self._names
        groups = (" ".join(names[digit] for digit in group) for group in re.findall("[0-9]+", written))
        return ", ".join(groups)

    def signed(self, match: Match[str], words: str) -> str:
        """Return `words` after the word for the match's sign, if it has one."""
        return f"{self.language.minus} {words}" if match["sign"] else words

    def is_announced(self, match: Match[str]) -> bool:
        """Return whether a word such as "code" stands shortly before the match."""
        before = match.string[max(0, match.start() - _WINDOW) : match.start()]
        for word in reversed(_WORD.findall(before.lower())[-_WORDS_AWAY:]):
            if word in self.language.announced:
                return True
            if word not in self.language.fillers:
                break
        return False

    def counting(self, written: str, noun: str) -> str:
        """Return a number's words as they stand before `noun`, without zeros that fill it up: 05 is 5."""
        bare = written.lstrip("0") or "0" if written.isdecimal() else written
        return self.language.agree(self.number(bare), f" {noun}")

    def scale(self, letter: str, written: str) -> str:
        """Return the word for a scale's letter after an amount, such as million for M."""
        one, several = self.language.scales[letter]
        whole, _ = self.parts(written)
        return one if whole in ("0", "1", "") else several

    def priced_per(self, match: Match[str]) -> str:
        """Return the words for what follows a slash after an amount, if something does, and the full stop."""
        per = match["per"]
        name = per and (self.language.pers.get(per) or self.language.units[per][0])
        return (f" {self.language.per} {name}" if per else "") + full_stop(match)

    def named(self, name: str) -> str:
        """Return the pattern of an amount as a group of that name."""
        return f"(?P<{name}>{self.amount})"


def initials(written: Iterable[str]) -> str:
    """Return the first characters of what is written, for a class of a pattern."""
    return "".join(sorted({re.escape(word[0]) for word in written}))
