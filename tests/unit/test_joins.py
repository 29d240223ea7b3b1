"""How segments become one wave: pauses by mark, quiet around them, the same piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5ctl.pauses import Boundary, Gaps, boundary_after
from f5d.engine.joins import Edges, Joiner, Made, SilenceRemover, boundaries, cut, edges, expected_samples
from f5d.engine.silence import Wave, levels_db, quiet_spans
from f5d.engine.types import Parameters
from tests.unit.sounds import RATE_HZ, click, hum, noise, samples, silence, speech

QUIET = Parameters()
FADED = Parameters(sentence_pause=None, cross_fade_duration=0.15)
BARE = speech(1.2)  # speech from its first to its last sample, as the bundled model makes it
BETWEEN: tuple[Boundary, ...] = ("sentence", "clause", "paragraph", "speaker")
WANTED_S = (0.3, 0.1, 0.6, 0.4)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("This is it.", "sentence"),
        ("It leans.[12]", "sentence"),
        ("It leans [door slams]", "clause"),
        ("Is it?", "sentence"),
        ('He said "go!"', "sentence"),
        ("It was over (he thought.)", "sentence"),
        ("Era o fim.»", "sentence"),
        ("**Bold.** ", "sentence"),
        ("我走了。", "sentence"),
        ("他问：「是吗？」", "sentence"),
        ("नमस्ते।", "sentence"),
        ("And then…", "sentence"),
        ("When the rain stopped,", "clause"),
        ("He said:", "clause"),
        ("a part of a very long", "clause"),
        ("one thing;", "clause"),
        ("A title", "clause"),
        ('the so-called "end"', "clause"),
        ("...", "sentence"),
        ("", "clause"),
    ],
)
def test_the_mark_says_what_ends(text: str, wanted: Boundary) -> None:
    """A full stop, question or exclamation mark of any script ends a sentence, also inside quotes."""
    assert boundary_after(text) == wanted


def test_a_blank_line_ends_a_paragraph() -> None:
    """Whatever mark stands before it; a line end alone is none."""
    text = "One. Two,\nthree.\n\nA title\n \n\nFour. Four. The end."
    segments = ["One. Two,", "three.", "A title", "Four.", "Four.", "The end."]
    assert boundaries(text, segments) == ("clause", "paragraph", "paragraph", "sentence", "sentence")


def test_what_is_left_out_between_paragraphs_hides_none() -> None:
    """A line of marks alone that became no segment is within the blank lines; altered words are passed over."""
    assert boundaries("One.\n\n* * *\n\nTwo. Three.", ["One.", "Two.", "Three."]) == ("paragraph", "sentence")
    assert boundaries("One.\n\nTwo. Three.", ["One.", "2.", "Three."]) == ("sentence", "sentence")
    assert boundaries("Only this.", ["Only this."]) == ()


def joined(waves: list[Wave], parameters: Parameters, between: tuple[Boundary, ...]) -> tuple[Wave, list[int]]:
    """Return the whole and where each segment begins, made anew from the carry for every segment."""
    around, carry = edges(parameters, between), b""
    pieces, starts, length = [], [], 0
    for index, wave in enumerate(waves):
        joiner = Joiner(parameters, around, carry)
        piece, start = joiner.push(index, Made(wave))
        carry = joiner.carry
        starts.append(length + start)
        pieces.append(piece)
        length += len(piece)
    assert carry == b""
    return np.concatenate(pieces), starts


def quiet_runs(wave: Wave, below_db: float = -50.0) -> list[tuple[float, float]]:
    """Return (start, end) in seconds of every stretch of quiet windows of 50 ms or more."""
    flags = np.concatenate([[False], levels_db(wave, RATE_HZ) < below_db, [False]]).astype(np.int8)
    places = np.flatnonzero(np.diff(flags))
    return [(a / 100, b / 100) for a, b in zip(places[::2], places[1::2], strict=True) if b - a >= 5]


SEGMENTS: dict[str, Wave] = {
    "no silence at all": BARE,
    "silence at both ends": np.concatenate([silence(0.04), BARE, silence(0.07)]),
    "more than is wanted": np.concatenate([silence(0.9), BARE, silence(1.7)]),
    "faint noise": np.concatenate([silence(0.2), BARE, silence(0.4)]) + noise(1.8, -70),
    "hum": np.concatenate([silence(0.2), BARE, silence(0.4)]) + hum(1.8, -60),
    "a click in the silence": click(np.concatenate([silence(0.3), BARE, silence(0.5)]), 1.85, 0.1),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_pauses_are_as_the_marks_say(name: str) -> None:
    """300 ms after a sentence, 100 within, 600 between paragraphs: within 20 ms, whatever silence there was."""
    whole, _ = joined([SEGMENTS[name]] * 5, QUIET, BETWEEN)
    inner = quiet_runs(whole)[1:-1]
    assert [end - start for start, end in inner] == [pytest.approx(one, abs=0.021) for one in WANTED_S]


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_text_begins_and_ends_in_quiet(name: str) -> None:
    """Some 50 ms before the first word, some 100 after the last, at least 50."""
    whole, _ = joined([SEGMENTS[name]] * 2, QUIET, ("sentence",))
    (_, first), *_, (last, end) = quiet_runs(whole)
    assert first == pytest.approx(0.05, abs=0.011)
    assert end - last == pytest.approx(0.1, abs=0.021)


def test_other_pauses_grow_with_that_after_a_sentence() -> None:
    """sentence_pause 0.6 doubles all of them; 0 lets the words stand edge to edge."""
    whole, _ = joined([BARE] * 5, Parameters(sentence_pause=0.6), BETWEEN)
    inner = quiet_runs(whole)[1:-1]
    assert [end - start for start, end in inner] == [pytest.approx(2 * one, abs=0.021) for one in WANTED_S]
    none, _ = joined([BARE] * 5, Parameters(sentence_pause=0.0), BETWEEN)
    assert len(quiet_runs(none)) == 2
    assert len(none) == pytest.approx(5 * len(BARE) + samples(0.15), abs=samples(0.06))


def test_no_word_is_touched() -> None:
    """Every sample of speech is there unchanged, but for the 3 ms at an end without any silence."""
    edge = samples(0.004)
    wave = np.concatenate([silence(0.02), BARE, silence(0.02)])
    for segment in (BARE, wave):
        whole, starts = joined([segment] * 3, QUIET, ("sentence", "clause"))
        inside = BARE[edge:-edge]
        for start in starts:
            lead = samples(0.05)
            np.testing.assert_array_equal(whole[start + lead + edge :][: len(inside)], inside)


def test_the_breath_before_a_word_is_kept() -> None:
    """An h that is 40 dB below its vowel is not taken for silence, even where the pause is as short."""
    breath = noise(0.09, -55)
    wave = np.concatenate([silence(0.1), breath, BARE, silence(0.1)])
    whole, (_, start) = joined([wave] * 2, QUIET, ("clause",))
    kept = whole[start : start + samples(0.08)]
    assert levels_db(kept, RATE_HZ)[2:].min() > -60


def test_where_segments_begin_is_where_they_are_heard() -> None:
    """The start that subtitles get is 50 ms before the first word of a segment."""
    whole, starts = joined([SEGMENTS["more than is wanted"]] * 5, QUIET, BETWEEN)
    heard = [end for _, end in quiet_runs(whole)[:-1]]
    assert [start / RATE_HZ + 0.05 for start in starts] == [pytest.approx(one, abs=0.011) for one in heard]


def test_a_length_told_in_advance_counts_the_pauses() -> None:
    """With the silence that segments usually have, the guess is the length to 20 ms."""
    wave = np.concatenate([silence(0.07), BARE, silence(0.07)])
    around = edges(QUIET, BETWEEN)
    told = [expected_samples(len(wave), one) for one in around]
    made = [len(cut(Made(wave), one)) for one in around]
    assert told == [pytest.approx(one, abs=samples(0.02)) for one in made]


def test_a_fixed_duration_is_cut_nowhere() -> None:
    """Silence comes between whole segments; what is around them is the model's."""
    around = edges(Parameters(fix_duration=9.0), ("sentence", "clause"))
    assert around == (Edges(None, None, samples(0.3)), Edges(None, None, samples(0.1)), Edges(None, None, 0))
    whole, _ = joined([BARE] * 3, Parameters(fix_duration=9.0), ("sentence", "clause"))
    assert len(whole) == 3 * len(BARE) + samples(0.4)


