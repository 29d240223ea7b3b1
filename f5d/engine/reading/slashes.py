"""Two numbers with a slash between them: fractions, days of a month, points out of so many, 24/7."""

from __future__ import annotations

import re
from re import Match
from typing import Final

from f5d.engine.languages.language import Language
from f5d.engine.reading.calendar import is_day
from f5d.engine.reading.numbers import Numbers
from f5d.engine.reading.rules import Rule, any_of

_WINDOW: Final = 64  # characters beside the numbers in which words tell what they are
_WORDS_BEFORE: Final = re.compile(r"(?:([^\W\d_]{1,20})\W{1,3})?([^\W\d_]{1,20})[\s:,(]{1,3}\Z")
_WORD_AFTER: Final = re.compile(r"\s([^\W\d_]{1,20})")


def rules(language: Language, numbers: Numbers) -> list[Rule]:
    """Return the rules for what holds a slash between digits, behind those for dates and versions."""
    say = _Slashes(language, numbers)
    alone = r"(?<![\w./,-])"
    return [
        Rule(
            r"(?<![\w./,-])(?P<above>1)[\u00ba\u00b0]/(?P<below>\d\d?)(?![\w/])",
            say.date,
            follows="[\u00ba\u00b0]/",
        ),
        Rule(rf"{alone}(?:{any_of(language.slashed)})(?![\w/]|[.,]\d)", say.set_phrase, follows=r"/\d"),
        Rule(
            rf"{alone}(?P<above>\d{{1,4}})/(?P<below>\d{{1,4}})(?![\w/]|[.,]\d)",
            say.known_by_its_words,
            follows=r"/\d",
        ),
        Rule(
            rf"{numbers.sign}(?P<whole>\d{{1,9}})[ -](?P<above>\d{{1,3}})/(?P<below>\d{{1,4}})(?![\w/])",
            say.mixed,
            follows=r"[ -]\d",
        ),
        Rule(r"(?<![\w./])(?P<above>\d{1,3})/(?P<below>\d{1,4})(?![\w/])", say.fraction, follows=r"/\d"),
        Rule(
            rf"{alone}(?P<above>\d\d?)/(?P<below>\d\d?)(?![\w/-]|[.,]\d)", say.known_by_itself, follows=r"/\d"
        ),
        Rule(r"(?<![\w./])(?P<first>\d{1,12})/(?=\d)", say.slash, follows=r"/\d"),
        Rule(r"(?<=\d)/(?=\d)", lambda _match: f" {language.slash} ", begins=r"(?<=\d)/(?=\d)"),
    ]


class _Slashes:
    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._language = language
        self._numbers = numbers

    def set_phrase(self, match: Match[str]) -> str:
        return self._language.slashed[match[0]]

    def known_by_its_words(self, match: Match[str]) -> str | None:
        """Say what the word before or after tells: a score, a part of a series, a pressure, a date."""
        language = self._language
        found = _WORDS_BEFORE.search(match.string[max(0, match.start() - _WINDOW) : match.start()].lower())
        first, last = found.groups("") if found else ("", "")
        word = first if last in language.fillers else last
        after = _WORD_AFTER.match(match.string, match.end())
        next_word = after[1].lower() if after else ""
        if next_word in language.slash_before:
            return self._joined(match, language.slash_before[next_word])
        if next_word in language.after_fractions:
            return None
        if word in language.slash_after:
            return self._joined(match, language.slash_after[word])
        return self.date(match) if last in language.before_dates else None

    def known_by_itself(self, match: Match[str]) -> str | None:
        """Say what is no fraction: shares of a hundred, a day of a month, ten out of ten."""
        above, below = int(match["above"]), int(match["below"])
        if above + below == 100:
            return self._joined(match, "")
        if above == below and not self._language.day_first:
            return self._joined(match, self._language.out_of)
        day, month = (above, below) if self._language.day_first else (below, above)
        if is_day(day, month):
            return self._language.date(day, self._language.months[month - 1], None)
        return self._joined(match, self._language.out_of) if above == below else None

    def mixed(self, match: Match[str]) -> str | None:
        fraction = self.fraction(match)
        if fraction is None:
            return None
        words = self._language.mixed(self._numbers.number(match["whole"]), fraction, _after(match))
        return self._numbers.signed(match, words)

    def fraction(self, match: Match[str]) -> str | None:
        above, below = int(match["above"]), int(match["below"])
        if (
            above == 0
            or below not in self._language.halves
            or match["above"][0] == "0"
            or match["below"][0] == "0"
        ):
            return None
        return self._language.fraction(above, below, _after(match))

    def slash(self, match: Match[str]) -> str:
        return f"{self._numbers.number(match['first'])} {self._language.slash} "

    def _joined(self, match: Match[str], joint: str) -> str:
        above, below = (self._numbers.number(match[part]) for part in ("above", "below"))
        return f"{above} {joint} {below}" if joint else f"{above} {below}"

    def date(self, match: Match[str]) -> str | None:
        """Say a day of a month in either order, the language's own first."""
        language = self._language
        pair = int(match["above"]), int(match["below"])
        for day, month in (pair, pair[::-1]) if language.day_first else (pair[::-1], pair):
            if is_day(day, month):
                return language.date(day, language.months[month - 1], None)
        return None


def _after(match: Match[str]) -> str:
    return match.string[match.end() : match.end() + _WINDOW]
