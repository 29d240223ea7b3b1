from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from f5d.engine import text as stages
from f5d.engine.reading import read_out
from tests.unit.growth import TIMES, cpu_s, takes_too_long

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
    "1' ", '1" ', "1'1\" ", '1"x', "1°1'1\"", "24/7 ", "on 3/4 ", "5/5 stars ", "1 John 3:16 ", "Rev. ", "C# ",
    "##", "a[0]", "a[0] ", "a[", "$5 USD ", "USD $", "USD ", ".txt ", ".",
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
LARGE: Final = 2**13  # characters
NOISE_S: Final = 0.05
MIXTURES: Final = 12
LONGEST_FACTOR: Final = 24  # in characters: "½" becomes "one slash two" and so on
LIKE_DIGITS: Final = 20


def adversaries(size: int) -> Iterator[tuple[str, str]]:
    """Yield a name and a text of `size` characters for each run, and mixtures of each alphabet."""
    for run in RUNS:
        yield repr(run[:20]), (run * (size // len(run) + 1))[:size]
    for number in range(MIXTURES):
        drawn = random.Random(number)
        for alphabet in ALPHABETS:
            yield f"{alphabet!r} {number}", "".join(drawn.choices(alphabet, k=size))


def plan(text: str, language: str) -> None:
    """Do what the engine does with a text before it speaks."""
    read = read_out(text, language)
    assert len(read) <= LONGEST_FACTOR * max(len(text), 1), text[:40]
    for segment in stages.split_segments(read, 150):
        stages.tokenize(segment)


@pytest.mark.slow  # three hundred texts
@pytest.mark.parametrize("language", ["en", "pt"])
def test_no_text_holds_the_engine(language: str) -> None:
    """Runs and mixtures of digits, marks, spaces and words are read in time that grows with their length."""
    plan("1", language)
    in_language = partial(plan, language=language)
    for place, (name, text) in enumerate(adversaries(LARGE)):
        if ("en", "pt")[place % 2] == language:
            assert not takes_too_long(in_language, text[: LARGE // TIMES], text, noise_s=NOISE_S), name


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
    """It is given up at once, as the digits can be grouped in one way only: it takes what they alone take."""
    read = partial(read_out, language="en")
    digits_s = cpu_s(read, text.replace("+", ""))
    assert cpu_s(read, text) < LIKE_DIGITS * digits_s + NOISE_S
    assert ("nine nine nine" if "9" in text else "one") in read(text)
