"""The lines that docs/troubleshooting.md explains are lines that the programs print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "troubleshooting.md"
ANYTHING: Final = re.compile(r"\.\.\.|PATH|\b[NMV]\b|'x'|\[x\]|NAME")


def quoted(page: str) -> Iterator[str]:
    """Yield the lines of output that the tables' first columns quote."""
    for row in page.splitlines():
        if row.startswith("| `"):
            yield from re.findall(r"`([^`]+)`", row.split("|")[1])


def texts() -> Iterator[str]:
    """Yield every text in the programs; what is filled in at run time is a NUL."""
    for folder in ("f5ctl", "f5d"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
                    yield "".join(map(str, parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_explained_line_is_printed() -> None:
    """Each piece of a quoted line between its placeholders stands in the code."""
    corpus = "\n".join(texts())
    lines = list(quoted(PAGE.read_text()))
    assert len(lines) > 20
    for line in lines:
        pieces = [piece.strip(" ;:,()") for piece in ANYTHING.split(line)]
        for piece in filter(None, pieces):
            assert piece in corpus, f"{line!r}: {piece!r} is printed nowhere"
