"""Abbreviations and Roman numerals: what is written with letters and said otherwise."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from re import Match
from typing import Final

from f5ctl.sentences import words
from f5d.engine.languages.language import Language
from f5d.engine.reading.rules import NOT_LOWER, Rule, any_of, full_stop

_ROMAN: Final = r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
BEGINS: Final = r"(?:(?<!\w)(?=[^\W\d_]|[~\u2248\u2116])|(?=[\u2160-\u217f]))"
_CANONICAL: Final = re.compile(_ROMAN)
_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_CAPITALS: Final = re.compile(r"\s[A-Z]{2}")
_NAME_FOLLOWS: Final = re.compile(rf"\s{NOT_LOWER}")
_VERB: Final = re.compile(r"\s[a-z]")  # the part I like
_WORDS_BEFORE: Final = re.compile(r"\s(\S{1,30})(?:\s(\S{1,30}))?")  # from right to left
_WHERE: Final = words("on at near from to of in down along off across up by no na em")


def rules(language: Language) -> list[Rule]:
    """Return the rules for abbreviations and Roman numerals."""
    return _Words(language).rules()


class _Words:
    def __init__(self, language: Language) -> None:
        self._language = language

    def rules(self) -> list[Rule]:
        language = self._language
        rules = [
            Rule(rf"(?<!\w){_whatever_case(language.before_numbers)}(?=\s?\d)", self._before_number),
            Rule(
                rf"[~\u2248]\s?(?=(?:{any_of(language.money)})\s?\d)",
                lambda match: f"{language.before_numbers[match[0][0]]} ",
            ),
            Rule(
                rf"(?<![\w.]){_whatever_case((*language.abbreviations, *language.sided))}(?!\w)",
                self._abbreviation,
            ),
            Rule(rf"(?<![\w.])(?:{any_of(language.unpointed)})(?=\s{NOT_LOWER})", self._title),
            Rule(
                rf"(?<!\w)(?P<word>{_whatever_case(language.numbered)})(?P<gap>\.?\s)(?P<roman>[IVX]|[IVXLCDM]{{2,15}})"
                r"(?![\w'\u2019])",
                self._numbered,
            ),
            Rule(
                rf"(?<!\w)(?P<name>{_whatever_case(language.regnal)})\s(?P<roman>[IVX]{{1,8}})(?!\w)",
                self._ruler,
            ),
            # No word is written of I, V and X; MI, CD, DC, LI and MIX are.
            Rule(rf"(?<!\w)(?P<name>{NOT_LOWER}[^\W\d_]{{0,30}})\s(?P<roman>[IVX]{{2,8}})(?!\w)", self._named),
            Rule("[\u2160-\u217f]{1,15}", self._character),
        ]
        if language.called:
            named = rf"(?=\s(?P<name>{any_of(language.called)})(?!\w))"
            rules.append(Rule(rf"(?<![\w.])D\.{named}", lambda match: language.called[match["name"]]))
        if language.counted:
            followed = rf"(?=\s(?:{any_of(language.counted)})(?!\w))"
            rules.append(Rule(rf"(?<!\w)[IVXLC]{{1,8}}{followed}", self._counted))
        return rules

    def _is_unit(self, match: Match[str]) -> bool:
        """Return True for a number's unit with a point: 5 ft."""
        if match[0][:-1].lower() not in self._language.units:
            return False
        before = match.string[max(0, match.start() - 2) : match.start()].rstrip()
        return before[-1:].isdigit()

    def _before_number(self, match: Match[str]) -> str | None:
        if self._is_unit(match):
            return None
        return _cased(self._language.before_numbers[match[0].lower()], match[0])

    def _abbreviation(self, match: Match[str]) -> str | None:
        key, language = match[0].lower(), self._language
        if self._is_unit(match):
            return None
        may_end = key in language.last_words
        if key in language.sided:
            may_end = self._stands_after_a_name(match)
            words = language.sided[key][may_end]
        elif key in language.abbreviations:
            words = language.abbreviations[key]
        elif match[0][0].isupper():
            words = language.abbreviations[key.capitalize()]
        else:
            return None
        return _cased(words, match[0]) + (full_stop(match) if may_end else "")

    def _stands_after_a_name(self, match: Match[str]) -> bool:
        """Return whether this is the St. of "Main St. is" and not that of "St. Mary"."""
        before = _WORDS_BEFORE.match(match.string[max(0, match.start() - 64) : match.start()][::-1])
        if not before or not (before[1][-1].isupper() or before[1][-1].isdigit()):
            return False
        if not _NAME_FOLLOWS.match(match.string, match.end()):
            return True
        first = (before[2] or "")[::-1]
        return before[1][-1].isdigit() or first.lower() in _WHERE or first.isdecimal()

    def _title(self, match: Match[str]) -> str:
        return self._language.unpointed[match[0]]

    def _numbered(self, match: Match[str]) -> str | None:
        value = _value(match["roman"])
        if value is None or (match["roman"] == "I" and _VERB.match(match.string, match.end())):
            return None
        word, gap = match["word"], match["gap"]
        if gap.startswith(".") and (whole := self._language.before_numbers.get(f"{word.lower()}.")):
            word, gap = _cased(whole, word), " "
        return f"{word}{gap}{self._language.roman(value, word)}"

    def _ruler(self, match: Match[str]) -> str | None:
        value = _value(match["roman"])
        if value is None or (match["roman"] == "I" and self._language.i_is_a_word):
            return None
        return f"{match['name']} {self._language.regnal_number(value, match['name'])}"

    def _named(self, match: Match[str]) -> str | None:
        name, value = match["name"], _value(match["roman"])
        in_capitals = len(name) > 1 and name.isupper() and _CAPITALS.match(match.string, match.end())
        if value is None or in_capitals or name.lower() in self._language.determiners:
            return None
        return f"{name} {self._language.cardinal(value)}"

    def _counted(self, match: Match[str]) -> str | None:
        value = _value(match[0])
        return None if value is None else self._language.ordinal(value, "")

    def _character(self, match: Match[str]) -> str:
        value = _value(unicodedata.normalize("NFKC", match[0]).upper())
        if value is None:
            return " ".join(self._language.cardinal(int(unicodedata.numeric(one))) for one in match[0])
        name = re.search(
            r"(?<!\w)([^\W\d_]{1,31})\s\Z", match.string[max(0, match.start() - 40) : match.start()]
        )
        if name and name[1].capitalize() in self._language.regnal:
            return self._language.regnal_number(value, name[1])
        return self._language.roman(value, name[1] if name else "")


def _whatever_case(words: Iterable[str]) -> str:
    return f"(?i:{any_of(words)})"


def _cased(words: str, written: str) -> str:
    return words[0].upper() + words[1:] if written[0].isupper() else words


def _value(roman: str) -> int | None:
    """Return the number of a Roman numeral, None if it is none."""
    if not roman or not _CANONICAL.fullmatch(roman):
        return None
    values = [_VALUES[letter] for letter in roman]
    pairs = zip(values, (*values[1:], 0), strict=True)
    return sum(-value if value < after else value for value, after in pairs)
