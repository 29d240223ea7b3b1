"""Which shape a manifest has, by its name and its content: no table is ever spoken as lines. Pure.

A name that says nothing (`.txt`, a pipe) leaves it to the content. What looks like no shape that is read here
is refused with the reason; `--as` overrides all of it.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from f5ctl.batch.outputs import SUFFIXES
from f5ctl.errors import BadRequestError

Style = Literal["jsonl", "json", "csv", "tsv", "ljspeech", "lines"]
STYLES: Final[tuple[Style, ...]] = ("jsonl", "json", "csv", "tsv", "ljspeech", "lines")
DELIMITERS: Final = (",", ";", "\t", "|")
CALLED: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}

_BY_SUFFIX: Final[dict[str, Style]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",  # a table; what parts its cells is looked for
    ".tab": "csv",
}
_SHEET: Final = "a spreadsheet; save its table as CSV (UTF-8)"
_MARKUP: Final = "no manifest; use JSON lines, CSV or one text a line"
_SUBTITLES: Final = "subtitles; f5ctl say -f speaks .srt"
_REFUSED: Final = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".srt", ".vtt", ".ass", ".ssa"), _SUBTITLES),
    **dict.fromkeys((".xml", ".html", ".htm", ".ssml", ".yaml", ".yml", ".toml", ".ini"), _MARKUP),
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".epub", ".pdf"), _MARKUP),
}
_OTHERS: Final = (
    (re.compile(r"WEBVTT\b|\d+[ \t]*\n\d+:\d\d:\d\d[,.]\d"), _SUBTITLES),
    (re.compile(r"<(\?xml|!doctype|html|speak)\b", re.IGNORECASE), _MARKUP),
)
_JSON: Final = re.compile(r"\s*(\[\s*)?\{\s*(\"|\}\s*$)", re.MULTILINE)
_COLUMN: Final = re.compile(r"[^\W\d][\w .-]{0,39}")
_SEP_LINE: Final = re.compile(r'"?sep=(.|\\t)"?(?=[\r\n]|$)', re.IGNORECASE)
_SAMPLE: Final = 1000  # lines that tell the shape of all
_HINT: Final = "(--as lines speaks it line by line)"


class Names(NamedTuple):
    """How a list of `name|text` is written: what parts its cells, and how many there are in each line."""

    delimiter: str
    cells: int


def style_of(path: str, text: str, name: str) -> Style:
    """Return the shape of the manifest with the content `text`; `name` is the file's, for errors.

    Raises:
        BadRequestError: it has none that is read here.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix in _REFUSED:
        raise BadRequestError("bad_text", f"{name} is {_REFUSED[suffix]}")
    text = with_plain_ends(text)
    by_suffix = _BY_SUFFIX.get(suffix)
    if by_suffix in ("json", "jsonl") or (by_suffix is None and _JSON.match(text)):
        return _json_style(text)
    lines = [line for line in text.split("\n") if line.strip()]
    if by_suffix == "csv":
        return "ljspeech" if not has_header(text) and names_of(lines, name) else "csv"
    for pattern, what in _OTHERS:
        if pattern.match(text.lstrip()):
            raise BadRequestError("bad_text", f"{name} is {what} {_HINT}")
    if _is_table(lines):
        return "csv"
    return "ljspeech" if names_of(lines, name) else "lines"


def has_header(text: str) -> bool:
    """Return True when the first line of a table names a column `text`."""
    lines = [line for line in text[: 2**16].split("\n") if line.strip(" \t;,|")]
    first = lines[1:2] if lines and sep_line(lines[0]) else lines[:1]
    return any("text" in _columns(line, delimiter) for line in first for delimiter in DELIMITERS)


def delimiter_of(text: str) -> str:
    """Return what parts the cells of a table: its `sep=` line says it, else its header and rows agree on it."""
    named = sep_line(text)
    if named:
        return named
    scores: dict[str, tuple[bool, int, int, int]] = {}
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in cells_of(text[: 2**20], delimiter) if any(row)]
        except csv.Error:
            continue
        if rows:
            cells = sum(bool(cell.strip()) for cell in rows[0])
            misfits = sum(len(row) > len(rows[0]) for row in rows[1:])
            scores[delimiter] = "text" in _spelt(rows[0]), cells if cells > 1 else 0, -misfits, len(rows[0])
    return max(scores, key=lambda delimiter: scores[delimiter], default=",")


