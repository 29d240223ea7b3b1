from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5d.engine.reading import read_out

ENGLISH = {
    "I have 3. You have 4.": "I have three. You have four.",
    "He paid $12.50, then $1 and $0.99.": (
        "He paid twelve dollars and fifty cents, then one dollar and ninety-nine cents."
    ),
    "£1,000.01": "one thousand pounds and one penny",
    "on 2026-11-23 at 10:05 or 3:00": (
        "on November twenty-third twenty twenty-six at ten oh five or three o'clock"
    ),
    "Mr. Smith vs. Dr. No": "Mister Smith versus Doctor No",
    "No. 5, she said. No. Never.": "Number five, she said. No. Never.",
    "1,234,567 people": (
        "one million two hundred and thirty-four thousand five hundred and sixty-seven people"
    ),
    "50% of 3.14": "fifty percent of three point one four",
    "In 1999, the 90s and the 2000s": "In nineteen ninety-nine, the nineties and the two thousands",
    "1st, 22nd and 2/3": "first, twenty-second and two thirds",
    "-5 °C at 60 km/h": "minus five degrees Celsius at sixty kilometres per hour",
    "1 kg, 1999 g": "one kilogram, one thousand nine hundred and ninety-nine grams",
    "v1.2.3, pages 3-5": "version one point two point three, pages three to five",
    "agent 007": "agent zero zero seven",
    "B2B and 4K": "B two B and four K",
    "R&D": "R and D",
    "1234567890123": "one two three four five six seven eight nine zero one two three",
}
PORTUGUESE = {
    "Ele pagou R$ 12,50 em 23/11/2026 às 10h30.": (
        "Ele pagou doze reais e cinquenta centavos em vinte e três de novembro de dois mil e vinte e seis"
        " às dez horas e trinta."
    ),
    "1.234.567 pessoas, 50% de 3,14": (
        "um milhão duzentos e trinta e quatro mil quinhentos e sessenta e sete pessoas,"
        " cinquenta por cento de três vírgula um quatro"
    ),
    "1º lugar, 2ª vez, 1h05 e 22h00": "primeiro lugar, segunda vez, uma hora e cinco e vinte e duas horas",
    "Sr. Silva andou 5 km": "Senhor Silva andou cinco quilômetros",
}


@pytest.mark.parametrize(("written", "read"), ENGLISH.items())
def test_english_is_read_out(written: str, read: str) -> None:
    """Numbers, money, dates, times, units and abbreviations become what an English reader says."""
    assert read_out(written, "en") == read


@pytest.mark.parametrize(("written", "read"), PORTUGUESE.items())
def test_portuguese_is_read_out(written: str, read: str) -> None:
    """The same in Portuguese, with its own marks, genders and order of dates."""
    assert read_out(written, "pt-BR") == read


def test_other_languages_pass_through() -> None:
    """A text whose language is not known keeps its digits."""
    assert read_out("5 Äpfel", "de") == "5 Äpfel"


def test_the_users_words_come_first() -> None:
    """A dictionary entry is said as it stands, whatever its case in the text, and only for whole words."""
    said = read_out("GIF, gif and GIFs: SQL 2", "en", {"gif": "jif", "SQL": "sequel 8"})
    assert said == "jif, jif and GIFs: sequel 8 two"


@given(st.text(st.sampled_from("0123456789.,-/:%$£€ skmKBnthr°C"), max_size=40), st.sampled_from(["en", "pt"]))
def test_no_digit_is_left(text: str, language: str) -> None:
    """Whatever the digits stand in, they become words, and reading the words again changes nothing."""
    read = read_out(text, language)
    assert not re.search(r"\d", read)
    assert read_out(read, language) == read
