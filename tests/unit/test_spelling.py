"""Numbers are read out for models that only know letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5d.engine.spelling import cardinal, spell_english


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("I have 3 apples.", "I have three apples."),
        ("0 or 21", "zero or twenty one"),
        ("1,234,567 people", "one million two hundred thirty four thousand five hundred sixty seven people"),
        ("pi is 3.14.", "pi is three point one four."),
        ("version 1.10.2", "version one point one zero point two"),
        ("it is -5 outside", "it is minus five outside"),
        ("pages 3-5", "pages three-five"),
        ("in 1984 and 2026", "in nineteen eighty four and twenty twenty six"),
        ("1905, 1500 and 2001", "nineteen oh five, fifteen hundred and two thousand one"),
        ("at 10:30, 7:05 and 9:00", "at ten thirty, seven oh five and nine o'clock"),
        ("the 1st, 22nd and 30th", "the first, twenty second and thirtieth"),
        ("$20 is 15% off", "twenty dollars is fifteen percent off"),
        ("call 007", "call zero zero seven"),
        ("an mp3 for the 3D printer", "an mp three for the three D printer"),
        ("R&B", "R and B"),
        ("nothing to do", "nothing to do"),
    ],
)
def test_digits_and_signs_become_words(written: str, read: str) -> None:
    """What a person would say stands in the place of digits and signs."""
    assert spell_english(written) == read


@given(st.text(max_size=60))
def test_no_ascii_digit_is_left(text: str) -> None:
    """Whatever the text, a model without digits finds none."""
    assert not any(character in "0123456789" for character in spell_english(text))


@given(st.integers(0, 10**12 - 1))
def test_every_number_has_a_reading(value: int) -> None:
    """Any number below a thousand billions is read in words of letters."""
    assert cardinal(value).replace(" ", "").isalpha()
