"""Markdown's marks in plain text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5d.engine.characters import clean
from f5d.engine.markup import without_marks


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**First**, do `that` *now* or __then__.", "First, do that now or then."),
        ("***all*** ~~gone~~ **Note**that", "all gone Notethat"),
        ("# Plan\ntext", "Plan\n\ntext"),
        ("## Two ##", "Two"),
        ("- one\n* two\n+ three\n> four", "one\ntwo\nthree\nfour"),
        ("> - **x**", "x"),
        ("| a | **b** |\n|---|:-:|\n| c | |", "a, b.\n\nc."),
        ("this | that", "this, that"),
        ("```python\nprint\n```", "print"),
        ("don`t", "don't"),
    ],
)
def test_plain_marks_are_not_read(written: str, read: str) -> None:
    """Emphasis, code, headings, lists, quotes and tables lose their marks, and cells become a list."""
    assert without_marks(written) == read


@pytest.mark.parametrize(
    "kept",
    [
        "2 * 3 = 6",
        "2*3 and 2**3",
        "snake_case and a_b_c",
        "#5 and #tag",
        "-5 or 3-4",
        "a|b",
        "5 > 3",
        ">5 and <3",
        "C# # x",
    ],
)
def test_what_may_mean_something_stays(kept: str) -> None:
    """A product, a name with underscores, a number sign and a minus are no marks."""
    assert without_marks(kept) == kept


@settings(deadline=None, max_examples=500)
@given(st.text(st.sampled_from("ab1 *_~`#>|-+.\n"), max_size=40))
def test_marks_are_taken_out_without_losing_a_word(text: str) -> None:
    """Nothing that is said is lost, and what is left has no marks to take out."""
    text = clean(text)
    read = without_marks(text)
    assert [c for c in read if c.isalnum()] == [c for c in text if c.isalnum()]
    assert without_marks(read) == read
