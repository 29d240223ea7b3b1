"""Voice tags and pauses: what a text with marks is made of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError
from f5ctl.speech.marks import Marks, Part, Pause, Tags, Treatment, Words

NAMES = ("town", "my-voice.2", "rms", "slt")


def marks_of(treatment: Treatment = "lenient") -> tuple[Marks, list[str]]:
    """Return marks that know `NAMES`, and the warnings that they will give."""
    told: list[str] = []
    return Marks(Tags(served=lambda: NAMES, warn=told.append, treatment=treatment)), told


def parse_script(text: str, *, paragraph_pause_s: float = 0.0) -> list[Part]:
    marks, told = marks_of()
    parts = marks.parts(text, paragraph_pause_s=paragraph_pause_s)
    assert told == []
    return parts


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
    [
        ("[pause 800ms]", 0.8),
        ("[pause 1.5s]", 1.5),
        ("[pause: 2 s]", 2.0),
        ("[pause 0s]", 0.0),
        ("[PAUSE 1,5 Seconds]", 1.5),
        ("[ Pause=.5 sec. ]", 0.5),
        ("[pause500ms]", 0.5),
        ("[pause 2 min]", 120.0),
        ("[pause 1m30s]", 90.0),
        ("[pause 3 segundos]", 3.0),
    ],
)
def test_a_pause_keeps_the_voice(mark: str, seconds: float) -> None:
    """[pause 800ms] is silence; who spoke before goes on after it."""
    assert parse_script(f"[town] One. {mark} Two.") == [
        Words("town", "One."),
        Pause(seconds),
        Words("town", "Two."),
    ]


@pytest.mark.parametrize("mark", ["[pause]", "[pause long]", "[pause -1s]", "[pause 5]", "[Pause]", "[PAUSE]"])
def test_a_pause_needs_a_duration(mark: str) -> None:
    """A pause that says no time is left out with a warning that shows how it is written, or an error."""
    marks, told = marks_of()
    assert marks.parts(f"One. {mark} Two.") == [Words("main", "One. Two.")]
    assert told == [f"{mark} is left out: a pause needs a duration such as 800ms or 1.5s"]
    with pytest.raises(BadRequestError, match=r"needs a duration such as 800ms or 1\.5s") as raised:
        marks_of("strict")[0].parts(f"One. {mark} Two.")
    assert mark in raised.value.message


def test_a_pause_has_a_limit() -> None:
    """Ten minutes of silence are enough: a longer pause is left out."""
    marks, told = marks_of()
    assert marks.parts("One. [pause 601s] Two.") == [Words("main", "One. Two.")]
    assert told == ["[pause 601s] is left out: the longest pause is 600 s"]


@pytest.mark.parametrize(
    "text", ["Press [Pause] to wait.", "Then [pause the film].", "[Pause the film] now.", "See [page 3]."]
)
def test_a_key_or_a_remark_is_no_pause(text: str) -> None:
    """Words that only look like the beginning of a pause are words."""
    assert parse_script(text) == [Words("main", text)]


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("[rmss]", "rms"),
        ("[Slt]", "slt"),
        ("[ slt ]", "slt"),
        ("[slt:]", "slt"),
        ("[TOWN]", "town"),
        ("[mian]", "main"),
    ],
)
def test_a_mistyped_tag(tag: str, name: str) -> None:
    """At the beginning of a sentence or a line it gets one warning with the nearest name and is left out."""
    marks, told = marks_of()
    assert marks.parts(f"{tag} One. {tag}: Two.\n{tag} Three.") == [Words("main", "One. Two.\nThree.")]
    assert told == [f"{tag} is left out: it names no voice; did you mean [{name}]?"]
    with pytest.raises(BadRequestError, match=r"unknown voice|did you mean") as raised:
        marks_of("strict")[0].parts(f"{tag} One.")
    assert raised.value.code == "unknown_voice"


@pytest.mark.parametrize("word", ["Frostbolt", "12", "domain", "sic", "Mainz-2", "a b c", "page"])
def test_other_brackets_are_text(word: str) -> None:
    """What is no voice's name, nor like one, stays where it is, also where a sentence begins."""
    assert parse_script(f"[{word}] One. [{word}] two.") == [Words("main", f"[{word}] One. [{word}] two.")]


