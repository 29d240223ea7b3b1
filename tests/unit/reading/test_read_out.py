from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5d.engine.reading import read_out
from f5d.engine.text import clean_text

LANGUAGES = st.sampled_from(["en", "pt"])


def test_other_languages_pass_through() -> None:
    """A text whose language is not read out keeps its digits."""
    assert read_out("5 Äpfel", "de") == "5 Äpfel"


@pytest.mark.parametrize("code", ["en", "EN", "en-GB", "en_us"])
def test_a_code_of_any_case_is_taken(code: str) -> None:
    """A language's code counts in any case and with any country."""
    assert read_out("5", code) == "five"


def test_the_users_words_come_first() -> None:
    """A dictionary entry is said as it stands, whatever its case in the text, and only for whole words."""
    said = read_out("GIF, gif and GIFs: SQL 2", "en", {"gif": "jif", "SQL": "sequel 8"})
    assert said == "jif, jif and GIFs: sequel 8 two"


@given(st.text(st.sampled_from("0123456789.,-/:%$€£ skmKBnthr°C½²٣①Ⅳ()#&+='x"), max_size=40), LANGUAGES)
def test_no_digit_is_left(text: str, language: str) -> None:
    """Whatever the digits stand in, they become words."""
    assert not re.search(r"\d", read_out(clean_text(text), language))


@given(st.text(max_size=80), LANGUAGES)
def test_any_text_can_be_read(text: str, language: str) -> None:
    """No text is an error, and the letters of a text without marks are left as they are."""
    cleaned = clean_text(text)
    read = read_out(cleaned, language)
    assert read or not cleaned.strip("\u00b9\u00b2\u00b3\u2070\u2074\u2075\u2076\u2077\u2078\u2079")
