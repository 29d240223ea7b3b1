"""Markdown as a reader says it: words without marks, links by their label, headings as paragraphs.

Pure, and fit for a text that is still coming: `Markdown.add` takes it in any parts and returns what is
decided, so a mark may be cut between two of them. Fenced code is left out, as nobody wants to hear it; a fence
round a text (`text`, `markdown`, or no name and a first line that could be a sentence's) is only a fence, and
code that is all there is, is said. Blocks are told apart by the beginning of their line;
markdown_inline.py reads what stands in them. The marks are CommonMark's and GitHub's. Where those need the
whole document, as for a link whose address comes later, the label is read.
"""

from __future__ import annotations

import re
from re import Pattern
from typing import Final

from f5ctl.brackets import has_words
from f5ctl.sentences import MARKS, WIDE_MARKS
from f5ctl.speech.markdown_inline import Inline, as_it_stands, read_line

_QUOTE: Final = re.compile(r"[ \t]*>")
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+]|(\d{1,9})[.)])(?:[ \t]+|$)(?:\[[ xX]\](?:[ \t]+|$))?")
# A line across the page, or under a heading.
_RULE: Final = re.compile(r"[ \t]*(?:([-*_])(?:[ \t]*\1){2,}|=+|-+)[ \t]*")
_FENCE: Final = re.compile(r"(?P<mark>`{3,}(?=[^`]*\Z)|~{3,})[ \t]*\{?\.?(?P<name>[\w+#-]*).*")
# Fences round what is to be read.
_PROSE_NAMES: Final = frozenset(
    ("text", "txt", "plain", "plaintext", "markdown", "md", "email", "letter", "poem")
)
_SENTENCE: Final = re.compile(
    r"[\"'\u2018\u201c(\u00a1\u00bf]?([^\W\d_])[\w'\u2019,-]* [\w '\u2019\"\u201c\u201d,.;:!?()-]*"
)
_HEADING: Final = re.compile(r"#{1,6}(?:[ \t]+|$)")
_DEFINITION: Final = re.compile(r"\[(?!\^)[^\[\]]{1,999}\]:[ \t]*\S")
_FOOTNOTE: Final = re.compile(r"\[\^[^\[\]\s]{1,99}\]:[ \t]*")
_KEY: Final = re.compile(r"[\w-]+:(?:\s|$)|#")
_HIDDEN: Final = re.compile(r"[ \t]*<(script|style|!--)", re.IGNORECASE)  # where it begins a line
# The beginning of a line that is a paragraph's, whatever comes after it.
_FLOWS: Final = re.compile(r"[^\s>#*+\-_`~|\d<\[=!&\\:]|\*\*?[^\s*]|__?[^\s_]|`[^`]|\d+[^\d.)\s]")
_OUTER: Final = re.compile(  # quotes and lists before it
    r"(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)){0,15}[ \t]*"
)
_MOST_FRONT_LINES: Final = 200
_MOST_CODE_CHARS: Final = 65_536  # of a text that has said nothing yet
_MOST_NESTED: Final = 16  # quotes and lists in each other
_ENDED: Final = frozenset(f"{MARKS}{WIDE_MARKS}:;,")


def plain(text: str) -> str:
    """Return the words of a whole text in Markdown."""
    return Markdown().add(text, final=True)