def test_a_link_is_no_tag() -> None:
    """A label before an address is text, though a voice has that name, and no error with strict tags."""
    text = "See the [town](https://example.org/town) and [hall](h.html)."
    assert parse_script(text) == [Words("main", text)]
    assert marks_of("strict")[0].parts(text) == [Words("main", text)]


def test_a_colon_after_a_tag_is_the_tag_s() -> None:
    """[town]: as plays are written; a time after it keeps its own."""
    assert parse_script("[town]: Yes.\n[slt] : No. [rms] :-) Oh.") == [
        Words("town", "Yes."),
        Words("slt", "No."),
        Words("rms", ":-) Oh."),
    ]


def test_strict_tags_name_the_voices() -> None:
    """With strict tags one word in brackets that is no voice is an error with those that are."""
    marks = marks_of("strict")[0]
    with pytest.raises(BadRequestError, match=r"unknown voice '12'; known: main, town, my-voice\.2, rms, slt"):
        marks.parts("One.[12] Two.")
    assert marks.parts("[town] See [page 3].") == [Words("town", "See [page 3].")]


def test_without_tags_everything_is_text() -> None:
    """Not even a voice's name is a tag."""
    text = "[town] One. [pause 1s] Two. [rmss]"
    assert marks_of("none")[0].parts(text) == [Words("main", text)]


def test_a_voice_speaks_on_in_the_next_piece() -> None:
    """A text in pieces goes on in the voice that spoke last, a new text in main's."""
    marks, _ = marks_of()
    assert marks.more_parts("[town] One.") + marks.more_parts("Two.") == [
        Words("town", "One."),
        Words("town", "Two."),
    ]
    assert marks.parts("Three.") == [Words("main", "Three.")]


def test_the_voices_are_asked_for_once_and_late() -> None:
    """A text without a word in brackets asks nobody; one with many asks once."""
    asked: list[str] = []

    def served() -> tuple[str, ...]:
        asked.append("")
        return NAMES

    marks = Marks(Tags(served=served))
    marks.parts("One [two words] [main] [pause 1s] three.")
    assert asked == []
    marks.parts("[town] One. [Frostbolt] [12] two.")
    assert len(asked) == 1


def test_one_part_is_the_call_s_or_none() -> None:
    """A text is one request when the call's voice says all of it."""
    marks, _ = marks_of()
    assert marks.whole("[main] One [two].[12]") == "One [two].[12]"
    for text in ("[town] One.", "One. [pause 1s]", "One. [main] Two.", "[town]"):
        assert marks.whole(text) is None


def test_a_line_of_one_voice() -> None:
    """A tag at the beginning names the voice; with one in the middle, or a pause, it is no such line."""
    marks, _ = marks_of()
    assert marks.one_voice("[town] One.[7]") == Words("town", "One.[7]")
    assert marks.one_voice("[7] One [two].") == Words("main", "[7] One [two].")
    for text in ("One. [town] Two.", "[town] One. [pause 1s] Two."):
        assert marks.one_voice(text) is None
    for text in ("[town]", "[pause 1s] [pause 2s]"):
        with pytest.raises(BadRequestError, match="nothing to speak"):
            marks.one_voice(text)


def test_an_escaped_bracket_is_no_mark() -> None:
    r"""\[town] stays in the text, backslash and all: the daemon takes it off."""
    assert parse_script(r"See \[town] and \[pause 1s].") == [Words("main", r"See \[town] and \[pause 1s].")]


def test_words_that_say_nothing_are_left_out() -> None:
    """Marks of punctuation, notes and sound cues alone between two tags are not spoken."""
    assert parse_script("[town] Yes. [main] - [12] [MUSIC] [town] No.") == [
        Words("town", "Yes."),
        Words("town", "No."),
    ]


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


@given(st.text(st.sampled_from("ab1 .\\[]\n-pusem0rsltown"), max_size=60))
def test_no_text_fails_and_nothing_outside_of_brackets_is_lost(text: str) -> None:
    """Whatever stands in a text, its words are spoken in their order, but for those in brackets."""
    spoken = "\n".join(part.text for part in marks_of()[0].parts(text) if isinstance(part, Words))
    heard = iter(re.findall(r"\w+", spoken))
    assert all(word in heard for word in re.findall(r"\w+", re.sub(r"\[[^\[\]]*\]", " ", text)))