def sep_line(text: str) -> str:
    """Return the delimiter that Excel's first line `sep=;` names, "" without such a line."""
    match = _SEP_LINE.match(text)
    return match[1].replace("\\t", "\t") if match else ""


def names_of(lines: Sequence[str], name: str) -> Names | None:
    """Return how `lines` are a list of `name|text`, None when they are not.

    Raises:
        BadRequestError: they are nearly one, or one whose columns cannot be told.
    """
    for delimiter in ("|", "\t", ";", ","):
        rows = [line.split(delimiter) for line in lines[:_SAMPLE]]
        files = [len(row) > 1 and row[0].strip().lower().endswith(SUFFIXES) for row in rows]
        bare = [len(row) > 1 and re.fullmatch(r"\S{1,200}", row[0]) is not None for row in rows]
        both = [one or other for one, other in zip(files, bare, strict=True)]
        sure = delimiter in "|\t"  # the others stand in sentences too
        if sum(both if sure else files) * 2 > len(rows):
            return _names(rows, delimiter, name)
        if sure and any(files):
            like = lines[files.index(True)]
            fault = f"{name} has lines of a name and a text among others, such as {like!r:.60} {_HINT}"
            raise BadRequestError("bad_text", fault)
    return None


def _names(rows: list[list[str]], delimiter: str, name: str) -> Names:
    counts = [len(row) for row in rows if len(row) > 1]
    cells = max(set(counts), key=counts.count)
    called = CALLED[delimiter]
    what = f"{name} looks like a table without a header, its cells parted by {called}"
    if delimiter == ",":
        raise BadRequestError("bad_text", f"{what}; put a line such as output,text above it {_HINT}")
    if cells == 2:
        return Names(delimiter, cells)
    middles = [row[1].strip() for row in rows if len(row) == cells]
    if cells == 3 and any(re.search(r"\s", middle) for middle in middles):
        return Names(delimiter, cells)  # LJSpeech: the text as written, and as it is said
    wanted = delimiter.join(
        ("output", "voice", "text") if cells == 3 else ("output", "voice", "language", "text")
    )
    raise BadRequestError(
        "bad_text", f"{what}, {cells} a line; put a header such as {wanted!r} above it {_HINT}"
    )


def _json_style(text: str) -> Style:
    """Return jsonl when most lines are objects, else json: an array, or objects of several lines each."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    whole = sum(line.startswith("{") and line.endswith("}") for line in lines)
    return "jsonl" if not text.lstrip().startswith("[") and whole * 2 > len(lines) - 1 else "json"


def _is_table(lines: Sequence[str]) -> bool:
    """Return True when the first line is the header of what follows."""
    if len(lines) < 2:
        return False
    if sep_line(lines[0]) or lines[0].strip() in ("text", '"text"'):
        return True
    for delimiter in DELIMITERS:
        cells = [cell.strip().strip('"') for cell in lines[0].split(delimiter)]
        named = [cell for cell in cells if cell]
        plain = len(named) > 1 and all(_COLUMN.fullmatch(cell) for cell in named)
        if plain and "text" in _spelt(named) and delimiter in lines[1]:
            return True
    return False


def _columns(line: str, delimiter: str) -> set[str]:
    try:
        return _spelt([cell for row in csv.reader([line], delimiter=delimiter) for cell in row])
    except csv.Error:
        return set()


def with_plain_ends(text: str) -> str:
    """Return a text whose lines end with a line feed, whatever they ended with."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def cells_of(text: str, delimiter: str, **dialect: Any) -> Any:
    """Return csv's reader of a table whose lines end in whichever way."""
    csv.field_size_limit(2**31 - 1)  # a text may be longer than csv's own limit of 128 KiB
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **dialect)


def _spelt(cells: Sequence[str]) -> set[str]:
    return {cell.strip().casefold() for cell in cells}
