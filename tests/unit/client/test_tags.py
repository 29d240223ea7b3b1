"""Voice tags and pauses: what a text with marks is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError
from f5ctl.speech.marks import Pause, Words, parse_script


def test_a_text_without_marks_is_one_part() -> None:
    """Ordinary text is main's."""
    assert parse_script(" Hello there.\n\nAnd more.") == [Words("main", "Hello there.\n\nAnd more.")]


def test_a_tag_gives_the_word_to_another_voice() -> None:
    """Text before the first tag is main's, a tag holds until the next one, as upstream has it."""
    text = 'He said [town] "You live here!" [main] and left. [my-voice.2] Yes.'
    assert parse_script(text) == [
        Words("main", "He said"),
        Words("town", '"You live here!"'),
        Words("main", "and left."),
        Words("my-voice.2", "Yes."),
    ]


@pytest.mark.parametrize(
    ("mark", "seconds"),
    [("[pause 800ms]", 0.8), ("[pause 1.5s]", 1.5), ("[pause: 2 s]", 2.0), ("[pause 0s]", 0.0)],
)
def test_a_pause_keeps_the_voice(mark: str, seconds: float) -> None:
    """[pause 800ms] is silence; who spoke before goes on after it."""
    assert parse_script(f"[town] One. {mark} Two.") == [
        Words("town", "One."),
        Pause(seconds),
        Words("town", "Two."),
    ]


@pytest.mark.parametrize("mark", ["[pause]", "[pause long]", "[pause -1s]", "[pause 5]", "[pause 5 min]"])
def test_a_pause_needs_a_duration(mark: str) -> None:
    """A pause that says no time is an error that shows the mark and how it is written."""
    with pytest.raises(BadRequestError, match=r"needs a duration such as 800ms or 1\.5s") as raised:
        parse_script(f"One. {mark} Two.")
    assert mark in raised.value.message


def test_a_pause_has_a_limit() -> None:
    """Ten minutes of silence are enough."""
    with pytest.raises(BadRequestError, match="the longest pause is 600 s"):
        parse_script("One. [pause 601s] Two.")


def test_an_escaped_bracket_is_no_mark() -> None:
    r"""\[town] stays in the text, backslash and all: the daemon takes it off."""
    assert parse_script(r"See \[town] and \[pause 1s].") == [Words("main", r"See \[town] and \[pause 1s].")]


def test_brackets_around_several_words_are_no_tag() -> None:
    """[see page 3] has a space in it, so it is text, as upstream has it."""
    assert parse_script("It is so [see page 3].") == [Words("main", "It is so [see page 3].")]


def test_words_that_say_nothing_are_left_out() -> None:
    """Marks of punctuation between two tags are not spoken."""
    assert parse_script("[town] Yes. [main] - [town] No.") == [Words("town", "Yes."), Words("town", "No.")]


def test_paragraphs_are_parted_by_a_pause() -> None:
    """With a paragraph pause a blank line is silence, but not at the end of the text."""
    parts = parse_script("One.\r\nStill one.\n \n\nTwo.\n\n[town] Three.\n\n", paragraph_pause_s=0.7)
    assert parts == [
        Words("main", "One.\nStill one."),
        Pause(0.7),
        Words("main", "Two."),
        Pause(0.7),
        Words("town", "Three."),
    ]


@given(st.text(st.sampled_from("ab1 .\\[]\n-pusem0"), max_size=60))
def test_nothing_that_is_spoken_is_lost(text: str) -> None:
    """Whatever stands in the text, a mark is an error, a tag, a pause, or it is spoken."""
    try:
        parts = parse_script(text)
    except BadRequestError:
        return
    spoken = [part.text for part in parts if isinstance(part, Words)]
    rest = text
    for piece in spoken:
        assert piece in rest
        rest = rest.split(piece, 1)[1]
