"""Subtitles: SRT in, SRT and WebVTT out. Pure: texts and times, no files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from f5ctl.errors import BadRequestError

LINE_CHARS: Final = 42  # what a viewer reads at a glance, two lines at a time
CUE_CHARS: Final = 2 * LINE_CHARS

_TIME: Final = r"(\d{1,3}):(\d\d):(\d\d)[,.](\d{1,3})"
_TIMES: Final = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_BLANK: Final = re.compile(r"\n[^\S\n]*\n\s*")
_STYLE: Final = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}")  # <i>, <font color=...>, {\an8}


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown, in seconds."""

    start_s: float
    end_s: float
    text: str


def parse_srt(text: str) -> list[Cue]:
    """Return the cues of an SRT file in order, without styles and without those that say nothing.

    Raises:
        BadRequestError: a cue has no times, or ends before it begins.
    """
    cues: list[Cue] = []
    normal = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    for number, block in enumerate(_BLANK.split(normal), 1):
        lines = block.split("\n")
        if lines[0].strip().isdigit():
            lines = lines[1:]
        times = _TIMES.fullmatch(lines[0]) if lines else None
        if times is None:
            shown = block.split("\n")[0][:40]
            raise BadRequestError(
                "bad_text", f"cue {number} ({shown!r}) has no times such as 00:00:01,000 --> 00:00:02,500"
            )
        start_s, end_s = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
        if end_s <= start_s:
            raise BadRequestError("bad_text", f"cue {number} ends at {end_s:g} s and begins at {start_s:g} s")
        words = _STYLE.sub("", " ".join(line.strip() for line in lines[1:])).strip()
        if any(char.isalnum() for char in words):
            cues.append(Cue(start_s, end_s, words))
    return sorted(cues, key=lambda cue: cue.start_s)


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


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _stamp(seconds: float, mark: str) -> str:
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
