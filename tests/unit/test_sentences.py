"""Where a sentence ends and where a point ends none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.sentences import is_end
from f5d.engine.reading import read_out

MARK = re.compile(r"""[.!?…]["'”’»)\]]*(?=\s|\Z)""")


def sentences(text: str) -> list[str]:
    ends = [match.end() for match in MARK.finditer(text) if is_end(text, match.start())]
    return [text[begin:end].strip() for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)][
        : len(ends) + bool(text[ends[-1] if ends else 0 :].strip())
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Lee and Mrs. Ray flew to the U.S. coast with J. R. R. Brown and others.",
        "O Sr. João e a Dra. Ana moram na Av. Paulista, conforme o art. 5 da lei.",
        "We left at 9 a.m. Monday, or at 5:00 p.m. EST.",
        "We left at 9 a.m. on Monday, see fig. 3 and p. 12, vol. 2.",
        "Pears, plums, etc. are fruit, e.g. Conference, i.e. one kind.",
        "Acme Co. Ltd. and Foo Inc. were there, approx. $5 each.",
        "Smith et al. (2020) say so in No. 7.",
        "Wait... what is this… really?",
        "It costs 3.50 at www.example.org/a.b?c=1 in all.",
        "Herr Prof. Dr. Müller kam z.B. Montag, bzw. Dienstag.",
        "On Jan. 5 and Dec. 24 it was St. Mary and Mt. Blanc.",
        "1. First of all.",
        "The plan of Jan van der Berg, M. Dupont and Mme. Curie.",
    ],
)
def test_a_point_inside_a_sentence_does_not_end_it(sentence: str) -> None:
    """Titles, initials, abbreviations, ellipses, numbers and addresses stand in the middle of a sentence."""
    assert sentences(f"{sentence} Then we left.") == [sentence, "Then we left."]


@pytest.mark.parametrize(
    "first",
    [
        "We sold pears, plums, etc.",
        "We met at 5 p.m.",
        "He came from the U.S.",
        "It was Plan B.",
        "He likes art.",
        "She said no.",
        "They sat.",
        "Nothing… ",
        "She asked: “Is it so?”",
        "Isso é tudo, etc.",
        "He works at Acme Inc.",
    ],
)
def test_an_abbreviation_before_a_capital_ends_a_sentence(first: str) -> None:
    """What may stand at an end does so where a new sentence begins."""
    assert sentences(f"{first.strip()} Then we left.") == [first.strip(), "Then we left."]


def test_a_paragraph_ends_every_sentence() -> None:
    """A blank line is an end, whatever stands before it."""
    assert sentences("Signed, Dr.\n\nNext") == ["Signed, Dr.", "Next"]
    assert is_end("Signed, Dr.", 10) is True


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("at 9 a.m. ", None),
        ("at 9 a.m. i", None),
        ("at 9 a.m. in ", False),
        ("the U.S. T", None),
        ("the U.S. The ", True),
        ("met Dr. ", False),
        ("It is so. ", True),
        ("Wait... ", None),
    ],
)
def test_the_next_word_is_waited_for_only_where_it_decides(text: str, known: bool | None) -> None:  # noqa: FBT001
    """A text that is still coming is cut at once after a plain sentence, and never after a title."""
    assert is_end(text, text.rindex(".", 0, len(text)), more=True) is known


@given(st.text(st.sampled_from("aAB.… \n1é\"')"), max_size=40), st.integers(0, 40))
def test_more_text_only_decides_what_was_open(text: str, size: int) -> None:
    """What was said of a beginning holds for the whole text."""
    for match in re.finditer(r"[.…](?=\s)", text[:size]):
        early = is_end(text[:size], match.start(), more=True)
        if early is not None and "\n" not in text:
            assert early == is_end(text, match.start())


def test_et_cetera_keeps_the_full_stop_of_its_sentence() -> None:
    """The words of an abbreviation end the sentence that it ended."""
    assert read_out("We saw pears, etc. Then we left.", "en") == "We saw pears, et cetera. Then we left."
    assert read_out("pears, etc. and more", "en") == "pears, et cetera and more"
    assert read_out("Maçãs etc. Depois saímos.", "pt") == "Maçãs et cetera. Depois saímos."
