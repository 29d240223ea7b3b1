"""The records of a manifest: each shape that one can have becomes fields by name, or the reason why not. Pure.

A record that cannot be read spoils no other one: it comes with its `fault`. Only what spoils all of them, such
as a header without a column `text`, is an error.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import click

from f5ctl.batch.fields import NOTES, meant, spelt
from f5ctl.batch.shapes import (
    CALLED,
    DELIMITERS,
    Style,
    cells_of,
    delimiter_of,
    names_of,
    sep_line,
    with_plain_ends,
)
from f5ctl.errors import BadRequestError

_SPACE: Final = re.compile(r"[\s,]*")
_Row: TypeAlias = tuple[int, int, "list[str] | str"]  # line, row of the sheet, cells or what is wrong with them
_NOT_JSON: Final = 'is not a JSON object such as {"text": "Hello."}'


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in line `place` of the file: fields by their names, or as `raw` what has none, and why.

    `also` is its place as a person counts it, where that is another number: "row 4" of a sheet, "item 2" of an
    array.
    """

    place: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""  # goes on after "line 7 of a.csv"
    raw: str = ""
    also: str = ""


def records(style: Style, text: str, name: str, warn: Callable[[str], None]) -> Iterator[Record]:
    """Yield the records of the manifest with the content `text`; `warn` is told what was left out.

    Raises:
        BadRequestError: nothing of it can be read; the message names the place.
    """
    if style in ("csv", "tsv"):
        yield from _table(text, name, warn, "\t" if style == "tsv" else delimiter_of(text))
        return
    text = with_plain_ends(text)
    if style == "json":
        yield from _json(text, name)
    elif style == "ljspeech":
        yield from _names(text, name)
    else:
        for place, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield Record(place, {"text": line.strip()}) if style == "lines" else _json_line(place, line)


def _json_line(place: int, line: str) -> Record:
    try:
        return _record(place, json.loads(line, object_pairs_hook=_object), line)
    except (ValueError, RecursionError) as error:
        return Record(place, fault=f"is not JSON: {_told(error)}", raw=line)


def _json(text: str, name: str) -> Iterator[Record]:
    """Yield the objects of an array, or one object after the other, whatever lines they are on."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    start = _SPACE.match(text)
    at = start.end() if start else 0
    inside = text[at : at + 1] == "["
    place, counted = 1, 0
    at += inside
    for item in itertools.count(1):
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at >= len(text) or (inside and text[at] == "]"):
            break
        place, counted = place + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _wrong(name, place, f"is not JSON: {_told(error)}") from None
        yield replace(_record(place, value, text[at:end]), also=f"item {item}" if item != place else "")
        at = end
    if inside and (at >= len(text) or text[at + 1 :].strip()):
        raise _wrong(name, place, "is not JSON: its array ends too early, or not at all")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _value in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r:.80} twice")
    return fields


def _record(place: int, value: Any, raw: str) -> Record:
    if not isinstance(value, dict):
        return Record(place, fault=_NOT_JSON, raw=raw)
    noted = value.keys() >= NOTES  # of the list of failed lines
    try:
        names = spelt(key for key in value if not (noted and key in NOTES))
    except click.UsageError as error:
        return Record(place, value, error.message)
    blank = (None, "")
    return Record(place, {names[key]: one for key, one in value.items() if key in names and one not in blank})


def _table(text: str, name: str, warn: Callable[[str], None], delimiter: str) -> Iterator[Record]:
    """Yield the rows below the header."""
    rows = _rows(text, delimiter)
    place, _number, header = next(rows, (1, 1, []))
    if isinstance(header, str):
        raise _wrong(name, place, header)
    names = _header(header, name, place, delimiter)
    for number, column in enumerate(names, 1):
        if not column:
            warn(f"column {number} of {name} has no name; it is left out")
    for place, number, row in rows:
        also = "" if number == place else f"row {number}"
        if isinstance(row, str):
            yield Record(place, fault=row, also=also)
            continue
        cells = {key: cell.strip() for key, cell in zip(names, row, strict=False) if key and cell.strip()}
        if any(cell.strip() for cell in row[len(names) :]):
            count = max(number for number, cell in enumerate(row, 1) if cell.strip())
            told = f"has {count} cells; the header has {len(names)}"
            fault = f"{told} (a text with {CALLED[delimiter]} in it needs quotation marks)"
            yield Record(place, cells, fault, delimiter.join(row), also)
            continue
        yield Record(place, cells, also=also)


def _header(header: Sequence[str], name: str, place: int, delimiter: str) -> list[str]:
    """Return the column names, "" for one without a name; those at the end are left out."""
    cells = [cell.strip() for cell in header]
    while cells and not cells[-1]:
        del cells[-1]
    try:
        fields = spelt(filter(None, cells))
    except click.UsageError as error:
        raise _wrong(name, place, f"is the header; {error.message}") from None
    named = [cell for cell in cells if cell]
    if "text" not in fields.values() or len(set(named)) < len(named):
        told = ", ".join(f"{cell!r:.40}" for cell in named[:8]) if delimiter in DELIMITERS else ""
        like = next((cell for cell in named if meant(cell, ()) == "text"), None)
        hint = f"; is {like!r:.40} the text? Then name it text" if like else ""
        line = f"is the header; it needs a column text, and no column twice; it has {told or 'none'}{hint}"
        raise _wrong(name, place, line)
    return [fields.get(cell, "") for cell in cells]


def _rows(text: str, delimiter: str) -> Iterator[_Row]:
    """Yield every row that is not empty.

    Where `|` or tabs part the cells, many programs mean a quotation mark as it stands.
    """
    skipped = 1 if sep_line(text) else 0
    quoted = list(_parsed(text, skipped, delimiter, csv.QUOTE_MINIMAL))
    if delimiter in "|\t" and any(isinstance(row, str) for _place, _number, row in quoted):
        plain = list(_parsed(text, skipped, delimiter, csv.QUOTE_NONE))
        if plain and all(len(row) <= len(plain[0][2]) for _place, _number, row in plain):
            return iter(plain)
    return iter(quoted)


def _parsed(text: str, skipped: int, delimiter: str, quoting: int) -> Iterator[_Row]:
    reader = cells_of(text, delimiter, quoting=quoting, strict=True)
    place, number = 1, 1 - skipped
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield place, number, f"is not CSV: {error}"
        else:
            if place > skipped and any(cell.strip() for cell in row):
                yield place, number, row
        place, number = reader.line_num + 1, number + 1


def _names(text: str, name: str) -> Iterator[Record]:
    """Yield the lines of a list of `name|text`; of three cells the last one is said."""
    lines = text.split("\n")
    layout = names_of([line for line in lines if line.strip()], name)
    delimiter, count = layout or ("|", 2)
    for place, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(delimiter)]
        if not line.strip():
            continue
        if len(cells) != count:
            told = f"has {len(cells)} cell{'s' * (len(cells) > 1)}; the others have {count}"
            yield Record(place, fault=told, raw=line)
        else:
            yield Record(place, {"output": cells[0], "text": cells[-1]})


def _told(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _wrong(name: str, place: int, what: str) -> BadRequestError:
    return BadRequestError("bad_text", f"line {place} of {name} {what}")
