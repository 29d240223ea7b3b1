"""A file of subtitles becomes cues: SRT, WebVTT, SBV and tables, as tolerant as players are.

Pure: a text in, cues and warnings out. Every line is a time line, a cue's number, part of a block that is
not for viewers (WEBVTT, NOTE, STYLE, REGION), blank, or words; only words are ever spoken, and words that
belong to no cue are named in a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from f5ctl.brackets import has_words
from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_table import is_table, read_table
from f5ctl.speech.cue_text import Span, has_stamps, plain, spans
from f5ctl.speech.cue_times import EXAMPLE, UNHEARD, Times, is_broken, read_times
from f5ctl.speech.srt import Cue

READING_CHARS_PER_S: Final = 15  # how long a cue without a length may take

_LINE_END: Final = re.compile("\r+\n|[\r\n\v\f\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}]")
_NUMBER: Final = re.compile(r"#?\s?(\d{1,6})\s?[.):]?")
# Cue 12, (12), **12**, 12/40, 1,000
_LABEL: Final = re.compile(r"\W{0,4}(?:[^\W\d_]{1,10}\W{1,2})?(\d{1,3}(?:[.,]\d{3})+|\d{1,6})(?:/\d+)?\W{0,4}")
_BLOCK: Final = re.compile(r"WEBVTT(?:\s.*)?", re.IGNORECASE)
_VTT_BLOCK: Final = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s.*)?|X-TIMESTAMP-MAP=.*")
_FENCE: Final = re.compile(r"```\w*")


@dataclass(frozen=True, slots=True)
class CueFile:
    """What a file says when, by the times that it begins, and what of it is told to the user."""

    cues: list[Cue]
    warnings: list[str]


@dataclass(slots=True)
class _Block:
    """A time line and the lines of words that belong to it."""

    times: Times
    words: list[str] = field(default_factory=list)
    speaker: str | None = None


class _Said(NamedTuple):
    """What is said from when to when, one speaker after the other."""

    start_s: float
    end_s: float
    spans: tuple[Span, ...]

    @property
    def chars(self) -> int:
        return sum(len(span.text) for span in self.spans)


def read_cue_file(text: str) -> CueFile:
    """Return the cues of a file of subtitles, sorted; without styles and without those that say nothing.

    Raises:
        BadRequestError: there is no time line in it.
    """
    found, lost = _table(text) if is_table(text) else _lines(text)
    if not found:
        raise BadRequestError("bad_text", f"there is no cue: no line has times such as {EXAMPLE}")
    rolls = any(map(has_stamps, (line for block in found for line in block.words)))
    blocks = _unrolled(found) if rolls else found
    said = sorted(filter(lambda each: each.spans, map(_said, blocks)), key=lambda each: each.start_s)
    once = list(dict.fromkeys(said))
    cues = [cue for each in _with_lengths(once) for cue in _cues(each)]
    short = [each.start_s for each in once if each.end_s <= each.start_s]
    return CueFile(cues, [*_lost(lost), *_doubled(len(said) - len(once)), *_no_length(short)])


def _lines(text: str) -> tuple[list[_Block], list[str]]:
    reader = _Reader(lines_of(text))
    return reader.blocks, reader.lost


def _table(text: str) -> tuple[list[_Block], list[str]]:
    rows = read_table(text.translate(UNHEARD))
    blocks = [_Block(row.times, row.text.splitlines(), row.speaker) for row in rows if row.times]
    return blocks, [row.text for row in rows if not row.times]


def lines_of(text: str) -> list[str]:
    """Return the lines, whichever way they end, without marks that nobody hears."""
    return [line.strip() for line in _LINE_END.split(text.translate(UNHEARD))]


class _Reader:
    """Sorts lines to blocks; `lost` has words that belong to no cue."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.blocks: list[_Block] = []
        self.lost: list[str] = []
        self._is_vtt = any(map(_BLOCK.fullmatch, lines[:20]))
        self._next = 1  # the number that is due
        lines, times = _singly_spaced(lines, [read_times(line) for line in lines])
        at = {index: found for index, found in enumerate(times) if found}
        names = [lines[index - 1] for index in at if index]
        styles = [style for style in (_NUMBER, _LABEL) if len([*filter(style.fullmatch, names)]) * 2 > len(at)]
        self._is_numbered = bool(styles)
        self._style = styles[0] if styles else _NUMBER
        begin = 0
        for index, found in at.items():
            self._add(lines[begin:index], before_times=True)
            self.blocks.append(_Block(found))
            begin = index + 1
        if self.blocks:
            self._add(lines[begin:], before_times=False)

    def _add(self, lines: Sequence[str], *, before_times: bool) -> None:
        """Give the last block the lines up to the next time line; there may be no block yet."""
        paragraphs = _paragraphs(lines)
        name = None
        if before_times and lines and lines[-1]:  # nothing stands between it and the next time line
            name = self._take_name(paragraphs)
        is_lost = not self.blocks
        for index, paragraph in enumerate(paragraphs):
            if not before_times and index and index == len(paragraphs) - 1:
                is_lost = is_lost or self._is_number(paragraph)  # at the end of the file, without a cue
            is_lost = self._keep(paragraph, is_first=index == 0, is_lost=is_lost)
        number = self._number(name or "")
        self._next = self._next + before_times if number is None else number + 1

    def _take_name(self, paragraphs: list[list[str]]) -> str | None:
        """Take the next cue's number, or its name in WebVTT, off the end of what comes before its times."""
        last = paragraphs[-1]
        if len(last) == 1 and (
            len(paragraphs) > 1 or not self.blocks
        ):  # alone between a blank line and the times
            is_name = bool(_LABEL.fullmatch(last[-1])) or (self._is_vtt and not _BLOCK.fullmatch(last[-1]))
        else:
            number = self._number(last[-1])
            is_all = len(paragraphs) == 1 and len(last) == 1
            is_name = number is not None and (number == self._next or (self._is_numbered and not is_all))
        return last.pop() if is_name else None

    def _keep(self, lines: list[str], *, is_first: bool, is_lost: bool) -> bool:
        """Give a paragraph to the last block or leave it out; return True if what follows is lost as well."""
        if not lines:
            return is_lost
        if not is_first or not self.blocks:
            if _BLOCK.fullmatch(lines[0]) or (self._is_vtt and _VTT_BLOCK.fullmatch(lines[0])):
                return is_lost
            if self._is_due(lines[0]):
                is_lost = is_lost or len(lines) > 1  # a cue without times
                lines = lines[1:]
        for line in lines:
            if not is_lost and is_broken(line):
                is_lost = True
                if self.blocks[-1].words and self._is_due(self.blocks[-1].words[-1]):
                    self.blocks[-1].words.pop()
            (self.lost if is_lost else self.blocks[-1].words).append(line)
        return is_lost

    def _number(self, line: str) -> int | None:
        """Return the number that a line is, in the style of the file."""
        found = self._style.fullmatch(line)
        return int(re.sub("[.,]", "", found[1])) if found else None

    def _is_number(self, lines: list[str]) -> bool:
        return self._is_numbered and len(lines) == 1 and self._number(lines[0]) is not None

    def _is_due(self, line: str) -> bool:
        """Return True, once, for the number that comes after the last one."""
        is_due = self._is_numbered and self._number(line) == self._next
        self._next += is_due
        return is_due


