"""What is read for letters that a model's vocabulary lacks."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5d.engine.folding import Folding

ENGLISH = Folding(frozenset(string.ascii_letters + " .,;:!?'\"()-\n").__contains__)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("café coração über", "cafe coracao uber"),
        ("straße Øre łódź æther Þór œuvre", "strasse Ore lodz aether Thor oeuvre"),
        ("ếch İzmir ığdır đẹp", "ech Izmir igdir dep"),
        ("ɓəŋ ƙɛ", "beng ke"),
        ("x̄ and e\ufe0f", "x and e"),
        ("a – b — c… « d » ‹e› „f”", 'a - b - c... " d " \'e\' "f"'),
        ("¿Qué? ¡Sí!", "Que? Si!"),
        ("a\u200cb", "ab"),
        ("1ª² ☃ привет", "1a² ☃ привет"),
    ],
)
def test_the_base_letter_is_read(written: str, read: str) -> None:
    """An accent falls away, signs become plain ones, and what has no reading stays to be reported."""
    assert ENGLISH.fold(written, {}) == read


def test_what_a_model_knows_is_not_touched() -> None:
    """Letters of the vocabulary stay; only the nearest one that it has takes the place of another."""
    folding = Folding(frozenset("cafeéê—ß ").__contains__)
    assert folding.fold("café — ß ế", {}) == "café — ß ê"


def test_every_letter_that_was_replaced_is_told() -> None:
    """The letters are named with what is read; a dash is no letter."""
    accents: dict[str, str] = {}
    ENGLISH.fold("é — ç é ß", accents)
    assert accents == {"é": "e", "ç": "c", "ß": "ss"}


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60))
def test_folding_never_fails_and_keeps_what_is_known(text: str) -> None:
    """Any text can be folded, twice is once, and no known letter is lost."""
    folded = ENGLISH.fold(text, {})
    assert ENGLISH.fold(folded, {}) == folded
    known = [character for character in text if character in string.ascii_letters]
    assert set(known) <= set(folded)
    if text.isascii():
        assert [character for character in folded if character in string.ascii_letters] == known
