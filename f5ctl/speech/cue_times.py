"""Time lines of subtitles, as programs, translators and people write them. Pure: a line in, seconds out.

Read are SRT's and WebVTT's lines, SBV's (a comma between two times), and what recognisers print
(`[00:00.000 --> 00:02.500] Hello.`); with spaces, full-width colons, marks of direction, arrows of any
kind, a cue's number before them, coordinates or the text behind them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

EXAMPLE: Final = "00:00:01,000 --> 00:00:02,500"

# What no one hears: byte order marks, directions. U+200C and U+200D belong to letters.
UNHEARD: Final = dict.fromkeys(
    [0x0, 0x1A, 0xAD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)

_HEAD_CHARS: Final = 500  # in which a line's times stand, if it has any
_FRAMES_PER_S: Final = 25  # of hours:minutes:seconds:frames
_DASHES: Final = "-\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}\N{NON-BREAKING HYPHEN}="
_HEADS: Final = "(?:>|&(?:amp;)?gt;){1,2}"
_ARROW: Final = rf"(?:[{_DASHES}]\s?){{1,3}}{_HEADS}|[→⟶⇒⟹➔➜➡]"
_MARK: Final = r"\s{0,2}[:.,;]\s{0,2}"
_CLOCK: Final = rf"-?\d{{1,3}}(?:{_MARK}\d{{1,9}}){{1,3}}"
_ONE: Final = re.compile(_CLOCK)
_TIMES: Final = re.compile(
    rf"\s*(?:[-*>•]\s+)?(?:#?\d{{1,6}}[.):]?\s+)?(?P<open>[\[(])?\s*(?P<start>{_CLOCK})s?"
    rf"\s*(?P<between>{_ARROW}|>{{1,2}}|to|[,;]|[-\N{{EN DASH}}\N{{EM DASH}}]{{1,2}})\s*"
    rf"(?P<end>{_CLOCK})s?\s*(?P<close>[\])])?(?P<rest>(?<=[\])]).*|\s.*|)"
)
_SETTING: Final = re.compile(r"[A-Za-z]\w*:\S+")  # align:start, X1:100
_SETTINGS: Final = re.compile(r"\A(?:(?:align|line|position|region|size|vertical|[XY][12]):\S+\s+)+")
_ANY_ARROW: Final = re.compile(rf"[{_DASHES}]\s?{_HEADS}|[→⟶⇒⟹]")
_LONG_ARROW: Final = re.compile(rf"(?:--|[\N{{EN DASH}}\N{{EM DASH}}])\s?{_HEADS}")
_FULL_CLOCK: Final = re.compile(r"\d{1,3}:\d\d:\d\d")
_PLAIN: Final = str.maketrans("：；，．＞", ":;,.>")
_QUOTES: Final = str.maketrans("", "", "\"'*_`")  # as Markdown and spreadsheets put them round cells


@dataclass(frozen=True, slots=True)
class Times:
    """When a cue begins and ends, in seconds, and the words that stand on the same line."""

    start_s: float
    end_s: float
    text: str = ""


def read_times(line: str) -> Times | None:
    """Return the times of a time line, None for any other line."""
    plain = line[:_HEAD_CHARS].translate(_PLAIN)
    match = _TIMES.fullmatch(plain) or _TIMES.fullmatch(plain.translate(_QUOTES))
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    start, end, rest = (
        _split(match["start"]),
        _split(match["end"]),
        (match["rest"] + line[_HEAD_CHARS:]).strip(),
    )
    if not _ANY_ARROW.search(match["between"]) and not (_is_full(start) and _is_full(end) and not rest):
        return None  # 12:30 - 13:45 is text, 0:00:01.000,0:00:02.500 is not
    if len(start[0]) == 2 and not (match["open"] or match["between"].startswith("--")):
        return None  # 3.5 -> 4.5 is text, 3.5 --> 4.5 is not
    settings = all(map(_SETTING.fullmatch, rest.split()))
    return Times(_seconds(start), _seconds(end), "" if settings else _SETTINGS.sub("", rest))


def read_clock(text: str) -> float | None:
    """Return the seconds of one time as cues have it, 10:00:00,500; None for anything else."""
    plain = text.strip().translate(_PLAIN)
    return _seconds(_split(plain)) if _ONE.fullmatch(plain) else None


def is_broken(line: str) -> bool:
    """Return True for a line that was meant to be a time line and cannot be read."""
    if len(line) > _HEAD_CHARS or ":" not in line or sum(map(str.isalpha, line)) > 4:
        return False
    return bool(_FULL_CLOCK.search(line)) or (
        bool(_LONG_ARROW.search(line)) and sum(map(str.isdigit, line)) >= 2
    )


_Clock = tuple[list[str], str]  # its numbers, the marks between them


def _split(clock: str) -> _Clock:
    return re.split(_MARK, clock.strip()), "".join(re.findall("[:.,;]", clock))


def _is_full(clock: _Clock) -> bool:
    """Return True for hours, minutes, seconds and a fraction."""
    return len(clock[0]) == 4


def _seconds(clock: _Clock) -> float:
    """Return the seconds; what is before the beginning is at the beginning."""
    numbers, marks = list(clock[0]), clock[1]
    minus = numbers[0].startswith("-")
    fraction = 0.0
    if _has_fraction(numbers, marks):
        last = numbers.pop()
        is_frames = marks[-1] in ":;" and len(last) == 2
        fraction = min(int(last) / _FRAMES_PER_S, 0.999) if is_frames else int(last) / 10 ** len(last)
    whole = 0
    for number in numbers:
        whole = whole * 60 + abs(int(number))
    return 0.0 if minus else round(whole + fraction, 3)


def _has_fraction(numbers: list[str], marks: str) -> bool:
    """Return True when the last number is no minutes and no seconds."""
    if len(numbers) == 3:  # 00:00:02 is hours, 00:02.500 and 00:02:500 are minutes
        return marks[0] != marks[1] or len(numbers[2]) >= 3
    return len(numbers) == 4 or marks != ":"
