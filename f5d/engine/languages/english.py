"""English: its tables, and the words of its numbers, dates and times."""

from __future__ import annotations

from typing import Final

from f5d.engine.languages.english_words import (
    ABBREVIATIONS,
    AFTER_FRACTIONS,
    ANNOUNCED,
    BEFORE_DATES,
    BEFORE_NUMBERS,
    BOOKS,
    DETERMINERS,
    FILLERS,
    LAST_WORDS,
    MONEY,
    NUMBERED,
    PERS,
    REGNAL,
    SLASH_AFTER,
    SLASH_BEFORE,
    SLASHED,
    UNITS,
    UNPOINTED,
)
from f5d.engine.languages.language import Language, Time, in_order

_ONES: Final = in_order(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS: Final = in_order("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES: Final = in_order("_ thousand million billion trillion quadrillion quintillion sextillion")
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MONTHS: Final = in_order(
    "January February March April May June July August September October November December"
)
_MONTH: Final = (
    r"(?P<month>January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
)
_DAY: Final = r"(?P<day>[12]\d|3[01]|0?[1-9])"


def _cardinal(number: int) -> str:
    if number < 100:
        tens, ones = divmod(number, 10)
        if number < 20:
            return _ONES[number]
        return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_ONES[hundreds]} hundred" + (f" and {_cardinal(rest)}" if rest else "")
    groups = []
    for place, scale in enumerate(_SCALES):
        number, group = divmod(number, 1000)
        if group and place:
            groups.append(f"{_cardinal(group)} {scale}")
        elif group:
            groups.append(f"{'and ' if group < 100 else ''}{_cardinal(group)}")
        if not number:
            break
    return " ".join(reversed(groups))


def _ordinal(number: int, _ending: str = "") -> str:
    words = _cardinal(number)
    start = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[start:]
    if last.endswith("y"):
        return f"{words[:-1]}ieth"
    return words[:start] + _ORDINALS.get(last, f"{last}th")


def _year(number: int) -> str:
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return _cardinal(number)
    if not rest:
        return f"{_cardinal(century)} hundred"
    return f"{_cardinal(century)} {'oh-' if rest < 10 else ''}{_cardinal(rest)}"


def _fraction(above: int, below: int, _after: str) -> str | None:
    if above >= below:
        return None
    part = {2: "half", 4: "quarter"}.get(below) or _ordinal(below)
    return f"{_cardinal(above)} {part}{'s' if above > 1 else ''}"


def _mixed(whole: str, fraction: str, _after: str) -> str:
    return f"{whole} and {'a half' if fraction == 'one half' else fraction}"


def _date(day: int, month: str, year: int | None) -> str:
    return f"{month} {_ordinal(day)}" + (f" {_year(year)}" if year else "")


def _month_first(day: int, month: str, last: int | None) -> str:
    return f"{month} {_ordinal(day)}" + (f" to {_ordinal(last)}" if last else "")


def _day_first(day: int, month: str, last: int | None) -> str:
    return f"{_ordinal(day)} {f'to {_ordinal(last)} ' if last else ''}of {month}"


def _clock(time: Time) -> str:
    half = f" {time.half}" if time.half else ""
    hour, minute = _cardinal(time.hour), time.minute or 0
    if time.second:
        return f"{hour} {_minute(minute)} and {_some(time.second, 'second')}{half}"
    if minute:
        return f"{hour} {_minute(minute)}{half}"
    return f"{hour}{half}" if half else f"{hour} o'clock"


def _minute(minute: int) -> str:
    return f"oh {_cardinal(minute)}" if minute < 10 else _cardinal(minute)


def _duration(time: Time) -> str:
    given = ((time.hour, "hour"), (time.minute, "minute"), (time.second, "second"))
    parts = [_some(count, name) for count, name in given if count]
    if not parts:
        return _some(0, "hour")
    return " and ".join(filter(None, (" ".join(parts[:-1]), parts[-1])))


def _some(count: int, name: str) -> str:
    return f"{_cardinal(count)} {name}{'' if count == 1 else 's'}"


def _decade(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _regnal_number(number: int, _name: str) -> str:
    return f"the {_ordinal(number).capitalize()}"


def _roman(number: int, beside: str) -> str:
    return _ordinal(number) if beside.lower() in _COUNTED else _cardinal(number)


_COUNTED: Final = frozenset({"century", "centuries"})

ENGLISH: Final = Language(
    group=",",
    mark=".",
    cardinal=_cardinal,
    ordinal=_ordinal,
    before_hours=frozenset(),
    hours="",
    endings="(?:st|nd|rd|th)",
    agree=lambda words, _after: words,
    year=_year,
    fraction=_fraction,
    mixed=_mixed,
    halves=(2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32, 64, 100, 1000),
    scales={
        "k": ("thousand", "thousand"),
        "K": ("thousand", "thousand"),
        "m": ("million", "million"),
        "M": ("million", "million"),
        "mn": ("million", "million"),
        "mm": ("million", "million"),
        "MM": ("million", "million"),
        "b": ("billion", "billion"),
        "B": ("billion", "billion"),
        "bn": ("billion", "billion"),
        "Bn": ("billion", "billion"),
        "t": ("trillion", "trillion"),
        "T": ("trillion", "trillion"),
        "tn": ("trillion", "trillion"),
    },
    scale_words="(?:hundred|thousand|million|billion|trillion|quadrillion|lakh|crore)",
    scale_initials="htmbqlc",
    of_noun=lambda words, noun: f"{words} {noun}",
    point="point",
    dot="point",
    minus="minus",
    until="to",
    ratio="to",
    slash="slash",
    slashed=SLASHED,
    slash_after=SLASH_AFTER,
    slash_before=SLASH_BEFORE,
    out_of="out of",
    before_dates=BEFORE_DATES,
    after_fractions=AFTER_FRACTIONS,
    by="by",
    multiplied=frozenset(
        in_order("a as better bigger faster higher larger less longer lower more per slower smaller the")
    ),
    percent="percent",
    permille="per mille",
    per="per",
    power="to the power of",
    squared="squared",
    cubed="cubed",
    version="version",
    number="number",
    money=MONEY,
    joint="and",
    units=UNITS,
    dimensions=tuple(in_order("tall wide long deep high thick")),
    inches_too=" ",
    pers=PERS,
    months=_MONTHS,
    day_first=False,
    date=_date,
    written_dates=(
        (
            rf"{_MONTH}\s?{_DAY}(?:st|nd|rd|th)?(?:\s?[-\u2013]\s?(?P<last>[12]\d|3[01]|[1-9]))?(?![\w:/%]|[.,]\d)",
            _month_first,
        ),
        (
            rf"{_DAY}(?:st|nd|rd|th)?(?:\s?[-\u2013]\s?(?P<last>[12]\d|3[01]|[1-9]))?\s{_MONTH}(?!\w)",
            _day_first,
        ),
    ),
    clock=_clock,
    duration=_duration,
    decade=_decade,
    decades=r"['\u2019]?(?P<decade>[1-9]0|1[1-9]\d0|20\d0)['\u2019]?s(?!\w)",
    phones=(
        r"\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}",
        r"1[ .-]\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}",
        r"\d{3}-\d{3}-\d{4}",
        r"\d{3} \d{3} \d{4}",
        r"\d{3}\.\d{3}\.\d{4}",
        r"\d{3}-\d{4}",
        r"\(0\d{2,4}\)[ -]?\d{3,4}[ -]?\d{3,4}",
        r"0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}",
        r"\d{5}-\d{4}",
    ),
    announced=ANNOUNCED,
    fillers=FILLERS,
    abbreviations=ABBREVIATIONS,
    sided={"st.": ("Saint", "Street"), "dr.": ("Doctor", "Drive")},
    called={},
    unpointed=UNPOINTED,
    before_numbers=BEFORE_NUMBERS,
    last_words=LAST_WORDS,
    numbered=NUMBERED,
    regnal=REGNAL,
    regnal_number=_regnal_number,
    roman=_roman,
    determiners=DETERMINERS,
    i_is_a_word=True,
    counted=_COUNTED,
    symbols={
        "&": "and",
        "@": "at",
        "+": "plus",
        "=": "equals",
        "\u00d7": "times",
        "\u00f7": "divided by",
        "\u00b1": "plus or minus",
        "\u2264": "is at most",
        "\u2265": "is at least",
        "\u2260": "is not",
        "\u2248": "is about",
        "\u221a": "the square root of",
        "\u2032": "foot",
        "\u2033": "inch",
        "\u03c0": "pi",
        "\u00a7": "section",
    },
    address={".": "dot", "@": "at", "/": "slash", "_": "underscore", ":": "colon", "~": "tilde", "+": "plus"},
    sharps={"#": "sharp", "\u266f": "sharp", "\u266d": "flat", "\u266e": "natural"},
    books=BOOKS,
    books_in_parts=frozenset(in_order("Samuel Kings Chronicles Corinthians Thessalonians Timothy Peter")),
    verses="",
    nth_books=("First", "Second", "Third"),
)
