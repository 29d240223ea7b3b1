"""Subtitles out: cues as SRT and WebVTT. Pure: texts and times, no files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LINE_CHARS: Final = 42  # what a viewer reads at a glance, two lines at a time
CUE_CHARS: Final = 2 * LINE_CHARS


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown, in seconds; `speaker` as the file that it comes from names them."""

    start_s: float
    end_s: float
    text: str
    speaker: str | None = None


def format_srt(cues: Sequence[Cue]) -> str:
    """Return the cues as an SRT file."""
    blocks = [
        f"{number}\n{_stamp(cue.start_s, ',')} --> {_stamp(cue.end_s, ',')}\n{_wrapped(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def format_vtt(cues: Sequence[Cue]) -> str:
    """Return the cues as a WebVTT file."""
    blocks = [
        f"{_stamp(cue.start_s, '.')} --> {_stamp(cue.end_s, '.')}\n{_wrapped(_escaped(cue.text))}\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def short_cues(cue: Cue) -> Iterator[Cue]:
    """Yield `cue` in pieces that fit two lines; each gets its share of the time by its letters."""
    pieces = textwrap.wrap(cue.text, _piece_chars(cue.text), break_long_words=False) or [cue.text]
    total = sum(map(len, pieces))
    start_s, said = cue.start_s, 0
    for piece in pieces:
        said += len(piece)
        end_s = cue.start_s + (cue.end_s - cue.start_s) * said / total
        yield Cue(start_s, end_s, piece)
        start_s = end_s


def _piece_chars(text: str) -> int:
    """Return how many letters a piece may have for all to be about equally long."""
    size = len(" ".join(text.split()))
    count = -(-size // CUE_CHARS)
    return min(CUE_CHARS, -(-size // max(count, 1)) + 8)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE_CHARS, break_long_words=False)) or text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float, mark: str) -> str:
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