def test_a_cross_fade_is_as_it_was() -> None:
    """Asked for, segments overlap as upstream's do, and nothing is cut or added."""
    whole, _ = joined([BARE, BARE], FADED, ("sentence",))
    fade = samples(0.15)
    up = np.linspace(0, 1, fade, dtype=np.float32)
    overlap = BARE[-fade:] * (1 - up) + BARE[:fade] * up
    np.testing.assert_allclose(whole, np.concatenate([BARE[:-fade], overlap, BARE[fade:]]), atol=1e-6)
    uncut = Parameters(sentence_pause=None, cross_fade_duration=0.0)
    edge_to_edge, _ = joined([BARE, BARE], uncut, ("clause",))
    np.testing.assert_array_equal(edge_to_edge, np.concatenate([BARE, BARE]))


def removed(waves: list[Wave]) -> tuple[Wave, list[int]]:
    """Return what is left of waves pushed one by one, made anew from the carry, and where each begins."""
    carry, pieces, starts, length = b"", [], [], 0
    for index, wave in enumerate(waves):
        remover = SilenceRemover(carry)
        piece, start = remover.push(wave, last=index == len(waves) - 1)
        carry = remover.carry
        starts.append(length + start)
        pieces.append(piece)
        length += len(piece)
    return np.concatenate(pieces), starts


