"""What a language of reading is: tables of what it writes without words, and a few small functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Money:
    """The names of a currency: one, several, one hundredth, several hundredths."""

    one: str
    several: str
    part: str
    parts: str


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day or a length of time as it was written."""

    hour: int
    minute: int | None = None
    second: int | None = None
    half: Literal["", "AM", "PM"] = ""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """How one language writes and says what is not a word.

    The functions return words. `after` is the text that follows, by which words agree with their noun.
    """

    # Numbers
    group: str  # between thousands
    mark: str  # before decimals
    cardinal: Callable[[int], str]  # from 0 to LARGEST
    ordinal: Callable[[int, str], str]  # a number and its ending
    before_hours: frozenset[str]  # what stands, with its space, before a number that counts hours
    hours: str  # their noun
    endings: str  # pattern of the endings that make a number an ordinal one
    agree: Callable[[str, str], str]  # a number's words, after
    year: Callable[[int], str] | None  # how a number that may be a year is said; None: as any number
    fraction: Callable[[int, int, str], str | None]  # above, below, after; None: is not said as one
    mixed: Callable[[str, str, str], str]  # whole, fraction, after
    halves: tuple[int, ...]  # what may stand below a fraction's line
    scales: Mapping[str, tuple[str, str]]  # after an amount: of one, of several
    scale_words: str  # pattern of the scales that are written as words
    scale_initials: str  # the letters that those begin with
    of_noun: Callable[[str, str], str]  # a number's words, the noun that they count
    point: str  # decimal mark of numbers
    dot: str  # between the numbers of a version
    minus: str
    until: str  # in ranges
    ratio: str  # 3:2
    slash: str
    slashed: Mapping[str, str]  # what is written with a slash and said in a way of its own
    slash_after: Mapping[str, str]  # what is said for it between numbers after such a word
    slash_before: Mapping[str, str]  # the same before such a word
    out_of: str  # 10/10
    before_dates: frozenset[str]  # words after which 5/6 is a date
    after_fractions: frozenset[str]  # words before which it is none in spite of those
    by: str  # 2 x 3
    multiplied: frozenset[str]  # words before which 3x is three times
    percent: str
    permille: str
    per: str  # before the unit of a price
    power: str
    squared: str
    cubed: str
    version: str
    number: str  # for # and its like

    # Money, units
    money: Mapping[str, Money]
    joint: str  # between the parts of an amount of money
    units: Mapping[str, tuple[str, str]]  # one, several
    dimensions: tuple[str, ...]  # what may follow 6', which are feet then
    inches_too: str  # between feet and inches
    pers: Mapping[str, str]  # what follows a slash after an amount, beside the units

    # Dates and times
    months: tuple[str, ...]  # known by their first three letters
    day_first: bool
    date: Callable[[int, str, int | None], str]  # day, month's name, year
    written_dates: tuple[tuple[str, Callable[[int, str, int | None], str]], ...]
    # patterns with <day>, <month> and <last> day, which may be missing; how they are said
    clock: Callable[[Time], str]
    duration: Callable[[Time], str]
    decade: Callable[[str], str]  # a number's words
    decades: str  # pattern of what a decade looks like, with <decade>

    # Codes
    phones: tuple[str, ...]  # patterns of what is said digit by digit
    announced: frozenset[str]  # words after which a number is a code, in lower case
    fillers: frozenset[str]  # words that may stand between such a word and its number

    # Words
    abbreviations: Mapping[str, str]  # with their points; a capital has to be written as one
    sided: Mapping[str, tuple[str, str]]  # such that say one thing before a name, another after one
    called: Mapping[str, str]  # names after D., and what that is short for
    unpointed: Mapping[str, str]  # titles without their point, before a name only
    before_numbers: Mapping[str, str]  # abbreviations only before a number, in lower case
    last_words: frozenset[str]  # abbreviations that keep a full stop where they end a sentence
    numbered: frozenset[str]  # words after which Roman numerals count, in lower case
    regnal: frozenset[str]  # names of rulers
    regnal_number: Callable[[int, str], str]  # a ruler's number, the name
    roman: Callable[[int, str], str]  # a Roman number after or before one of `numbered`
    determiners: frozenset[str]  # words that a Roman numeral does not belong to, in lower case
    i_is_a_word: bool  # so that it is no first after a name
    counted: frozenset[str]  # words before which Roman numerals are ordinal ones
    symbols: Mapping[str, str]
    address: Mapping[str, str]  # the marks of addresses
    sharps: Mapping[str, str]  # marks right behind a capital that names a note or a programming language
    books: Mapping[str, str]  # of the Bible, by their names and abbreviations in lower case
    books_in_parts: frozenset[str]  # of those, the ones whose short names stand behind a number: 1 Sam. 3:5
    verses: str  # between chapter and verse
    nth_books: tuple[str, ...]  # before the name of the first, second, third of several


def in_order(text: str) -> tuple[str, ...]:
    """Return the words of `text`."""
    return tuple(text.split())


def plural(**units: str) -> dict[str, tuple[str, str]]:
    """Return units with the names of one and of several, which end in s."""
    return {symbol: (name, f"{name}s") for symbol, name in units.items()}
