"""Characters as people's programs write them, and what is made of them before a text is read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5d.engine.characters import clean
from f5d.engine.text import tokenize


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("The ﬁrst ﬂoor oﬃce, aﬄuent.", "The first floor office, affluent."),
        ("ＡＢＣ costs ＄５ （all）", "ABC costs $5 （all）"),
        ("cafe\u0301 acc\u0327a\u0303o n\u0303", "café acção ñ"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("ｶﾞｷﾞ ﾊﾟﾝ", "ガギ パン"),
        ("\u212a and \u212b", "K and Å"),
        ("𝐇𝐞𝐥𝐥𝐨 𝟒𝟐 ℝ", "Hello 42 R"),
        ("20 ㎡, 5 ㎢, 3 ㎏, 20℃", "20 m², 5 km², 3 kg, 20°C"),
        ("ﻢﺣﻤﺩ", "محمد"),
    ],
)
def test_letters_come_in_the_form_that_models_learned(written: str, plain: str) -> None:
    """Ligatures, full-width and half-width forms, split accents and mathematical letters are plain letters."""
    assert clean(written) == plain


@pytest.mark.parametrize(
    "kept", ["1ª vez, 2º", "20 m², H₂O", "½ cup, ⅓", "Act Ⅳ, ①", "你好，世界！（是）", "[a] \\[b]", "№ 5 ™"]
)
def test_what_is_read_by_rule_stays(kept: str) -> None:
    """Ordinals, powers, fractions, numerals and the marks of Chinese are not made letters and digits."""
    assert clean(kept) == kept


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("1\u202f000\u202f000 users", "1000000 users"),
        ("10\u00a0500 km, 2\u2009345", "10500 km, 2345"),
        ("１\u202f０００", "1000"),
        ("in 2023\u00a0200 came", "in 2023 200 came"),
        ("12 500 and 3 000", "12 500 and 3 000"),
        ("a\u00a0b\u2003c\u3000d  e", "a b c d e"),
    ],
)
def test_spaces_are_one_space_and_none_inside_a_number(written: str, plain: str) -> None:
    """Narrow and fixed spaces group digits; elsewhere every space is a space, and a run of them is one."""
    assert clean(written) == plain


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("the last word\fNext page", "the last word Next page"),
        ("a word\n\fnext page", "a word\nnext page"),
        ("one\vtwo\x85three\u2028four\u2029five", "one\ntwo\nthree\nfour\n\nfive"),
        ("a\tb\x1cc\x1ed", "a b c d"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
    ],
)
def test_no_word_is_glued_to_the_next_one(written: str, plain: str) -> None:
    """Ends of pages, lines and fields are white space."""
    assert clean(written) == plain


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("the last fare-\nwell of all", "the last farewell of all"),
        ("fare-  \n  well", "farewell"),
        ("fare\u00ad\nwell and so\u00adft", "farewell and soft"),
        ("fare\u2010\nwell", "farewell"),
        ("her mother-in-\nlaw", "her mother-in-law"),
        ("the Anglo-\nSaxon", "the Anglo-Saxon"),
        ("a dash -\nlike this", "a dash -\nlike this"),
        ("2019-\n2020", "2019-\n2020"),
        ("so --\nyes", "so --\nyes"),
    ],
)
def test_a_word_that_goes_on_in_the_next_line_is_one_word(written: str, plain: str) -> None:
    """A hyphen at a line end vanishes, unless a capital follows or the word has a hyphen already."""
    assert clean(written) == plain


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("\x1b[31mred\x1b[0m fruit", "red fruit"),
        ("\x1b[1;38;5;208mbold\x1b[m", "bold"),
        ("\x9b4mline\x9b24m", "line"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://a.b\x1b\\label\x1b]8;;\x1b\\", "label"),
        ("\x1bPdevice\x1b\\text \x1b(B\x1b7\x1bc.", "text ."),
        ("\x1b[?25lspin\x1b[2K\x1b[1G", "spin"),
        ("cut off \x1b[31", "cut off 31"),
        ("a bell\x07, NUL\x00, DEL\x7f", "a bell, NUL, DEL"),
    ],
)
def test_what_a_terminal_obeys_is_not_read(written: str, plain: str) -> None:
    """Control sequences go as a whole; a broken one loses its control characters alone."""
    assert clean(written) == plain


def test_joiners_reach_the_tokens() -> None:
    """Persian, Kurdish and Malayalam need U+200C and U+200D, and the tokens have them as upstream's have."""
    assert tokenize(clean("می\u200cروم")) == list("می\u200cروم")
    assert "\u200d" in tokenize(clean("ന\u0d4d\u200d"))


def test_marks_that_nobody_sees_are_dropped() -> None:
    """Zero-width spaces, byte-order and direction marks and private characters are not read."""
    assert clean("a\u200bb\ufeffc\u202ad\u2066e\ue000f\u2060") == "abcdef"


_ANY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("ab1é \n\t\f\x1b[]m;0-\u00ad\u2010\u200b\u200c\u0301\u0323\u00a0\u202fｶﾞＡ１．，Ⅳﬁ²½"),
    ),
    max_size=80,
)


@settings(deadline=None, max_examples=500)
@given(_ANY)
def test_cleaning_is_done_once(text: str) -> None:
    """Any text at all can be cleaned, and a clean one stays as it is."""
    once = clean(text)
    assert clean(once) == once
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Co"} for c in once.replace("\n", ""))


@settings(deadline=None)
@given(st.text(st.sampled_from("abcdeXYZ019 .,;!?äéß你好привет"), max_size=80))
def test_plain_text_is_left_alone(text: str) -> None:
    """Of ordinary text nothing but spaces that stand together is lost."""
    assert clean(text) == " ".join(text.split())
