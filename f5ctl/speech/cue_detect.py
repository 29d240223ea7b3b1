"""Whether a text holds subtitles, by its name and by what is in it. Pure.

What is subtitles in a format that is not read is refused here, since it would be spoken with its times.
"""

from __future__ import annotations

import os
import re
from typing import Final

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_table import is_table
from f5ctl.speech.cue_times import UNHEARD, read_times

READ: Final = (".srt", ".vtt", ".sbv")

_START_CHARS: Final = 2000
_SHARE: Final = 8  # a cue has at most so many lines, its blank ones not counted
_HEADER: Final = re.compile(r"WEBVTT(?:\s|\Z)", re.IGNORECASE)
_NUMBER: Final = re.compile(
    r"\W{0,4}(?:[^\W\d_]{1,10}\W{1,2})?\d{1,6}(?:[.,/]\d{1,6})?\W{0,4}"
)  # 1, Cue 1, 1/40
_LINE_END: Final = re.compile("[\r\n\v\f\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}]+")
_FFMPEG: Final = "ffmpeg -i {name} {stem}.srt"
_EDITOR: Final = "Subtitle Edit"

# The name of a format, what writes .srt of it, its suffixes, how a file of it begins.
_FOREIGN: Final = (
    ("Advanced SubStation", _FFMPEG, ".ass .ssa", r"\[Script Info\]"),
    ("TTML", _EDITOR, ".ttml .dfxp .itt", r"(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?<(?:\w+:)?tt[\s>]"),
    ("SAMI", _FFMPEG, ".smi .sami", r"<SAMI\b"),
    ("MicroDVD", _FFMPEG, ".sub", r"\{\d+\}\{\d*\}.*\s+\{\d+\}\{\d*\}"),
    ("MPL2", _FFMPEG, ".mpl .mpl2", r"\[\d+\]\[\d+\].*\s+\[\d+\]\[\d+\]"),
    (
        "LRC",
        _FFMPEG,
        ".lrc",
        r"(?:\[[a-z]+:[^\]\n]*\]\s*)*\[\d{1,3}:\d\d[.:]\d{1,3}\].*\s+\[\d{1,3}:\d\d[.:]\d{1,3}\]",
    ),
    ("Scenarist captions", _FFMPEG, ".scc", r"Scenarist_SCC\b"),
    ("EBU STL", _EDITOR, ".stl", r"\d{3}STL\d\d\.\d\d"),
    (
        "JSON",
        "whisper --output_format srt",
        "",
        r'(?:\[\s*)?\{\s*(?=")[^{\[]{0,1500}"(?:segments|start|chunks|timestamp)"\s*:',
    ),
    ("a set of pictures", _EDITOR, ".idx .sup", r"# VobSub index file"),
)
_BEGINNINGS: Final = tuple(re.compile(begins, re.IGNORECASE) for *_, begins in _FOREIGN)


def is_named_cues(name: str | None) -> bool:
    """Return True for the name of a file of subtitles that can be read."""
    return _suffix(name) in READ


def looks_like_cues(text: str) -> bool:
    """Return True for a text that begins as subtitles do, or of which a good part is time lines."""
    if begins_as_cues(text):
        return True
    lines = _lines(text)
    count = sum(1 for line in lines if (line[0].isdigit() or line[0] in "[(#-") and read_times(line))
    return count >= 2 and count * _SHARE >= len(lines)


def is_read_whole(text: str) -> bool:
    """Return True for the beginning of subtitles of any kind, which cannot be spoken before their end."""
    return begins_as_cues(text) or any(begins.match(_start(text)) for begins in _BEGINNINGS)


def begins_as_cues(text: str) -> bool:
    """Return True for a text that begins with WebVTT's or a table's header, or a time line.

    A number may come before that.
    """
    if is_table(_start(text)):
        return True
    lines = _lines(text[:_START_CHARS])
    first = 1 if lines and _NUMBER.fullmatch(lines[0]) else 0
    return bool(lines) and (bool(_HEADER.match(lines[0])) or any(map(read_times, lines[first : first + 1])))


def holds_cues(text: str, name: str | None = None) -> bool:
    """Return True for subtitles that are read, by what is in them or by their name.

    Raises:
        BadRequestError: they are subtitles in another format; the line says what converts them.
    """
    if looks_like_cues(text):
        return True
    _refuse_others(text, name)
    return is_named_cues(name)


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, _LINE_END.split(text.translate(UNHEARD))) if line]


def _refuse_others(text: str, name: str | None) -> None:
    start, suffix = _start(text), _suffix(name)
    for (format_, converter, suffixes, _), begins in zip(_FOREIGN, _BEGINNINGS, strict=True):
        if begins.match(start) or (suffix and suffix in suffixes.split()):
            shown = name if name and name != "-" else "FILE"
            remedy = converter.format(name=shown, stem=os.path.splitext(shown)[0])
            line = f"subtitles in {format_} are not read; make .srt of them first, for example with: {remedy}"
            raise BadRequestError("bad_text", line)


def _start(text: str) -> str:
    return text[: 2 * _START_CHARS].translate(UNHEARD).lstrip()[:_START_CHARS]


def _suffix(name: str | None) -> str:
    return os.path.splitext(name or "")[1].lower()
