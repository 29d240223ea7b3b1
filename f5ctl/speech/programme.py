"""Where a programme begins in its subtitles' times, and how much silence they may ask for. Pure.

Broadcasters' time codes begin at a whole hour (10:00:00 or 01:00:00): audio that began at 0 would be hours
of silence first. A slip of the pen (99:59:59) would be days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from f5ctl.durations import parse_duration
from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_times import read_clock
from f5ctl.speech.srt import Cue

HOUR_S: Final = 3600
LEAD_S: Final = 600.0  # the first cue comes at most so long after the whole hour
MAX_SILENCE_H: Final = 3  # between two cues, and before the first one
MAX_LENGTH_H: Final = 24  # of all


@dataclass(frozen=True, slots=True)
class Programme:
    """Cues by the audio's own time, and what is told of it."""

    cues: list[Cue]
    warnings: list[str]


def parse_start(text: str) -> float:
    """Return the seconds of a time code (10:00:00, 10:00:00.500) or a duration (10h, 90s); 0 is 0.

    Raises:
        ValueError: it is neither.
    """
    seconds = read_clock(text)
    return parse_duration(f"{text}s" if text.isdecimal() else text) if seconds is None else seconds


def place(cues: Sequence[Cue], start_s: float | None) -> Programme:
    """Return the cues, which are sorted, by the time since the programme's start.

    `start_s` is where the audio begins in the cues' own time; None: a whole hour shortly before them, else 0.

    Raises:
        BadRequestError: they ask for too long a silence, or none is left.
    """
    if not cues:
        return Programme([], [])
    warnings: list[str] = []
    if start_s is None:
        start_s, warnings = _found_start(cues[0].start_s)
        _check_silence(start_s, cues[0], is_first=True)
    kept = [cue for cue in cues if cue.start_s >= start_s]
    if len(kept) < len(cues):
        warnings = [_early(cues, kept, start_s)]
    end_s = start_s
    for cue in kept:
        if cue is not kept[0]:
            _check_silence(end_s, cue)
        end_s = max(end_s, cue.end_s)
        _check_length(start_s, cue)
    moved = [replace(cue, start_s=cue.start_s - start_s, end_s=cue.end_s - start_s) for cue in kept]
    return Programme(moved, warnings)


def clock(seconds: float) -> str:
    """Return a time as cues have it, 10:00:01.500; without a fraction where there is none."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    fraction = f".{thousandths:03d}" if thousandths else ""
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{fraction}"


def _found_start(first_s: float) -> tuple[float, list[str]]:
    """Return the whole hour shortly before the first cue, or 0, and what is told of it."""
    hour_s = first_s // HOUR_S * HOUR_S
    if not hour_s or first_s - hour_s > LEAD_S:
        return 0.0, []
    line = (
        f"the first cue is at {clock(first_s)}: {clock(hour_s)} is taken for the programme's start"
        " and subtracted from all times (--programme-start 0 keeps them)"
    )
    return hour_s, [line]


def _early(cues: Sequence[Cue], kept: Sequence[Cue], start_s: float) -> str:
    """Return the line for cues before the programme's start; all of them are an error."""
    count = len(cues) - len(kept)
    if not kept:
        line = f"every cue comes before the programme's start, {clock(start_s)}"
        raise BadRequestError("bad_text", f"{line}; the last is at {clock(cues[-1].start_s)}")
    what = f"{count} cues come" if count > 1 else "a cue comes"
    return f"{what} before the programme's start, {clock(start_s)}: left out"


def _check_silence(from_s: float, cue: Cue, *, is_first: bool = False) -> None:
    hours = (cue.start_s - from_s) / HOUR_S
    if hours > MAX_SILENCE_H:
        remedy = f"--programme-start {clock(cue.start_s)} begins there" if is_first else "correct its time"
        line = f"{_named(cue)} comes after {hours:.1f} h of silence; the limit is {MAX_SILENCE_H} h; {remedy}"
        raise BadRequestError("bad_text", line)


def _check_length(start_s: float, cue: Cue) -> None:
    hours = (cue.end_s - start_s) / HOUR_S
    if hours > MAX_LENGTH_H:
        line = f"{_named(cue)} ends after {hours:.1f} h; the limit is {MAX_LENGTH_H} h; correct its time"
        raise BadRequestError("bad_text", line)


def _named(cue: Cue) -> str:
    return f"the cue at {clock(cue.start_s)} ({cue.text[:30]!r})"
