from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Final

import pytest

from f5d.engine import text as stages
from f5d.engine.reading import read_out

# What the patterns begin and go on with.
# fmt: off
RUNS: Final = (
    " ", "\n", "\t", "0", "1", "9" * 13, "1 ", "1\n", "12,", "123,", "1.", "1,1", "11:", "1-", "-1", "1/",
    "1–", "1 - ", "$", "$1", "$ ", "1$", "€1,5 ", "R$", "R$ 1 ", "US$", "EUR 5 ", "5 EUR ", "$1,000.00 ",
    "5 USD/kg ", "%", "1%", "°", "1°", "1°-", "1km ", "km ", "m/s ", "1e999 ", "1e", "e9", "1x", "1x1",
    "1 x ", "²", "1²", "²³", "½", "1½ ", "1 1/2", "1/2 ", "①", "₂", "٣ ", "Ⅳ", "IV ", "IIII", "Henry IV ",
    "chapter I ", "MMXX ", "1th ", "1º ", "1.ª ", "1" * 100 + "th ", "1999 ", "1990s ", "'9", "'90",
    "May 5 ", "1 May ", "1/2/", "1-2-", "2024-01-01", "01/02/2024 ", "1:30 ", "9:30AM ", "1:1:1:", "1h",
    "15h ", "8h45min ", "12:00 PM ", "a.m. ", "p.m.", "+1 ", "+1-", "+", "++", "&", "@", "=", "a@", "a@b",
    "a@b.c", "www.", "http://", "http://a", "a.com", "a.com/", "x.com ", "a.b.", "A.B. ", "555-0134 ",
    "(555) ", "(11) 9", "1 000", "1 000 ", "1\u202f000", "123.456.789-09", "12.345.678/", "01310-100 ",
    "code ", "code is 4821 ", "call 4", "No. ", "no.1", "nº 1 ", "Mr. ", "Mr ", "St. Main ", "Main St. ",
    "etc. ", "etc.", "e.g.", "1 ft. ", "s/n ", "#", "#1", "~", "~1", "_", "_1", "a1", "1a", "a-", "a-1",
    "é", "中", "中1", "я1", "(", ")", "((1))", "[", "]", "{}", "[1] ", '"', "'", "“", ". ", "...", "!?", ",",
    ";", "…", "—", "a", "aB", "word ", "2 mulheres ", "às 2 ", "1.234.567", "1.5.", "3,14 ", "\xad",
    "\u200d", "́", "é", "😀", "\x1b[31m",
)
# fmt: on
ALPHABETS: Final = (
    "0123456789",
    "0123456789 ",
    "01.,",
    "01-/ ",
    "01:h ",
    "0$€£R% ",
    "1½²³Ⅳ①₂٣ ",
    "IVXLCDM ",
    "aA1.@/_- ",
    "0123456789.,-/:%$€£ skmKBnthr°C()[]@#&+=IVX½²٣Ⅳé\n'\"_",
    "\n .",
    "abc пр中é1 ",
)
# Processor time. On two cores with a load of ten the slowest text of 65536 characters took 1.8 s with all its
# stages, the usual one 0.3 s; for a quadratic pattern it is minutes, and seconds for 4096 characters.
LIMIT_S = 2.0
SHORT_LIMIT_S = 1.0
LONGEST_FACTOR = 24  # in characters: "½" becomes "one slash two" and so on


def adversaries(size: int, *, mixtures: int) -> Iterator[tuple[str, str]]:
    """Yield a name and a text of `size` characters for each run, and as many mixtures for each alphabet."""
    for run in RUNS:
        yield repr(run[:20]), (run * (size // len(run) + 1))[:size]
    for number in range(mixtures):
        drawn = random.Random(number)
        for alphabet in ALPHABETS:
            yield f"{alphabet!r} {number}", "".join(drawn.choices(alphabet, k=size))


def slow_ones(size: int, limit_s: float, *, mixtures: int) -> Iterator[str]:
    """Yield a line for each text that takes longer, or becomes longer, than it may."""
    for language in ("en", "pt"):
        read_out("1", language)
    for place, (name, text) in enumerate(adversaries(size, mixtures=mixtures)):
        language = ("en", "pt")[place % 2]
        begin_s = time.process_time()
        read = read_out(text, language)
        for segment in stages.split_segments(read, 150):
            stages.tokenize(segment)
        took_s = time.process_time() - begin_s
        if took_s > limit_s or len(read) > LONGEST_FACTOR * size:
            yield f"{name} in {language}: {took_s:.2f} s, {len(read)} characters"


@pytest.mark.slow
def test_no_text_holds_the_engine() -> None:
    """Runs and mixtures of digits, marks, spaces and words are read in time that grows with their length."""
    assert list(slow_ones(4_096, SHORT_LIMIT_S, mixtures=1)) == []


@pytest.mark.slow  # three hundred texts
def test_no_long_text_holds_the_engine() -> None:
    """The same for a quarter of the longest text that a request may hold, in three hundred forms."""
    assert list(slow_ones(16_384, LIMIT_S, mixtures=12)) == []


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize(
    "text", ["1" * 4_000, "1" * 100 + "th", "1" * 100 + "º", "9" * 400 + "%", "$" + "9" * 300, "1e" + "9" * 400]
)
def test_digits_by_the_hundred_are_read_one_by_one(text: str, language: str) -> None:
    """A number that has no name is said digit by digit."""
    one = {"en": ("one", "nine"), "pt": ("um", "nove")}[language]["9" in text]
    assert f"{one} {one} {one} {one}" in read_out(text, language)


@pytest.mark.parametrize("text", ["+" + "9" * 310 + "km/h", ("+" + "9" * 120 + "x ") * 30, "+1" + "(1)" * 100])
def test_a_plus_before_hundreds_of_digits_is_no_telephone_number(text: str) -> None:
    """It is given up at once: the digits can be grouped in one way only."""
    begin_s = time.process_time()
    read = read_out(text, "en")
    assert time.process_time() - begin_s < SHORT_LIMIT_S  # it was half a minute for the first of them
    assert ("nine nine nine" if "9" in text else "one") in read
