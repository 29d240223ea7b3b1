"""Where a programme begins in the times of its subtitles."""

from __future__ import annotations

import pytest

from f5ctl.errors import BadRequestError
from f5ctl.speech.programme import clock, parse_start, place
from f5ctl.speech.srt import Cue

HOUR = 3600


def cues(*starts_s: float) -> list[Cue]:
    return [Cue(start_s, start_s + 2, f"At {start_s:g}.") for start_s in starts_s]


def starts(found: list[Cue]) -> list[float]:
    return [cue.start_s for cue in found]


@pytest.mark.parametrize("first_s", [0.0, 1.5, 600.0, 2700.0, 3599.0, HOUR + 601.0, 2 * HOUR + 1800.0])
def test_times_are_kept(first_s: float) -> None:
    """A file that begins anywhere but shortly after a whole hour is spoken at its own times."""
    programme = place(cues(first_s, first_s + 10), None)
    assert (starts(programme.cues), programme.warnings) == ([first_s, first_s + 10], [])


@pytest.mark.parametrize(
    ("hours", "after_s"), [(10, 1.0), (1, 0.0), (1, 600.0), (23, 5.0), (100, 30.0), (10, 150.0)]
)
def test_a_programme_start_is_subtracted(hours: int, after_s: float) -> None:
    """A first cue in the ten minutes after a whole hour is a broadcaster's: it is subtracted, and said."""
    first_s = hours * HOUR + after_s
    programme = place(cues(first_s, first_s + 60), None)
    assert starts(programme.cues) == [after_s, after_s + 60]
    assert programme.cues[0].end_s == after_s + 2
    assert programme.warnings == [
        (
            f"the first cue is at {clock(first_s)}: {hours:02d}:00:00 is taken for the programme's start"
            " and subtracted from all times (--programme-start 0 keeps them)"
        )
    ]


def test_a_start_can_be_named() -> None:
    """--programme-start is where the audio begins; 0 keeps the times; earlier cues are left out."""
    ten = cues(10 * HOUR + 1, 10 * HOUR + 5)
    assert starts(place(ten, 0.0).cues) == [10 * HOUR + 1, 10 * HOUR + 5]
    assert starts(place(ten, 10 * HOUR + 0.5).cues) == [0.5, 4.5]
    programme = place([*cues(0.0, 9 * HOUR), *ten], 10 * HOUR)
    assert starts(programme.cues) == [1, 5]
    assert programme.warnings == ["2 cues come before the programme's start, 10:00:00: left out"]
    assert place(ten, 10 * HOUR + 2).warnings == [
        "a cue comes before the programme's start, 10:00:02: left out"
    ]


@pytest.mark.parametrize(
    ("given", "start_s", "told"),
    [
        (
            cues(10 * HOUR + 1500),
            None,
            (
                "the cue at 10:25:00 ('At 37500.') comes after 10.4 h of silence; the limit is 3 h;"
                " --programme-start 10:25:00 begins there"
            ),
        ),
        (
            cues(1, 99 * HOUR + 3599),
            None,
            (
                "the cue at 99:59:59 ('At 359999.') comes after 100.0 h of silence; the limit is 3 h;"
                " correct its time"
            ),
        ),
        (
            cues(10 * HOUR, 20 * HOUR),
            0.0,
            (
                "the cue at 20:00:00 ('At 72000.') comes after 10.0 h of silence; the limit is 3 h;"
                " correct its time"
            ),
        ),
        (
            [Cue(0.0, 30 * HOUR, "Long.")],
            None,
            "the cue at 00:00:00 ('Long.') ends after 30.0 h; the limit is 24 h; correct its time",
        ),
        (
            cues(100 * HOUR),
            0.0,
            "the cue at 100:00:00 ('At 360000.') ends after 100.0 h; the limit is 24 h; correct its time",
        ),
        (
            cues(1, 2),
            10 * HOUR,
            "every cue comes before the programme's start, 10:00:00; the last is at 00:00:02",
        ),
    ],
)
def test_silence_is_bounded(given: list[Cue], start_s: float | None, told: str) -> None:
    """A slip of the pen does not write gigabytes of silence: the cue is named before anything is written."""
    with pytest.raises(BadRequestError) as raised:
        place(given, start_s)
    assert raised.value.message == told


def test_a_cue_in_another_is_no_silence() -> None:
    """Silence is counted from the end of the last cue to end."""
    long = [Cue(0.0, 4 * HOUR, "Long."), *cues(1, 4 * HOUR + 1)]
    assert starts(place(long, None).cues) == [0.0, 1, 4 * HOUR + 1]
    assert place([], None).cues == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("10:00:00", 36000),
        ("10:00:00,500", 36000.5),
        ("01:00:00:00", HOUR),
        ("10h", 36000),
        ("90s", 90),
        ("30", 30),
        ("1h30m", 5400),
        ("00:30", 30),
    ],
)
def test_starts(text: str, seconds: float) -> None:
    """A start is a time code or a length of time."""
    assert parse_start(text) == seconds


@pytest.mark.parametrize("text", ["", "keep", "ten", "-1", "10:00:00 --> 11:00:00", "1e3", "inf"])
def test_wrong_starts(text: str) -> None:
    """Anything else is none."""
    with pytest.raises(ValueError, match="is not a duration"):
        parse_start(text)
