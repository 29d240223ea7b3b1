"""Markdown's marks in a text that nobody called Markdown: taken out where they are plainly marks.

Pure, and linear in the length of a text. Whole documents are read by the client (f5ctl/speech/markdown.py, with
`--markdown`); this is for the `**bold**` and the `# heading` that a language model puts into plain text.
"""

from __future__ import annotations

import re
from re import Match
from typing import Final

from f5ctl.brackets import has_words

_FENCE: Final = re.compile(r"^ ?(?:`{3,}|~{3,}) ?[\w+#.-]* ?$", re.MULTILINE)
_EMPHASIS: Final = re.compile(r"[*_~]+")
_BACKTICKS: Final = re.compile(r"`+")
_BAR: Final = re.compile(r" \|+ ")
_LINE_MARKS: Final = re.compile(r"(?:(?:>+|[-*+]|#{1,6}) )+")


def without_marks(text: str) -> str:
    """Return `text` without emphasis, backticks, headings', lists', quotes' and tables' marks.

    A line without a letter or digit, such as `* * *`, becomes an empty one. `2 * 3`, `2*3` and `snake_case`
    are no emphasis.
    """
    text = _FENCE.sub("", text)
    text = _BACKTICKS.sub(_apostrophe, text)
    text = _EMPHASIS.sub(_emphasis, text)
    lines: list[str] = []
    for line in text.split("\n"):
        lines.extend(_line(line))
    return _BAR.sub(", ", "\n".join(lines)).strip()


def _apostrophe(match: Match[str]) -> str:
    before, after = _neighbours(match)
    return "'" if before.isalpha() and after.isalpha() else ""


def _emphasis(match: Match[str]) -> str:
    before, after = _neighbours(match)
    if match[0] == "~" or (before.isspace() and after.isspace()):
        return match[0]
    inside_word = before.isalnum() and after.isalnum()
    is_bold = match[0].startswith("**") and before.isalpha() and after.isalpha()
    return match[0] if inside_word and not is_bold else ""


def _neighbours(match: Match[str]) -> tuple[str, str]:
    """Return the characters around a match; a space where there is none."""
    text = match.string
    return text[match.start() - 1] if match.start() else " ", text[match.end() : match.end() + 1] or " "


def _line(line: str) -> list[str]:
    if not has_words(line):
        return [""]
    bare = _bare(line)
    if bare.startswith("|") and bare.endswith("|"):
        cells = (_bare(cell.strip(" *_~")) for cell in bare.split("|"))
        return [", ".join(filter(has_words, cells)) + "."]
    is_heading = "#" in line[: len(line) - len(bare)]
    return ["", bare.rstrip("# "), ""] if is_heading else [bare]


def _bare(line: str) -> str:
    """Return a line, or a cell of a table, without the marks that it begins with."""
    marks = _LINE_MARKS.match(line)
    return line[marks.end() :] if marks else line
