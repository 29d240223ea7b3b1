r"""Voice tags and pauses in a text. Pure: a text in, its parts out.

`[town]` gives the word to the voice of that name until the next tag; text before the first tag is
`main`'s, as upstream has it. `[pause 800ms]` is silence. A bracket that is meant as one is written `\[`;
the daemon takes the backslash off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from f5ctl.durations import parse_duration
from f5ctl.errors import BadRequestError

MAIN: Final = "main"
MAX_PAUSE_S: Final = 600.0

_MARK: Final = re.compile(r"\\[\[\]]|\[pause\b([^\]]*)\]|\[(\w[\w.-]*)\]")
_PARAGRAPH_END: Final = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Words:
    """A text that one voice says."""

    voice: str
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds in which nobody speaks."""

    duration_s: float


Part: TypeAlias = Words | Pause


def parse_script(text: str, *, paragraph_pause_s: float = 0.0) -> list[Part]:
    """Return the parts of a text in order; words without a letter or digit are left out.

    `paragraph_pause_s` of silence stands between paragraphs, in which a blank line ends.

    Raises:
        BadRequestError: a pause without a duration.
    """
    parts: list[Part] = []
    voice, begin = MAIN, 0
    text = text.replace("\r\n", "\n")
    for mark in _MARK.finditer(text):
        if mark[0].startswith("\\"):
            continue
        parts.extend(_words(voice, text[begin : mark.start()], paragraph_pause_s))
        begin = mark.end()
        if mark[2] is not None:
            voice = mark[2]
        else:
            parts.append(Pause(pause_s(mark[0], mark[1].strip(" :\t\n"))))
    parts.extend(_words(voice, text[begin:], paragraph_pause_s))
    while paragraph_pause_s and parts and parts[-1] == Pause(paragraph_pause_s):
        parts.pop()  # the end of the text is no end of a paragraph
    return parts


def pause_s(where: str, value: str) -> float:
    """Return the seconds that `value` means, 800ms or 1.5s; BadRequestError names `where` it stands."""
    try:
        seconds = parse_duration(value)
    except ValueError:
        raise BadRequestError("bad_text", f"{where}: a pause needs a duration such as 800ms or 1.5s") from None
    if seconds > MAX_PAUSE_S:
        raise BadRequestError("bad_text", f"{where}: the longest pause is {MAX_PAUSE_S:.0f} s")
    return seconds


def _words(voice: str, text: str, paragraph_pause_s: float) -> Iterator[Part]:
    paragraphs = _PARAGRAPH_END.split(text) if paragraph_pause_s else [text]
    for index, paragraph in enumerate(paragraphs):
        if index:
            yield Pause(paragraph_pause_s)
        if any(char.isalnum() for char in paragraph):
            yield Words(voice, paragraph.strip())