LONG = np.concatenate([speech(1), silence(2.5), speech(0.7), silence(0.9), speech(1), silence(1.3), speech(2)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, len(LONG) - 1), max_size=8))
def test_silence_is_removed_piece_by_piece_as_from_the_whole(places: list[int]) -> None:
    """Where pauses are cut does not depend on where segments end, nor on an engine that took over."""
    whole, _ = removed([LONG])
    cuts = sorted({place // 240 * 240 for place in places} - {0})
    pieces, _ = removed([part for part in np.split(LONG, cuts) if len(part)])
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize(
    ("silent_s", "left_s"), [(0.5, 0.5), (0.99, 0.99), (1.0, 1.0), (1.02, 1.0), (1.75, 1.0), (4.0, 1.0)]
)
@pytest.mark.parametrize("disturb", ["nothing", "a click", "noise", "hum"])
def test_a_pause_over_a_second_becomes_one(silent_s: float, left_s: float, disturb: str) -> None:
    """Also across a join, and with a click, a hum or noise below -50 dB in it."""
    wave = np.concatenate([speech(1.0), silence(silent_s), speech(1.0)])
    length_s = len(wave) / RATE_HZ
    wave = {
        "nothing": wave,
        "a click": click(wave, 1 + silent_s / 2, 0.01, 0.01),
        "noise": wave + noise(length_s, -53),
        "hum": wave + hum(length_s, -56),
    }[disturb]
    middle = samples(1.0 + silent_s * 0.6)
    made, (_, second) = removed([wave[:middle], wave[middle:]])
    assert len(made) / RATE_HZ == pytest.approx(2.0 + left_s, abs=0.021)
    assert samples(1.0) <= second <= samples(1.0 + left_s) + 240


@pytest.mark.parametrize("wave", [silence(3), silence(0.3), speech(0.02), noise(2, -70)])
def test_what_is_all_silent_or_very_short_stays_a_wave(wave: Wave) -> None:
    """A second of silence is left of it, or all."""
    made, _ = removed([wave])
    assert len(made) == min(len(wave), RATE_HZ)


def test_remove_silence_trims_the_ends_and_bounds_every_pause() -> None:
    """At most 50 ms before and after, at most a second anywhere, cross-faded or not."""
    wave = np.concatenate([silence(1.2), speech(1.5), silence(1.6), speech(1.5), silence(1.4)])
    for parameters in (
        Parameters(remove_silence=True),
        Parameters(remove_silence=True, sentence_pause=2.0),
        Parameters(remove_silence=True, sentence_pause=None, cross_fade_duration=0.15),
        Parameters(remove_silence=True, fix_duration=20.0),
    ):
        whole, _ = joined([wave, wave], parameters, ("paragraph",))
        runs = quiet_runs(np.concatenate([silence(0.1), whole, silence(0.1)]))
        assert runs[0][1] - 0.1 <= 0.05
        assert len(whole) / RATE_HZ + 0.1 - runs[-1][0] <= 0.05 + 0.011
        assert max(end - start for start, end in runs[1:-1]) <= 1.02
        assert quiet_spans(whole, RATE_HZ, min_s=1.03) == []


def test_gaps_between_requests_count_what_is_there() -> None:
    """The client puts 250 ms between two voices, for 400: each request is quiet at its ends already."""
    gaps = Gaps()
    assert gaps.of_s(0.8) == 0.8  # nothing was spoken
    gaps.spoke({"parameters": {"sentence_pause": 0.3}})
    assert gaps.between_s("speaker") == pytest.approx(0.25)
    gaps.spoke({"parameters": {"sentence_pause": 0.3}})
    assert gaps.of_s(0.8) == pytest.approx(0.65)
    assert gaps.of_s(0.8) == pytest.approx(0.8)  # a second pause after the first
    gaps.spoke({"parameters": {"sentence_pause": 0.3}})
    assert gaps.of_s(0.8, last=True) == pytest.approx(0.7)
    gaps.spoke({"parameters": {"sentence_pause": 0.0}})
    assert gaps.between_s("paragraph") == 0.0
    gaps.spoke({"parameters": {"cross_fade_duration": 0.15, "sentence_pause": None}})
    assert gaps.between_s("speaker") == 0.0
    assert gaps.of_s(0.8) == 0.8
    gaps.spoke({})  # of a daemon that says nothing
    assert gaps.between_s("speaker") == 0.0
