"""Dates, times and decades."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match
from typing import Final

from f5d.engine.languages.language import Language, Time
from f5d.engine.reading.numbers import Numbers
from f5d.engine.reading.rules import Rule, full_stop

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HALF: Final = r"(?:\s?(?P<half>[AaPp])(?:[Mm]\b|\.[Mm]\.))"
_HOUR: Final = r"(?P<hour>2[0-4]|[01]?\d)"
_MINUTE: Final = r"(?P<minute>[0-5]\d)"
_SECOND: Final = r"(?P<second>[0-5]\d)"
_START: Final = r"(?<![\w:.,/])"
_MONTH_BEGINS: Final = r"[^\W\d_]{3,9}\.?\s?(?=\d)"
_THIS_CENTURY: Final = range(70)  # years of two digits below this are of the 2000s


def rules(language: Language, numbers: Numbers) -> list[Rule]:
    """Return the rules for dates, times and decades."""
    calendar, group = _Calendar(language, numbers), re.escape(language.group)
    return [
        Rule(
            r"(?<![\w/.-])(?P<year>[12]\d{3})-(?P<month>\d\d)-(?P<day>\d\d)"
            r"(?:T(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d{1,9})?)?Z?)?(?![\d-])",
            calendar.iso,
            follows=r"-\d",
        ),
        Rule(
            r"(?<![\w/.-])(?P<year>[12]\d{3})/(?P<month>\d\d?)/(?P<day>\d\d?)(?!/?\d)(?!\w)",
            calendar.year_first,
            follows=r"/\d",
        ),
        *(
            Rule(
                rf"(?<![\w/.-])(?P<first>\d\d?){mark}(?P<second>\d\d?){mark}(?P<year>{year})(?!{mark}?\d)(?!\w)",
                calendar.numeric,
                follows=r"[/.-]\d",
            )
            for mark, year in (("/", r"\d{4}|\d\d"), ("-", r"\d{4}"), (r"\.", r"\d{4}"))
        ),
        *(calendar.written_rule(pattern, say) for pattern, say in language.written_dates),
        Rule(rf"(?<![\w.,:]){language.decades}", calendar.decade, follows=r"['\u2019s].?"),
        Rule(rf"(?<![\w.,:]){language.decades}", calendar.decade, begins=r"['\u2019](?=\d0)"),
        Rule(
            rf"{_START}{_HOUR}[:h]{_MINUTE}(?:[:m]|min){_SECOND}s?{_HALF}?(?![\w:])",
            calendar.long_time,
            follows=r"[:h]\d",
        ),
        Rule(
            r"(?<![\w:.,/])(?P<hour>\d{1,3})\s?h\s?(?P<minute>[0-5]?\d)\s?m(?:in)?(?![\w:])",
            calendar.spelt,
            follows=r"h.|\sh",
        ),
        Rule(rf"{_START}{_HOUR}(?:[:h]{_MINUTE}){_HALF}(?!\w)", calendar.time, follows=r"[:h]\d"),
        Rule(rf"{_START}{_HOUR}\.{_MINUTE}{_HALF}(?!\w)", calendar.time, follows=r"[AaPp].|\s[AaPp]", least=4),
        Rule(
            r"(?<![\w:.,/])(?P<minute>\d{1,2}):(?P<second>[0-5]\d)(?P<part>[.,]\d{1,2})(?![\w:]|[.,]\d)",
            calendar.lap,
            follows=r":\d",
        ),
        Rule(
            r"[-\u2212\u2013](?<=UTC.|GMT.)(?=\d)",
            lambda _match: f" {language.minus} ",
            begins=r"[-\u2212\u2013](?<=UTC.|GMT.)(?=\d)",
        ),
        Rule(
            rf"{_START}(?P<low>1[0-2]|0?[1-9]){numbers.to}(?P<hour>1[0-2]|0?[1-9]){_HALF}(?!\w)",
            calendar.hours,
            follows=numbers.dashed,
        ),
        Rule(rf"{_START}(?P<hour>1[0-2]|0?[1-9]){_HALF}(?!\w)", calendar.time, follows=r"[AaPp].|\s[AaPp]"),
        Rule(
            # No scale of a map, 1:50,000.
            rf"{_START}{_HOUR}[:h]{_MINUTE}\s?h?(?=ish\b|(?![\w:]))(?!{group}\d{{3}}(?!\d))",
            calendar.time,
            follows=r"[:h]\d",
        ),
    ]


def is_day(day: int, month: int) -> bool:
    """Return True when a month of that number has such a day."""
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


class _Calendar:
    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._language = language
        self._numbers = numbers
        self._months = {month[:3].lower(): place for place, month in enumerate(language.months)}
        self._initials = "".join({month[0] for month in language.months})

    def iso(self, match: Match[str]) -> str | None:
        said = self._date(int(match["day"]), int(match["month"]), int(match["year"]))
        if said and match["hour"]:
            return f"{said}, {self._language.clock(_time(match))}"
        return said

    def year_first(self, match: Match[str]) -> str | None:
        return self._date(int(match["day"]), int(match["month"]), int(match["year"]))

    def numeric(self, match: Match[str]) -> str | None:
        first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
        if len(match["year"]) == 2:
            year += 2000 if year in _THIS_CENTURY else 1900
        day, month = (first, second) if self._language.day_first else (second, first)
        return self._date(day, month, year) or self._date(month, day, year)

    def written_rule(self, pattern: str, said: Callable[[int, str, int | None], str]) -> Rule:
        """Return the rule for a date with its month's name."""

        def say(match: Match[str]) -> str | None:
            month = self._months[match["month"].lower()[:3]]
            day, last = int(match["day"]), int(match["last"] or 0)
            if day > _DAYS[month] or (last and not day < last <= _DAYS[month]):
                return None
            return said(day, self._language.months[month], last or None)

        pattern, day_first = rf"(?<![\w.,/:-]){pattern}", pattern.startswith("(?P<day>")
        if day_first:
            return Rule(pattern, say, follows=r"\s\D|[\w,\u2013\u00ba\u00b0-].")
        return Rule(pattern, say, begins=rf"(?<!\w)(?=[{self._initials}]){_MONTH_BEGINS}")

    def decade(self, match: Match[str]) -> str:
        return self._language.decade(self._numbers.number(match["decade"], year=True))

    def long_time(self, match: Match[str]) -> str:
        time = _time(match)
        if match["half"]:
            return self._language.clock(time) + full_stop(match)
        return self._language.duration(time)

    def lap(self, match: Match[str]) -> str:
        """Say a time that was taken: 3:25.4."""
        minutes = self._language.duration(Time(0, int(match["minute"]))) if int(match["minute"]) else ""
        seconds = match["second"].lstrip("0") or "0"
        said = self._numbers.number(f"{seconds}{self._language.mark}{match['part'][1:]}")
        return f"{minutes} {said} {self._language.units['s'][1]}".lstrip()

    def spelt(self, match: Match[str]) -> str:
        return self._language.duration(Time(int(match["hour"]), int(match["minute"])))

    def time(self, match: Match[str]) -> str:
        return self._language.clock(_time(match)) + full_stop(match)

    def hours(self, match: Match[str]) -> str:
        low, end = int(match["low"]), _time(match)
        says_half = not self._language.hours
        said = self._numbers.cardinal(low) if says_half else self._language.clock(Time(low, half=end.half))
        return f"{said} {self._language.until} {self.time(match)}"

    def _date(self, day: int, month: int, year: int) -> str | None:
        if not (is_day(day, month) and year):
            return None
        return self._language.date(day, self._language.months[month - 1], year)


def _time(match: Match[str]) -> Time:
    given = match.groupdict()
    half = given.get("half")
    return Time(
        int(given["hour"]),
        int(given["minute"]) if given.get("minute") else None,
        int(given["second"]) if given.get("second") else None,
        "" if not half else "AM" if half in "Aa" else "PM",
    )