def _singly_spaced(
    lines: Sequence[str], times: Sequence[Times | None]
) -> tuple[Sequence[str], Sequence[Times | None]]:
    """Return the lines without blank ones when every time line is followed by one."""
    following = [lines[index + 1] for index, found in enumerate(times[:-1]) if found]
    if any(following):
        return lines, times
    kept = [index for index, line in enumerate(lines) if line]
    return [lines[index] for index in kept], [times[index] for index in kept]


def _paragraphs(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines between blank ones; the first paragraph is empty when a blank line comes first."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line and not _FENCE.fullmatch(line):
            found[-1].append(line)
        elif found[-1] or len(found) == 1:
            found.append([])
    return found if found[-1] else found[:-1]


def _unrolled(blocks: Iterable[_Block]) -> Iterator[_Block]:
    """Yield captions that roll up (each line is shown again above the next one) with every line once."""
    last = ""
    for block in blocks:
        kept = []
        for line in block.words:
            words = plain(line)
            if words and words != last:
                kept.append(line)
                last = words
        yield _Block(block.times, kept, block.speaker)


def _said(block: _Block) -> _Said:
    words = spans("\n".join([block.times.text, *block.words]))
    named = [Span(span.speaker or block.speaker, span.text) for span in words]
    return _Said(block.times.start_s, block.times.end_s, tuple(named))


def _with_lengths(said: Sequence[_Said]) -> Iterator[_Said]:
    """Yield what is said; what has no length may last until the next one, as long as one needs to read it."""
    starts = sorted({each.start_s for each in said})
    after = dict(pairwise(starts))
    for each in said:
        if each.end_s > each.start_s:
            yield each
        else:
            wanted_s = each.start_s + 1 + each.chars / READING_CHARS_PER_S
            yield each._replace(end_s=min(wanted_s, after.get(each.start_s, wanted_s)))


def _cues(said: _Said) -> Iterator[Cue]:
    """Yield a cue for each speaker, who has a share of the time by the letters."""
    start_s, chars = said.start_s, 0
    for span in said.spans:
        chars += len(span.text)
        end_s = said.start_s + (said.end_s - said.start_s) * chars / said.chars
        yield Cue(start_s, end_s if chars < said.chars else said.end_s, span.text, span.speaker)
        start_s = end_s


def _lost(lines: Sequence[str]) -> list[str]:
    words = list(filter(has_words, lines))
    if not words:
        return []
    count = f"{len(words)} lines that belong" if len(words) > 1 else "a line that belongs"
    shown = ", ".join(repr(line[:40]) for line in words[:3])
    return [f"{count} to no cue with times, left out: {shown}{', ...' if len(words) > 3 else ''}"]


def _doubled(count: int) -> list[str]:
    what = f"{count} cues are" if count > 1 else "a cue is"
    return [f"{what} there twice, and spoken once"] if count else []


def _no_length(starts_s: Sequence[float]) -> list[str]:
    if not starts_s:
        return []
    first = f"the cue at {starts_s[0]:g} s has"
    many = f"{len(starts_s)} cues, the first at {starts_s[0]:g} s, have"
    return [f"{many if len(starts_s) > 1 else first} no length, and may last until the next one begins"]
