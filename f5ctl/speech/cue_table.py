"""Tables of cues, as spreadsheets, recognisers and audio editors write them. Pure.

A header names the columns (start, end, text, perhaps who speaks), or there is none and the first lines have
two times in columns beside each other, and words behind them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_times import Times, read_clock

_SEPARATORS: Final = "\t;,"
_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "start": frozenset({"start", "begin", "in", "from", "show", "tc in", "inicio", "início", "entrada"}),
    "end": frozenset({"end", "stop", "out", "to", "hide", "tc out", "fim", "final", "saida", "saída"}),
    "text": frozenset({"text", "subtitle", "subtitles", "caption", "dialogue", "dialog", "texto", "legenda"}),
    "speaker": frozenset({"speaker", "voice", "actor", "character", "role", "voz", "personagem"}),
}
_UNIT: Final = re.compile(r"\b(?:in )?\(?(milliseconds|ms|seconds|sec|s)\)?\Z")
_EXTRA: Final = re.compile(r"\b(?:time|timecode|code|tempo)\b")
_LOOKED_AT_CHARS: Final = 2000
_LOOKED_AT: Final = 3  # lines; those between labels that begin with a backslash say which band of sound
_WHISPER: Final = "start\tend\ttext"  # whole numbers under it are milliseconds


@dataclass(frozen=True, slots=True)
class Row:
    """A cue of a table; `times` is None where its cells are no times."""

    times: Times | None
    text: str
    speaker: str | None = None


@dataclass(slots=True)
class _Columns:
    """Which column is what, and how many seconds its numbers count."""

    places: dict[str, int] = field(default_factory=dict)
    units_s: dict[str, float] = field(default_factory=dict)
    has_header: bool = True


def is_table(text: str) -> bool:
    """Return True for a text that begins as a table of cues does."""
    return _shape(_body(text)) is not None


def read_table(text: str) -> list[Row]:
    """Return the rows of a table of cues, in order; blank ones are left out.

    Raises:
        BadRequestError: its quotes do not match.
    """
    body = _body(text)
    shape = _shape(body)
    if shape is None:
        return []
    separator, columns = shape
    rows = [row for row in _cells(body, separator) if row and not row[0].startswith("\\")]
    if columns.has_header:
        rows = rows[1:]
    if body.startswith(_WHISPER) and all(cell.isdecimal() for row in rows for cell in row[:2]):
        columns.units_s.update(start=0.001, end=0.001)
    return list(_rows((row for row in rows if any(map(str.strip, row))), columns))


def _body(text: str) -> str:
    """Return the text from its first line on; Excel may tell the separator before it."""
    return re.sub(r"\Asep=.\s+", "", text.lstrip("\ufeff \r\n"))


def _shape(body: str) -> tuple[str, _Columns] | None:
    """Return the separator and the columns of a table, None for a text that is none."""
    lines = [line for line in body[:_LOOKED_AT_CHARS].splitlines()[:_LOOKED_AT] if not line.startswith("\\")]
    return (_header(lines[0]) or _unnamed(lines[:2])) if lines else None


def _unnamed(lines: Sequence[str]) -> tuple[str, _Columns] | None:
    """Return the shape of lines that have two times beside each other, at the same place."""
    for separator in _SEPARATORS:
        rows = [next(csv.reader([line], delimiter=separator), []) for line in lines]
        width = min(map(len, rows))
        for place in range(width - 2):
            cells = [cell.strip() for row in rows for cell in row[place : place + 2]]
            if all(cell.count(":") >= 2 or separator == "\t" for cell in cells) and None not in map(
                read_clock, cells
            ):
                columns = _Columns({"start": place, "end": place + 1, "text": place + 2}, has_header=False)
                return separator, columns
    return None


def _cells(body: str, separator: str) -> list[list[str]]:
    """Return the cells of a table; between tabs quotes may be words' own."""
    try:
        return list(csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        if separator == "\t":
            return [line.split("\t") for line in body.splitlines()]
        raise BadRequestError("bad_text", f"the table of cues is not CSV: {error}") from None


def _header(line: str) -> tuple[str, _Columns] | None:
    """Return the separator and the columns of a header, None for a line that is none."""
    for separator in _SEPARATORS:
        names = [cell.strip(' "').casefold().replace("_", " ") for cell in line.split(separator)]
        columns = _Columns()
        for place, name in enumerate(names):
            unit = _UNIT.search(name)
            bare = " ".join(_EXTRA.sub("", name[: unit.start()] if unit else name).split())
            kind = next((kind for kind, known in _COLUMNS.items() if bare in known), None)
            if kind and kind not in columns.places:
                columns.places[kind] = place
                columns.units_s[kind] = 0.001 if unit and unit[1].startswith("m") else 1.0
        if columns.places.keys() >= {"start", "end", "text"}:
            return separator, columns
    return None


def _rows(cells: Iterable[Sequence[str]], columns: _Columns) -> Iterator[Row]:
    for row in cells:
        text, speaker = _cell(row, columns, "text"), _cell(row, columns, "speaker")
        ends = [
            _seconds(_cell(row, columns, kind), columns.units_s.get(kind, 1.0)) for kind in ("start", "end")
        ]
        start_s, end_s = ends
        times = None if start_s is None or end_s is None else Times(start_s, end_s)
        yield Row(times, text, speaker or None)


def _cell(row: Sequence[str], columns: _Columns, kind: str) -> str:
    place = columns.places.get(kind, len(row))
    return row[place].strip() if place < len(row) else ""


def _seconds(cell: str, unit_s: float) -> float | None:
    """Return the seconds of a cell: a clock's time, or a number of `unit_s`."""
    if re.fullmatch(r"\d{1,9}", cell):
        return round(int(cell) * unit_s, 3)
    seconds = read_clock(cell)
    return seconds if seconds is None or ":" in cell else round(seconds * unit_s, 3)
