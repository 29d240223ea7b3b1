"""Counting word errors."""

from __future__ import annotations

import pytest

from starter.recognise import word_error_rate, word_errors


@pytest.mark.parametrize(
    ("expected", "heard", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x b c", 1),
        ("a b c", "a x c", 1),
        ("a b c", "", 3),
        ("a b", "b a", 2),
    ],
)
def test_errors_are_the_fewest_edits(expected: str, heard: str, errors: int) -> None:
    """Insertions, deletions and replacements count one each."""
    assert word_errors(expected.split(), heard.split()) == errors


def test_the_rate_counts_words_and_ignores_punctuation() -> None:
    """Long sentences weigh more than short ones."""
    pairs = [("Go on, now.", "go on now"), ("Stop!", "shop")]
    assert word_error_rate(pairs) == pytest.approx(1 / 4)
