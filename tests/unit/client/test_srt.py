"""Subtitles out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from f5ctl.speech.cue_file import read_cue_file
from f5ctl.speech.srt import CUE_CHARS, LINE_CHARS, Cue, format_srt, format_vtt, short_cues

WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=12)
SAID = st.lists(WORDS | st.integers(0, 3000).map(str), min_size=1, max_size=20).map(" ".join)


def test_the_two_formats() -> None:
    """SRT counts its cues and has commas, WebVTT begins with its name, has points and escapes."""
    cues = [Cue(0.0, 1.5, "One & two."), Cue(3661.0015, 3662.25, "Three.")]
    assert format_srt(cues) == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne & two.\n\n2\n01:01:01,002 --> 01:01:02,250\nThree.\n"
    )
    assert format_vtt(cues) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne &amp; two.\n\n01:01:01.002 --> 01:01:02.250\nThree.\n"
    )


@given(st.lists(WORDS, min_size=1, max_size=80))
def test_long_cues_are_cut_between_words(words: list[str]) -> None:
    """Every word is in one short cue, and the cues fill the time of the long one without gaps."""
    cue = Cue(2.0, 12.0, " ".join(words))
    pieces = list(short_cues(cue))
    assert " ".join(piece.text for piece in pieces).split() == cue.text.split()
    assert all(len(piece.text) <= CUE_CHARS for piece in pieces)
    assert (pieces[0].start_s, pieces[-1].end_s) == (2.0, 12.0)
    assert all(one.end_s == two.start_s for one, two in pairwise(pieces))
    for line in format_srt(pieces).split("\n"):
        assert len(line) <= LINE_CHARS


@given(st.lists(SAID, min_size=1, max_size=8))
def test_what_is_written_can_be_read(texts: list[str]) -> None:
    """Our own SRT and WebVTT are read back as they were, cues of numbers alone included."""
    cues = [Cue(1.5 * number, 1.5 * number + 1.25, text) for number, text in enumerate(texts)]
    for written in (format_srt(cues), format_vtt(cues)):
        read = read_cue_file(written)
        assert (read.cues, read.warnings) == (cues, [])


def test_signs_of_markup_survive() -> None:
    """What WebVTT escapes is said as it was: & and < and >."""
    cues = [Cue(0.0, 1.5, "Tom & Ann: 3 < 4 > 2, R&notes;.")]
    assert read_cue_file(format_vtt(cues)).cues == cues
    assert read_cue_file(format_srt(cues)).cues == cues
