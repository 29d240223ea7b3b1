"""Feet and inches, minutes and seconds of an arc: `5'11"`, a 27" screen, 40° 26' 46"."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match
from typing import Final

from f5d.engine.languages.language import Language, Time
from f5d.engine.reading.numbers import Numbers
from f5d.engine.reading.rules import Rule, any_of

_ONE, _TWO = "\u2032", "\u2033"
_DOUBLE: Final = r"(?:''|\u2019\u2019|[\"\u201d])"
_DOUBLES: Final = re.compile(  # the mark first, by which it is found quickest
    r"(?:[\"\u201d](?<=\d.)|''(?<=\d..)|\u2019\u2019(?<=\d..))(?=\s?[x\u00d7]\s?\d|\W|\Z)"
)
_QUOTATION: Final = re.compile(r"(?:(?<!\S)|(?<=[(\[\u2014\u2013]))[\"\u201c](?=\S)")  # where one begins
_END: Final = re.compile(r"[\"\u201d]")
_WINDOW: Final = 300  # characters before a mark in which a quotation that it may end begins
_BY: Final = re.compile(rf"(?<=[{_ONE}{_TWO}])\s?[x\u00d7]\s?(?=\d)")
_INCHES: Final = r"\s?\d{1,2}(?:\.\d{1,3})?"


def primes(language: Language) -> Callable[[str], str]:
    """Return what writes primes for the straight marks that mean them; the end of a quotation is none."""
    singles = re.compile(
        rf"['\u2019](?:(?<=\d.)(?={_INCHES}(?:{_DOUBLE}|{_TWO})|(?:\d|1[01])(?!\w)"
        rf"|\s(?:{any_of(language.dimensions)})(?!\w)|\s?[x\u00d7]\s?\d{{1,4}}['\u2019](?!\w))"
        r"|(?:(?<=[x\u00d7]\d.)|(?<=[x\u00d7][\s\d]\d.)|(?<=[x\u00d7]\s\d\d.))(?!\w)"
        r"|(?<=\u00b0\d.)|(?<=\u00b0[\s\d]\d.)|(?<=\u00b0\s\d\d.))"
    )

    def written(text: str) -> str:
        if not any(mark in text for mark in "'\"\u2019\u201d"):
            return text
        return _BY.sub(f" {language.by} ", _DOUBLES.sub(_double, singles.sub(_ONE, text)))

    return written


def _double(match: Match[str]) -> str:
    before = match.string[max(0, match.start() - _WINDOW) : match.start()].rpartition("\n")[2]
    *_, begun = (None, *_QUOTATION.finditer(before))
    ends_quotation = begun is not None and not _END.search(before, begun.end())
    return match[0] if ends_quotation else _TWO


def rules(language: Language, numbers: Numbers) -> list[Rule]:
    """Return the rules for what has two parts; a prime by itself is a unit."""
    degree, minute, second = (language.units[unit] for unit in ("\u00b0", "min", "s"))

    def some(written: str, names: tuple[str, str]) -> str:
        name = names[0] if written.lstrip("0") == "1" else names[1]
        return f"{numbers.counting(written, name)} {name}"

    def length(match: Match[str]) -> str:
        feet, inches = match["feet"], match["inches"]
        if inches.isdecimal() and (int(inches) > 11 or (len(inches) > 1 and inches[0] == "0")):
            return language.duration(Time(0, int(feet), int(inches)))
        return f"{some(feet, language.units[_ONE])}{language.inches_too}{some(inches, language.units[_TWO])}"

    def arc(match: Match[str]) -> str:
        parts = [some(match["degrees"], degree), some(match["minutes"], minute)]
        parts += [some(match["seconds"], second)] if match["seconds"] else []
        return ", ".join(parts)

    return [
        Rule(
            rf"(?<![\w.,])(?P<feet>\d{{1,3}}){_ONE}\s?(?P<inches>\d{{1,2}}(?:{re.escape(language.mark)}\d{{1,3}})?)"
            rf"(?:{_TWO}|(?!\w))",
            length,
            follows=f"{_ONE}.",
        ),
        Rule(
            rf"(?<![\w.,])(?P<degrees>\d{{1,3}})\u00b0\s?(?P<minutes>\d{{1,2}}){_ONE}"
            rf"(?:\s?(?P<seconds>\d{{1,2}}(?:[.,]\d{{1,3}})?){_TWO})?",
            arc,
            follows="\u00b0.",
        ),
    ]
