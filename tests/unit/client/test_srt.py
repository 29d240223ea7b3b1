"""Subtitles in and out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError
from f5ctl.speech.srt import CUE_CHARS, LINE_CHARS, Cue, format_srt, format_vtt, parse_srt, short_cues

SRT = """1
00:00:01,000 --> 00:00:02,500
He stood on the <i>right</i>
of the {\\an8}door.

2
01:02:03,004 --> 01:02:04,500 X1:0 X2:10
[slt] Good evening.

3
00:00:10,000 --> 00:00:11,000
...
"""


def test_cues_lose_styles_and_keep_words() -> None:
    """Tags of style and cues without a word go; lines of one cue are one text."""
    assert parse_srt(SRT.replace("\n", "\r\n")) == [
        Cue(1.0, 2.5, "He stood on the right of the door."),
        Cue(3723.004, 3724.5, "[slt] Good evening."),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hello.", "cue 1 ('Hello.') has no times such as 00:00:01,000 --> 00:00:02,500"),
        ("1\n00:00:02,000 --> 00:00:01,000\nx", "cue 1 ends at 1 s and begins at 2 s"),
        (SRT + "\n4\n00:00 --> 00:01\nx", "cue 4 ('4') has no times"),
    ],
)
def test_a_wrong_cue_is_named(text: str, message: str) -> None:
    """What is not SRT is an error with the cue's number."""
    with pytest.raises(BadRequestError) as raised:
        parse_srt(text)
    assert message in raised.value.message


def test_the_two_formats() -> None:
    """SRT counts its cues and has commas, WebVTT begins with its name, has points and escapes."""
    cues = [Cue(0.0, 1.5, "One & two."), Cue(3661.0015, 3662.25, "Three.")]
    assert format_srt(cues) == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne & two.\n\n2\n01:01:01,002 --> 01:01:02,250\nThree.\n"
    )
    assert format_vtt(cues) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne &amp; two.\n\n01:01:01.002 --> 01:01:02.250\nThree.\n"
    )


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=12), min_size=1, max_size=80))
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


def test_what_is_written_can_be_read() -> None:
    """Our own SRT is SRT."""
    cues = [Cue(0.0, 1.5, "One."), Cue(1.5, 3.25, "And two more words.")]
    assert parse_srt(format_srt(cues)) == cues
