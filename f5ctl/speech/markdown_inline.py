"""What stands in a line of Markdown: emphasis, code, links, pictures, entities, HTML. Pure.

Every mark is decided within `MOST_HELD` characters, so that a text that is still coming is not held for long,
and the time for a hostile one grows with its length alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match
from typing import Final, NamedTuple

MOST_HELD: Final = 2000

_SPECIAL: Final = re.compile(r"\\|`+|[*_]+|~+|!(?=\[|\Z)|\[|\]|<|&")
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ENTITY_BEGIN: Final = re.compile(r"&#?[A-Za-z0-9]{0,31}\Z")
_AUTOLINK: Final = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]{0,2000}|[\w.+-]{1,64}@[\w.-]{1,255})>")
_TAG: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9-]{0,31})(?:[\s/][^<>]{0,2000})?>|<[!?][^<>]{0,2000}>")
_TAG_BEGIN: Final = re.compile(r"<[A-Za-z/!?][^<>]*\Z")
_BREAKS: Final = frozenset(
    ("br", "p", "div", "li", "tr", "td", "th", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table")
)
_REFERENCE: Final = re.compile(r"\[(?!pause\b)[^\[\]]{0,300}\]")
_REFERENCE_BEGIN: Final = re.compile(r"\[[^\[\]]{0,300}\Z")
_SPACE: Final = re.compile(r"\s*")
_TARGET: Final = re.compile(r"<[^<>\n]*>|[^\s()<]*(?:\([^\s()]*\)[^\s()]*)*")
_TITLE: Final = re.compile(r""""[^"]*"|'[^']*'|\([^()]*\)""")
_ESCAPABLE: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@^_`{|}~\\")


class _Open(NamedTuple):
    """A bracket that is open: its place in the text, and in the output."""

    at: int
    place: int


class Inline:
    """Owns the text of a paragraph that is not decided yet."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._before = " "  # the last character that was
        self._line_ended = False

    def add(self, text: str) -> None:
        """Take more of the paragraph."""
        self._parts += ["\n" * self._line_ended, text]
        self._line_ended = False

    def end_line(self) -> None:
        """What comes next stands in another line."""
        self._line_ended = True

    def drain(self, *, final: bool) -> str:
        """Return the words that are decided; all of them when the paragraph has ended."""
        said = ""
        if text := "".join(self._parts):
            scan = _Scan(self._before + text, final=final)
            said = scan.run()
            self._before, self._parts = scan.text[scan.end - 1], [scan.text[scan.end :]]
        if final:
            self._before, self._line_ended = " ", False
        return said


def read_line(text: str) -> str:
    """Return the words of a text that stands by itself, such as a cell of a table."""
    inline = Inline()
    inline.add(text)
    return inline.drain(final=True)


def as_it_stands(text: str) -> str:
    """Return a text whose brackets are no tags and no notes, but brackets."""
    return re.sub(r"[\[\]]", r"\\\g<0>", text)


class _Hold(Exception):
    """The mark at `at` cannot be decided before there is more text."""

    def __init__(self, at: int) -> None:
        self.at = at


class _Scan:
    """One pass over a text; its first character was said before and only stands beside what follows."""

    def __init__(self, text: str, *, final: bool) -> None:
        self.text = text
        self.end = len(text)  # of what is decided
        self._final = final
        self._out: list[str] = []
        self._opens: list[_Open] = []
        self._meanings: dict[str, Callable[[int, str], int]] = {
            "\\": self._escape,
            "`": self._code,
            "*": self._emphasis,
            "_": self._emphasis,
            "~": self._emphasis,
            "!": self._picture,
            "[": self._open,
            "]": self._close,
            "<": self._html,
            "&": self._entity,
        }

    def run(self) -> str:
        """Return the words, and set `end`."""
        at, hold = 1, len(self.text)
        try:
            while match := _SPECIAL.search(self.text, at):
                self._out.append(self.text[at : match.start()])
                at = self._mark(match)
            self._out.append(self.text[at:])
        except _Hold as need:
            hold = need.at
        return self._decided(hold)

    def _decided(self, hold: int) -> str:
        waiting = [opened for opened in self._opens if len(self.text) - opened.at <= MOST_HELD]
        if self._final or not waiting or waiting[0].at > hold:
            self.end = hold
            return "".join(self._out)
        self.end = waiting[0].at
        return "".join(self._out[: waiting[0].place])

    def _need(self, at: int, since: int) -> None:
        """Wait for more text unless all of it is there, or the mark that began at `since` is too long."""
        if not self._final and len(self.text) - since <= MOST_HELD:
            raise _Hold(at)

    def _mark(self, match: Match[str]) -> int:
        """Say what a mark means, and return where it ends."""
        mark, at = match[0], match.start()
        if match.end() == len(self.text) and mark[0] not in "&<":
            self._need(at, at)
        return self._meanings[mark[0]](at, mark)

    def _escape(self, at: int, _mark: str) -> int:
        following = self.text[at + 1 : at + 2]
        if following == "\n":  # a line that ends here
            return at + 1
        self._out.append(following if following in _ESCAPABLE else "\\" + following)
        return at + 2

    def _code(self, at: int, mark: str) -> int:
        begin, size = at + len(mark), len(mark)
        closing = re.compile(rf"(?<!`)`{{{size}}}(?!`)").search(self.text, begin, begin + MOST_HELD)
        if closing is None or closing.end() == len(self.text):
            self._need(at, at)
        if closing is None:
            return begin
        code = self.text[begin : closing.start()].replace("\n", " ")
        is_spaced = code[:1] == code[-1:] == " " and code.strip()
        self._out.append(as_it_stands(code[1:-1] if is_spaced else code))
        return closing.end()

    def _emphasis(self, at: int, mark: str) -> int:
        self._out.append("" if self._is_emphasis(at, mark) else mark)
        return at + len(mark)

    def _is_emphasis(self, at: int, mark: str) -> bool:
        before, after = self.text[at - 1], self.text[at + len(mark) : at + len(mark) + 1] or " "
        if mark == "~" or (before.isspace() and after.isspace()):
            return False
        inside = before.isalnum() and after.isalnum()
        return not (inside and ("_" in mark or before.isdigit() or after.isdigit()))

    def _picture(self, at: int, mark: str) -> int:
        if self.text[at + 1 : at + 2] == "[":
            return self._open(at, "![")
        self._out.append(mark)
        return at + 1

    def _open(self, at: int, mark: str) -> int:
        self._opens.append(_Open(at, len(self._out)))
        self._out.append(mark)
        return at + len(mark)

    def _close(self, at: int, _mark: str) -> int:
        opened = self._opens.pop() if self._opens else None
        if opened is None or at - opened.at > MOST_HELD:
            self._out.append("]")
            return at + 1
        end = self._target(at + 1, opened)
        is_note = self.text.startswith(("[^", "![^"), opened.at)
        if end is None and not is_note:
            self._out.append("]")
            return at + 1
        self._out[opened.place] = ""
        if is_note:
            del self._out[opened.place + 1 :]
        return at + 1 if end is None else end

    def _target(self, at: int, opened: _Open) -> int | None:
        """Return where a link's address or reference at `at` ends; None when there is none."""
        if self.text[at : at + 1] == "[":
            reference = _REFERENCE.match(self.text, at)
            if reference is None and _REFERENCE_BEGIN.match(self.text, at):
                self._wait(opened)
            return reference.end() if reference else None
        if self.text[at : at + 1] != "(":
            return None
        place = self._skip(_SPACE, at + 1)
        place = self._skip(_SPACE, self._skip(_TARGET, place))
        place = self._skip(_SPACE, self._skip(_TITLE, place))
        if self.text[place : place + 1] == ")":
            return place + 1
        if place == len(self.text) or self.text[place] in "\"'(<":
            self._wait(opened)
        return None

    def _skip(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self.text, at, at + MOST_HELD)
        return match.end() if match else at

    def _wait(self, opened: _Open) -> None:
        """Wait for the rest of a link; the bracket is open again then."""
        if not self._final and len(self.text) - opened.at <= MOST_HELD:
            self._opens.append(opened)
            raise _Hold(opened.at)

    def _html(self, at: int, _mark: str) -> int:
        if link := _AUTOLINK.match(self.text, at):
            self._out.append(as_it_stands(link[1].removeprefix("mailto:")))
            return link.end()
        if self.text.startswith("<!--", at):
            end = self.text.find("-->", at + 4, at + MOST_HELD)
            if end > 0:
                return end + 3
            self._need(at, at)
        if tag := _TAG.match(self.text, at):
            self._out.append("\n" if (tag[1] or "").lower() in _BREAKS else "")
            return tag.end()
        if at + 1 == len(self.text) or _TAG_BEGIN.match(self.text, at, at + MOST_HELD):
            self._need(at, at)
        self._out.append("<")
        return at + 1

    def _entity(self, at: int, _mark: str) -> int:
        from html import unescape

        if entity := _ENTITY.match(self.text, at):
            self._out.append(as_it_stands(unescape(entity[0])))
            return entity.end()
        if _ENTITY_BEGIN.match(self.text, at, at + 34):
            self._need(at, at)
        self._out.append("&")
        return at + 1
