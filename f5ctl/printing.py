"""How everything is printed for a person or a script: lines, JSON, tables, sizes and lengths of time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from f5ctl.printable import printable
from f5ctl.speech.sinks import writing


def emit(line: str, *, to_stderr: bool = False) -> None:
    """Print one line for a person, as UTF-8 whatever the locale, and nothing that a terminal would obey.

    Raises:
        ReaderGoneError: the reader of the pipe is gone.
        OutputError: it could not be written (74).
    """
    emit_exactly(printable(line), to_stderr=to_stderr)


def emit_lines(text: str, *, to_stderr: bool = False) -> None:
    """Print a text of several lines for a person, as `emit` does."""
    for line in text.split("\n"):
        emit(line, to_stderr=to_stderr)


def emit_exactly(text: str, *, to_stderr: bool = False) -> None:
    """Print what a program reads, and a newline; raises as `emit` does."""
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:
        return
    with writing("the answer"):
        stream.flush()
        stream.buffer.write(text.encode(errors="replace") + b"\n")
        stream.buffer.flush()


def warn(text: str, *, quiet: bool = False, tell: Callable[[str], None] | None = None) -> None:
    """Print a warning on stderr unless `quiet`; `tell` prints it where a plain line would be in the way."""
    if quiet:
        return
    if tell:
        tell(f"f5ctl: warning: {text}")
        return
    from f5ctl.colour import coloured

    emit_exactly(f"f5ctl: {coloured('warning:', 'yellow', sys.stderr)} {printable(text)}", to_stderr=True)


def emit_json(answer: Any, *, to_stderr: bool = False) -> None:
    """Print `answer` as one line of JSON, in which what a terminal would obey is escaped."""
    import json

    line = json.dumps(answer, ensure_ascii=False)
    if not line.isprintable():
        line = "".join(char if char.isprintable() else _escaped(char) for char in line)
    emit_exactly(line, to_stderr=to_stderr)


def _escaped(char: str) -> str:
    """Return a character as JSON's escape, of two halves beyond the first 65,536."""
    units = char.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def emit_table(
    header: list[str], rows: list[list[str]], colours: Callable[[str], str] = lambda cell: cell
) -> None:
    """Print rows under their header, the columns aligned and at least two spaces apart.

    `colours` returns a cell in colour.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = (colours(cell) + " " * (width - len(cell)) for cell, width in zip(row, widths, strict=True))
        emit_exactly("  ".join(cells).rstrip())


def size(count_bytes: Any) -> str:
    """Return a number of bytes for people: 1.6 GB."""
    if not isinstance(count_bytes, (int, float)) or count_bytes <= 0:
        return "-"
    scaled = float(count_bytes)
    for unit in ("B", "kB", "MB"):
        if scaled < 1000:
            return f"{scaled:.0f} {unit}"
        scaled /= 1000
    return f"{scaled:.1f} GB"


def duration(seconds: float) -> str:
    """Return a length of time for people, in its two largest units at most: 1 h 20 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