class Markdown:
    """Owns what was added and is not decided yet."""

    def __init__(self) -> None:
        self._held = ""  # the beginning of a line of a kind that is read whole
        self._flows = False  # the line is a paragraph's
        self._inline = Inline()
        self._out: list[str] = []
        self._last = ""  # what was said last in this block, but for spaces
        self._in_item = False
        self._fence = ""
        self._is_code: bool | None = None  # what stands in the fence; None before its first line
        self._left_out: list[str] = []  # code, as long as nothing was said
        self._left_chars = 0
        self._has_said = False
        self._hidden: Pattern[str] | None = None  # what ends a comment or a script
        self._front: list[str] | None = None  # lines of what may be the head of the file
        self._begun = False

    def add(self, text: str, *, final: bool = False) -> str:
        """Take the next part, the last one with `final`; return the words that are decided by now."""
        text = self._held + (text if self._begun else text.removeprefix("\ufeff"))
        self._held = ""
        if text.endswith("\r") and not final:
            text, self._held = text[:-1], "\r"
        *lines, rest = text.replace("\r\n", "\n").split("\n")
        for line in lines:
            self._line(line)
        if not final:
            self._beginning(rest)
            self._say(self._inline.drain(final=False))
        else:
            if rest or self._flows:
                self._line(rest)
            for kept in self._take_front():
                self._block(kept)
            self._end_block()
            if not self._has_said:
                self._out += self._left_out
        said = "".join(self._out)
        self._out.clear()
        return said

    def _line(self, line: str) -> None:
        """Read a line, or the rest of one that has begun."""
        if self._flows:
            self._flows = False
            self._inline.add(line)
            self._inline.end_line()
        else:
            self._block(line)

    def _beginning(self, line: str) -> None:
        """Read the beginning of a line, or keep it until there is more."""
        is_apart = self._fence or self._hidden or self._front is not None
        if self._flows:
            self._inline.add(line)
        elif not is_apart and (outer := _OUTER.match(line)) and _FLOWS.match(line, outer.end()):
            self._begun = self._flows = True
            self._inline.add(line[self._inner(line) :].lstrip(" \t"))
        else:
            self._held = line + self._held

    def _block(self, line: str) -> None:
        if (not self._begun or self._front is not None) and self._head(line):
            return
        if self._fence:
            self._code(line)
            return
        shown = self._shown(line)
        if shown is None:
            return
        bare = shown.rstrip(" \t")
        if not bare or _RULE.fullmatch(bare):
            self._end_block()
        elif fence := _FENCE.fullmatch(bare):
            self._end_block()
            self._fence, name = fence["mark"], fence["name"].lower()
            self._is_code = name not in _PROSE_NAMES if name else None
        else:
            self._leaf(shown)

    def _shown(self, line: str) -> str | None:
        """Return a line without the outer marks and hidden parts before it; None where such a part goes on."""
        at = 0
        while True:
            if self._hidden:
                end = self._hidden.search(line, at)
                if end is None:
                    return None
                at, self._hidden = end.end(), None
            at = self._inner(line, at)
            hidden = _HIDDEN.match(line, at)
            if hidden is None:
                return line[at:].lstrip(" \t")
            end_mark = "-->" if hidden[1] == "!--" else f"</{hidden[1]}>"
            at, self._hidden = hidden.end(), re.compile(end_mark, re.IGNORECASE)

    def _inner(self, line: str, at: int = 0) -> int:
        """Return where the marks of quotes and lists at `at` end; an item of a list begins."""
        for _ in range(_MOST_NESTED):
            if quote := _QUOTE.match(line, at):
                at = quote.end()
            elif not _RULE.fullmatch(line, at) and (item := _ITEM.match(line, at)):
                self._end_item()
                self._in_item = True
                if item[1]:
                    self._say(f"{item[1]}. ")
                at = item.end()
            else:
                break
        return at

    def _leaf(self, line: str) -> None:
        if heading := _HEADING.match(line):
            self._end_block()
            self._inline.add(line[heading.end() :].rstrip("# \t"))
            self._end_block()
        elif "|" in line and "-" in line and not line.strip(" \t|:-"):
            return  # between a table's head and its rows
        elif line.startswith("|"):
            cells = (cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("| \t")))
            self._end_item()
            self._say(", ".join(filter(None, (read_line(cell).strip() for cell in cells))) + ".")
            self._inline.end_line()
        elif not _DEFINITION.match(line):
            note = _FOOTNOTE.match(line)
            self._inline.add(line[note.end() :] if note else line)
            self._inline.end_line()

    def _code(self, line: str) -> None:
        mark = line.strip().lstrip("> ")
        if mark and not mark.strip(self._fence[0]) and len(mark) >= len(self._fence):
            self._fence = ""
            self._end_block()
            return
        if self._is_code is None and mark:
            first = _SENTENCE.fullmatch(mark)
            self._is_code = first is None or first[1].islower()
        text = as_it_stands(line) + "\n"
        if not self._is_code:
            self._say(text)
        elif not self._has_said and self._left_chars < _MOST_CODE_CHARS:
            self._left_out.append(text)
            self._left_chars += len(text)

    def _head(self, line: str) -> bool:
        """Take a line of the file's head, which stands between two lines of three dashes."""
        if not self._begun:
            self._begun = True
            self._front = [] if line.rstrip() == "---" else None
            return self._front is not None
        front = self._front or []
        if front and line.rstrip() in {"---", "..."}:
            self._front = None
            return True
        if len(front) < _MOST_FRONT_LINES and (front or _KEY.match(line)):
            self._front = [*front, line]
            return True
        for kept in self._take_front():
            self._block(kept)
        return False

    def _take_front(self) -> list[str]:
        kept, self._front = self._front or [], None
        return kept

    def _end_item(self) -> None:
        """End what is spoken by itself; an item of a list gets a full stop where it has no mark."""
        self._say(self._inline.drain(final=True))
        if self._in_item and self._last and self._last not in _ENDED:
            self._say(".")
        self._in_item = False
        if self._last:
            self._say("\n")

    def _end_block(self) -> None:
        self._end_item()
        if self._last:
            self._say("\n")
            self._last = ""

    def _say(self, text: str) -> None:
        self._out.append(text)
        self._has_said = self._has_said or has_words(text)
        self._last = text.rstrip()[-1:] or self._last
