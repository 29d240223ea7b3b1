"""How everything is printed for a person or a script: lines, JSON, tables, sizes and lengths of time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from f5ctl.speech.sinks import writing


def emit(text: str, *, to_stderr: bool = False) -> None:
    """Print `text` and a newline as UTF-8, whatever the locale.

    Raises:
        ReaderGoneError: the reader of the pipe is gone.
        OutputError: it could not be written (74).
    """
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
    line = f"f5ctl: warning: {printable(text)}"
    if tell:
        tell(line)
    else:
        emit(line, to_stderr=True)


def printable(text: str) -> str:
    """Return a text that may come from anywhere without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def emit_json(answer: Any, *, to_stderr: bool = False) -> None:
    """Print `answer` as one line of JSON."""
    import json

    emit(json.dumps(answer, ensure_ascii=False), to_stderr=to_stderr)


def emit_table(header: list[str], rows: list[list[str]]) -> None:
    """Print rows under their header, the columns aligned and at least two spaces apart."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        emit("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
