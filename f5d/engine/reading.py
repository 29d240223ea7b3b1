"""Text as it is read aloud: numbers, dates, times, money, units and abbreviations in words.

Pure. English and Portuguese (languages.py); other languages pass through. The user's own dictionary
comes first and works for every language. Number words are num2words'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from re import Match
from typing import Final

from f5ctl.sentences import is_end
from f5d.engine.languages import ENGLISH, LANGUAGES, PORTUGUESE, Language

_DIGITS_READ_ONE_BY_ONE: Final = 13  # from here on a number is a code, not an amount
_YEARS: Final = range(1100, 2100)


def read_out(text: str, language: str, dictionary: Mapping[str, str] | None = None) -> str:
    """Return `text` in words. `language` is `en`, `pt` or longer (`pt-BR`); others are left as they are.

    `dictionary` holds what the user wants said for a word; case does not count. Its words are not read
    any further, so that they may hold digits.
    """
    read = _reader(language)
    if not dictionary:
        return read(text)
    spoken = {word.lower(): said for word, said in dictionary.items()}
    parts = re.split(rf"(?<!\w)({_any_of(spoken)})(?!\w)", text, flags=re.IGNORECASE)
    return "".join(spoken[part.lower()] if place % 2 else read(part) for place, part in enumerate(parts))


@cache
def _reader(language: str) -> Callable[[str], str]:
    known = LANGUAGES.get(re.split("[-_]", language.lower())[0])
    return str if known is None else _Reader(known).read


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of any of `words`, the longest that fits."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


class _Reader:
    """The replacements of one language, in their order: what holds more of the text goes first."""

    def __init__(self, language: Language) -> None:
        self._language = language
        group, mark = re.escape(language.group), re.escape(language.mark)
        amount = rf"(?P<amount>(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{mark}\d+)?)"
        signed = r"(?<![\w.,])(?P<sign>[-\u2212])?"
        rules: list[tuple[str, Callable[[Match[str]], str]]] = [
            (rf"(?<!\w)(?:{_any_of(language.abbreviations)})(?!\w)", self._abbreviation),
            (rf"(?<!\w){re.escape(language.numero[0])}(?=\s?\d)", self._numero),
            (r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?![\d-])", self._date),
            (r"(?<![\w:])(?P<hour>[01]?\d|2[0-3])[:h](?P<minute>[0-5]\d)(?![\w:])", self._time),
            (rf"{signed}(?P<symbol>{_any_of(language.money)})\s?{amount}(?!\d)", self._money),
            (rf"{signed}{amount}\s?%", self._percentage),
            (rf"{signed}{amount}\s?(?P<unit>{_any_of(language.units)})(?!\w)", self._measure),
            (rf"(?<![\w.,])(?P<amount>\d+)(?P<ending>{language.ordinal})(?!\w)", self._ordinal),
            (r"(?<![\w.,-])(?P<low>\d+)\s?[-\u2013]\s?(?P<high>\d+)(?![\w-])", self._range),
            (r"(?<![\w.,])(?P<v>v)?(?P<version>\d+(?:\.\d+){2,})(?!\w)", self._version),
            (rf"{signed}{amount}(?!\d)", self._amount),
            (r"(?P<digits>\d+)", self._digits_in_a_word),
            (rf"\s*(?P<symbol>{_any_of(language.symbols)})\s*", self._symbol),
        ]
        if language is ENGLISH:
            rules.insert(5, (r"(?<![\w.,])(?P<amount>\d\d(?:\d\d)?)s(?!\w)", self._decade))
            rules.insert(5, (r"(?<![\w./])(?P<above>[1-9])/(?P<below>[2-9]|10)(?![\w/])", self._fraction))
        else:
            day_first = r"(?<![\d/])(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d{4})(?![\d/])"
            rules.insert(2, (day_first, self._date))
            rules = [rule for rule in rules if rule[1] != self._version]  # 1.234.567 is an amount there
        self._rules = [(re.compile(pattern), say) for pattern, say in rules]

    def read(self, text: str) -> str:
        """Return `text` in words."""
        for pattern, say in self._rules:
            text = pattern.sub(say, text)
        return text

    def _abbreviation(self, match: Match[str]) -> str:
        said = self._language.abbreviations[match[0]]
        ends = match[0].endswith(".") and is_end(match.string, match.end() - 1)
        return f"{said}." if ends else said

    def _numero(self, _match: Match[str]) -> str:
        return self._language.numero[1]

    def _date(self, match: Match[str]) -> str:
        year, month, day = (int(match[part]) for part in ("year", "month", "day"))
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return match[0]
        name = self._language.months.split()[month - 1]
        if self._language is ENGLISH:
            return f"{name} {self._words(day, 'ordinal')} {self._words(year, 'year')}"
        said = "primeiro" if day == 1 else self._words(day)
        return f"{said} de {name} de {self._words(year)}"

    def _time(self, match: Match[str]) -> str:
        hour, minute = int(match["hour"]), int(match["minute"])
        if self._language is ENGLISH:
            if minute == 0:
                return f"{self._words(hour)} o'clock"
            return f"{self._words(hour)} {'oh ' if minute < 10 else ''}{self._words(minute)}"
        said = f"{_feminine(self._words(hour))} {'hora' if hour == 1 else 'horas'}"
        return f"{said} e {self._words(minute)}" if minute else said

    def _money(self, match: Match[str]) -> str:
        one, several, one_part, several_parts = self._language.money[match["symbol"]]
        whole, decimals = self._parts(match["amount"])
        if len(decimals) not in (0, 2):
            return self._signed(match, f"{self._number(match['amount'])} {several}")
        amount, cents = int(whole), int(decimals or 0)
        said = []
        if amount or not cents:
            said.append(f"{self._words(amount)} {one if amount == 1 else several}")
        if cents:
            said.append(f"{self._words(cents)} {one_part if cents == 1 else several_parts}")
        return self._signed(match, f" {self._language.joint} ".join(said))

    def _percentage(self, match: Match[str]) -> str:
        return self._signed(match, f"{self._number(match['amount'], year=False)} {self._language.percent}")

    def _measure(self, match: Match[str]) -> str:
        one, several = self._language.units[match["unit"]]
        unit = one if match["amount"] == "1" else several
        return self._signed(match, f"{self._number(match['amount'], year=False)} {unit}")

    def _ordinal(self, match: Match[str]) -> str:
        words = self._words(int(match["amount"]), "ordinal")
        if self._language is PORTUGUESE and match["ending"] in ("ª", "a"):
            words = " ".join(f"{word[:-1]}a" if word.endswith("o") else word for word in words.split())
        return words

    def _range(self, match: Match[str]) -> str:
        return f"{self._number(match['low'])} {self._language.until} {self._number(match['high'])}"

    def _version(self, match: Match[str]) -> str:
        numbers = f" {self._language.point} ".join(self._number(part) for part in match["version"].split("."))
        return f"{self._language.version} {numbers}" if match["v"] else numbers

    def _decade(self, match: Match[str]) -> str:
        words = self._number(match["amount"])
        return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"

    def _fraction(self, match: Match[str]) -> str:
        above, below = int(match["above"]), int(match["below"])
        if above >= below:
            return match[0]
        part = {2: "half", 4: "quarter"}.get(below) or self._words(below, "ordinal")
        return f"{self._words(above)} {part}{'s' if above > 1 else ''}"

    def _amount(self, match: Match[str]) -> str:
        return self._signed(match, self._number(match["amount"])) + _gap_after(match)

    def _digits_in_a_word(self, match: Match[str]) -> str:
        before = "" if match.start() == 0 or match.string[match.start() - 1].isspace() else " "
        return f"{before}{self._number(match['digits'])}{_gap_after(match)}"

    def _symbol(self, match: Match[str]) -> str:
        return f" {self._language.symbols[match['symbol']]} "

    def _signed(self, match: Match[str], words: str) -> str:
        return f"{self._language.minus} {words}" if match["sign"] else words

    def _parts(self, written: str) -> tuple[str, str]:
        """Return the digits before and after the decimal mark."""
        whole, _, decimals = written.replace(self._language.group, "").partition(self._language.mark)
        return whole, decimals

    def _number(self, written: str, *, year: bool = True) -> str:
        """Say a number as it is written: an amount, a year, or a code digit by digit."""
        whole, decimals = self._parts(written)
        if len(whole) >= _DIGITS_READ_ONE_BY_ONE or (len(whole) > 1 and whole[0] == "0"):
            words = self._digits(whole)
        elif year and self._language is ENGLISH and written == whole and int(whole) in _YEARS:
            words = self._words(int(whole), "year")
        else:
            words = self._words(int(whole))
        return f"{words} {self._language.point} {self._digits(decimals)}" if decimals else words

    def _digits(self, digits: str) -> str:
        return " ".join(self._words(int(digit)) for digit in digits)

    def _words(self, number: int, kind: str = "cardinal") -> str:
        from num2words import num2words  # a third of a second that plain text need not wait for

        words: str = num2words(number, lang=self._language.num2words, to=kind)
        return words.replace(",", "")


def _gap_after(match: Match[str]) -> str:
    """Return the space that words need before a letter."""
    return " " if match.string[match.end() : match.end() + 1].isalnum() else ""


def _feminine(words: str) -> str:
    """Return a Portuguese number as it stands before a feminine noun."""
    return re.sub(r"\bdois\b", "duas", re.sub(r"\bum\b", "uma", words))
