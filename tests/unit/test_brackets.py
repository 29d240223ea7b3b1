"""Brackets that are no tags: what is read of them and what is left out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.brackets import in_bracket, says_something, spoken, without_cues
from tests.unit.growth import TIMES, takes_too_long


def check(pairs: list[tuple[str, str]]) -> None:
    assert [spoken(written) for written, _ in pairs] == [wanted for _, wanted in pairs]


def test_notes_are_left_out() -> None:
    """Numbers of citations and footnotes, and the words of editors, are not read."""
    check(
        [
            ("The tower is old.[12] It leans a lot.[3]", "The tower is old. It leans a lot."),
            ("As said [3, 4], again [12]-[15], and [1][2][3].", "As said, again, and."),
            ("Shown in [7–9, p. 34].", "Shown in."),
            ("It is old.[3]Next it fell.", "It is old. Next it fell."),
            ("He wrote that they was [sic] late.", "He wrote that they was late."),
            ("It is [Sic!] so.", "It is so."),
            ("The best one[citation needed] of all.", "The best one of all."),
            ("É o maior.[carece de fontes?] Sim.[nota 1]", "É o maior. Sim."),
            ("A hotel.[a] A tower[b] is near.", "A hotel. A tower is near."),
            ("A note[^1] here.\n\n[^1]: It says so.", "A note here.\n\nIt says so."),
            ("It holds [@smith2004; @jones] (see [12]).", "It holds (see)."),
            ("He left ([12]) and [Smith et al., 2020] stayed.", "He left and stayed."),
            ("It is so【4:0†source】 today【2】.", "It is so today."),
            ('"Quote."[4] Then', '"Quote." Then'),
        ]
    )


def test_words_are_read_without_their_brackets() -> None:
    """A word that an author, a game or an editor puts into brackets is said."""
    check(
        [
            ("She threw [Frostbolt] at the gate.", "She threw Frostbolt at the gate."),
            ("[I am so tired,] let me sleep.", "I am so tired, let me sleep."),
            ("It is so [see page 3], they say.", "It is so see page 3, they say."),
            ("[T]he cat walk[ed] as [s]he said.", "The cat walked as she said."),
            ("A row of array[index] values.", "A row of array index values."),
            ("[Level 12] reached, [50%] left, in [2024].", "Level 12 reached, 50% left, in 2024."),
            ("[Ele] disse [que sim].", "Ele disse que sim."),
            ("[Bob]: Hi there, [Ann].", "Bob: Hi there, Ann."),
            ("See [[Paris]] and [[Paris|the city]].", "See Paris and the city."),
            ("He threw [Frostbolt](softly).", "He threw Frostbolt (softly)."),
        ]
    )


def test_indices_of_code_are_read() -> None:
    """What no note is numbered with, and what stands behind a variable, is an index."""
    check(
        [
            ("array[0], arr[-1] and m[0][12].", "array 0, arr -1 and m 0 12."),
            ("x[1], my_list[3] and data[2] = 5.", "x 1, my_list 3 and data 2 = 5."),
            ("d['key'], rows[1:3], list[n-1] and items[i].", "d 'key', rows 1:3, list n-1 and items i."),
            ("The tower[1] leans[2][3] so.[4]", "The tower leans so."),
            (
                "Windows 11[3], H2O[2], YouTube[5] and 3.12[6].",
                "Windows 11, H2O, YouTube and 3.12.",
            ),
            ("It was[0](https://example.org/0) so.", "It was so."),
            ("Two brother[s] walk[ed], [i]f so, a[n] apple.", "Two brothers walked, if so, an apple."),
        ]
    )
    assert without_cues("Hello[0] there.") == "Hello there."


def test_subtitles_for_the_deaf_are_read_without_their_signs() -> None:
    """Sounds in parentheses, notes of music and the name in capitals before a line are not said."""
    pairs = [
        ("(laughs) Hello.", "Hello."),
        ("(DOOR SLAMS) Who is it?", "Who is it?"),
        ("Hello. (SIGHS)", "Hello."),
        ("I know. (risos) Pois é.", "I know. Pois é."),
        ("\u266a la la \u266a", "la la"),
        ("JOHN: Hello.", "Hello."),
        ("- MR. SMITH: Hi. - MAN 1: Yo.", "- Hi. - Yo."),
        ("ÉRICA: Oi.", "Oi."),
        ("(door slams) BOB: Hi.", "Hi."),
        ("[door slams] BOB: Hi. \u266a", "Hi."),
        ("\u266a ANN: la", "la"),
        ("WARNING: Do not enter.", "WARNING: Do not enter."),
        ("At 5:30 (or 6) he left (as always).", "At 5:30 (or 6) he left (as always)."),
        ("The agency (NASA) said so.", "The agency (NASA) said so."),
        ("He said: Go. (The music was loud that night.)", "He said: Go. (The music was loud that night.)"),
        ("John: Hello.", "John: Hello."),
    ]
    assert [without_cues(written).strip() for written, _ in pairs] == [said for _, said in pairs]


def test_the_parentheses_of_a_long_subtitle_take_time_that_grows_with_its_length() -> None:
    """What ends the text is not looked at again for each of them."""
    short, long = ("b (a)" * number + "x" + "." * 8 * number for number in (4_000, TIMES * 4_000))
    assert not takes_too_long(without_cues, short, long, noise_s=0.05)


def test_the_label_of_a_line_is_read_though_in_capitals() -> None:
    """Logs and notes begin with a word in capitals that says something."""
    check(
        [
            ("[WARN] The disk is nearly full.", "WARN The disk is nearly full."),
            ("[TODO] Call Ann. [OK]", "TODO Call Ann. OK"),
            ("> [!NOTE]\n> It is so.", "> NOTE\n> It is so."),
            ("[ERROR 404] It is gone.", "ERROR 404 It is gone."),
            ("Press [ESC] to leave.", "Press ESC to leave."),
        ]
    )


@pytest.mark.parametrize("text", ["PS: call me.", "NB: it rains."])
def test_a_remark_of_a_subtitle_has_no_speaker(text: str) -> None:
    """Two capitals that say something are no name."""
    assert without_cues(text) == text


def test_sound_cues_are_left_out() -> None:
    """What is to be heard is not said: words of sounds, and capitals that stand alone."""
    check(
        [
            ("[MUSIC]\nHello [door slams] there [applause].", "\nHello there."),
            ("Well. [BIRDSONG] So it is.", "Well. So it is."),
            ("She came [DOG HOWLS OUTSIDE] home.", "She came home."),
            ("So [laughs] I said [clears throat] no.", "So I said no."),
            ("[Música tocando] Olá, [risos] tudo bem?", "Olá, tudo bem?"),
            ("[00:01:23] Hello. [00:01:25.500] Again.", "Hello. Again."),
        ]
    )


def test_a_sound_in_what_the_writer_says_is_read() -> None:
    """An article or a pronoun begins a remark and no sound cue."""
    check(
        [
            ("He praised [the music of Bach].", "He praised the music of Bach."),
            ("They came [as the sirens fell silent].", "They came as the sirens fell silent."),
            ("At [9:30] they left.", "At 9:30 they left."),
        ]
    )


def test_boxes_of_tasks_are_left_out() -> None:
    """A list of tasks is read by its tasks; an x elsewhere is a letter."""
    check(
        [
            ("- [x] buy milk\n- [ ] bake\n1. [X] eat", "- buy milk\n- bake\n1. eat"),
            ("[ ] buy milk", "buy milk"),
            ("Solve for [x] now.", "Solve for x now."),
            ("He said [...] that [ ] was it.", "He said that was it."),
        ]
    )


def test_links_are_read_by_their_labels() -> None:
    """Addresses, references and what defines them are not read."""
    check(
        [
            ("Read the [manual](https://example.org/m) first.", "Read the manual first."),
            ('See [here](/a/b "A title"), [there](<c.html>).', "See here, there."),
            ("On [Mercury](https://example.org/wiki/Mercury_(planet)) now.", "On Mercury now."),
            ("The [label][ref] and [another][] stand.", "The label and another stand."),
            ("Before.\n\n[ref]: https://example.org 'T'\n[b]: <a.html>\nAfter.", "Before.\n\n\n\nAfter."),
            ("![A cat](cat.png) sits. [![Built](b.svg)](https://example.org)", "A cat sits. Built"),
            ("It is so ([1](https://example.org/a)). [[2]](https://example.org/b) Yes.", "It is so. Yes."),
            ("Use the [API](https://example.org/api).", "Use the API."),
        ]
    )  # fmt: skip


def test_odd_brackets_are_no_error() -> None:
    """Nested ones are read from the inside, half a pair is dropped, and a backslash makes a bracket."""
    check(
        [
            ("nested [a [b [12] c] d] e", "nested a b c d e"),
            ("un[closed and ] lone [ here", "un closed and lone here"),
            (r"\[town] and \[see this\] and C:\dir", r"[town] and [see this] and C:\dir"),
            (r"[so \[sic\] it is]", "so [sic] it is"),
            ("[" * 50 + "deep" + "]" * 50, "deep"),
            ("[]", ""),
            ("Nothing here.", "Nothing here."),
        ]
    )


@pytest.mark.parametrize(("text", "said"), [("[12]", "12"), ("[MUSIC]", "MUSIC"), ("[ 3 ] [sic]", "3 sic")])
def test_a_text_of_brackets_alone_is_read(text: str, said: str) -> None:
    """Where nothing else is to be said, what is in the brackets is."""
    assert spoken(text) == said
    assert not says_something(text)


def test_in_subtitles_what_is_in_brackets_is_a_sound() -> None:
    """Everything is left out but links and parts of words."""
    pairs = [
        ("[MUSIC]", ""),
        ("[door slams] Who is [whispers] there?", "Who is there?"),
        ("[SPEAKER_01]: Hello.", "Hello."),
        ("- [Bob] I am.\n- [man 2] So am I.", "- I am.\n- So am I."),
        ("[s]he saw the [film](https://example.org/f).", "she saw the film."),
        (r"It says \[so].", r"It says \[so\]."),
        ("[open", "open"),
    ]
    assert [without_cues(written) for written, _ in pairs] == [wanted for _, wanted in pairs]


WORDS = st.lists(st.sampled_from(["ab", "Cd", "sic", "12", "x", "MUSIC", "é", "."]), max_size=3).map(" ".join)
TEXTS = st.lists(
    st.one_of(WORDS, st.sampled_from(["[", "]", "[[", "]]", "\\[", "\\]", "\n", " ", "(", ")"])), max_size=30
)


@given(TEXTS.map("".join))
def test_any_text_is_read(text: str) -> None:
    """No text with brackets fails, and one that has words keeps some."""
    said = spoken(text)
    if "(" not in text:  # an address goes with its label
        assert any(map(str.isalnum, said)) == any(map(str.isalnum, text))
    assert without_cues(text) is not None


@given(st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["", " ", ". ", "\n"])), min_size=1, max_size=8))
def test_what_is_outside_of_brackets_is_all_read(pieces: list[tuple[str, str, str]]) -> None:
    """Whatever the brackets hold, the words around them are said, in their order."""
    text = " ".join(f"{before} [{inside}]{after}" for before, inside, after in pieces)
    for said in (spoken(text), without_cues(text)):
        heard = iter(re.findall(r"\w+", said))
        assert all(word in heard for word in re.findall(r"\w+", " ".join(before for before, _, _ in pieces)))


@pytest.mark.parametrize(
    ("text", "place", "inside"),
    [
        ("So [see p. 3] it is.", 11, True),
        ("So [see p. 3] it is.", 13, False),
        ("So [see p. ", 11, True),  # it may still be closed
        ("So [see p. \nAnd then. ", 21, False),
        ("So [see p. " + "and so on " * 20 + "end. ", 215, False),
        (r"So \[see p. 3", 12, False),
        ("[a](http://b.c d. e) f", 17, True),
    ],
)
def test_a_sentence_does_not_end_in_a_bracket(text: str, place: int, inside: int) -> None:
    """Text that is still coming is not cut in a bracket that is open, but for one that is never closed."""
    assert in_bracket(text, place) == bool(inside)
