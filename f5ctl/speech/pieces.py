"""Text that is still coming, cut into pieces that can be spoken: bytes in, pieces out.

Pure: reads nothing and knows no clock; time is an argument. A piece ends where a sentence or a
paragraph does, so a word, a number, a quotation or a bracket is not torn. Short sentences are kept until more
comes or the writer pauses; whatever is complete when a piece is taken goes into that piece, so a
slow writer is spoken sentence by sentence and a fast one in larger pieces. Which marks end a sentence
is for f5ctl/sentences.py to say; a point that may end one waits for the next word, but not for ever.
"""

from __future__ import annotations

import re
from typing import Final

from f5ctl.brackets import in_bracket
from f5ctl.protocol import MAX_TEXT_BYTES
from f5ctl.sentences import BLANK_LINE, MARKS, WIDE_MARKS, is_end
from f5ctl.speech.texts import Incoming

MIN_PIECE_CHARS: Final = 20
SETTLE_S: Final = 0.05  # what one `printf` or a burst of tokens writes stays together
SILENCE_S: Final = 0.3  # after this long without a word even a short sentence is spoken
DOUBT_S: Final = 1.0  # after this long without a word a point that may end a sentence ends one

# A sentence: its mark, closing quotes, then white space; full-width marks need none. Or a blank line.
_END: Final = re.compile(
    rf"""[{MARKS}:;]["'”’»)\]]*(?:\[[^\[\]\s]{{1,20}}\]){{0,9}}(?=\s)"""
    rf"""|[{WIDE_MARKS}]["'”’」』）]*(?=[^"'”’」』）])|{BLANK_LINE}"""
)
_MARK_CHARS: Final = 64  # a mark with its quotes, or a blank line, is looked for again over so many characters


class Pieces:
    """Owns what was read and not yet taken. `ended` is True after the last byte, `heard_at` when that came.

    `begins_paragraph` is True when a blank line stood before the piece that was taken last.

    `steady` pieces depend on the text alone, not on when it comes: each is a sentence, with the short ones
    before it. `markdown` reads its marks.
    """

    def __init__(self, *, markdown: bool = False, steady: bool = False) -> None:
        self.ended = False
        self.heard_at = 0.0
        self._steady = steady
        self.begins_paragraph = False
        self._space = ""  # after the piece that was taken last
        self._incoming = Incoming(markdown=markdown)
        self._text = ""
        self._size_bytes = 0
        self._ends = _Ends()
        self._ready_at: float | None = None  # since when there is a piece of decent length

    def add(self, data: bytes, now: float) -> None:
        """Take what was read; no bytes mean the end of the text.

        Raises:
            BadRequestError: it is not UTF-8.
        """
        self.ended = not data
        new = self._incoming.add(data, final=self.ended)
        self._size_bytes += len(new.encode())
        self._text += new
        self.heard_at = now
        self._look_for_end(now)

    @property
    def beginning(self) -> str:
        """What was read and not yet taken."""
        return self._text

    @property
    def is_full(self) -> bool:
        """True when more should not be read before a piece was taken."""
        return self._size_bytes > MAX_TEXT_BYTES

    @property
    def is_empty(self) -> bool:
        """True when nothing is left and nothing will come."""
        return self.ended and not self._text.strip()

    @property
    def due_at(self) -> float | None:
        """From when on a piece may be taken; None: not before there is more text."""
        if self.is_empty:
            return None
        if self.ended or self.is_full:
            return self.heard_at
        if self._steady:
            return None if self._ready_at is None else self._ready_at + SETTLE_S
        silent_at = None
        if self._ends.last:
            silent_at = self.heard_at + (SILENCE_S if self._ends.sure else DOUBT_S)
        if self._ready_at is None or silent_at is None:
            return silent_at
        return min(self._ready_at + SETTLE_S, silent_at)

    def take(self) -> str:
        """Return what is complete, at most `MAX_TEXT_BYTES` of it; everything once the text has ended."""
        end = self._complete()
        piece, self._text = self._text[:end], self._text[end:]
        self._size_bytes -= len(piece.encode())
        self._ends, self._ready_at = _Ends(), None
        self._look_for_end(self.heard_at)
        space = self._space + piece[: len(piece) - len(piece.lstrip())]
        self.begins_paragraph = space.count("\n") > 1
        self._space = piece[len(piece.rstrip()) :]
        return piece.strip()

    def _complete(self) -> int:
        """Return where the piece ends that may be taken."""
        if self._steady and self._ready_at is not None:
            return self._ends.enough
        if not self.is_full:
            return len(self._text) if self.ended else self._ends.last
        window = self._text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
        return last_end(window) or forced_end(self._text, len(window))

    def _look_for_end(self, now: float) -> None:
        self._ends.look(self._text)
        if self._ready_at is None and len(self._text[: self._ends.sure].strip()) >= MIN_PIECE_CHARS:
            self._ready_at = now


def last_end(text: str) -> int:
    """Return where the last complete sentence of a text ends; 0: none does."""
    ends = _Ends()
    ends.look(text)
    return ends.last


def forced_end(text: str, most_chars: int) -> int:
    """Return where a text without sentences is cut: after a late white space, else before a letter or digit."""
    space = max(text.rfind(char, most_chars // 2, most_chars) for char in " \n\t")
    if space >= 0:
        return space + 1
    end = most_chars
    while end and not text[end : end + 1].isalnum():
        end -= 1
    return end or most_chars


class _Ends:
    """Where the last sentence of a growing text ends for `sure`, and where it may end; 0 is nowhere."""

    def __init__(self) -> None:
        self.sure = 0
        self.enough = 0  # the first sure one behind `MIN_PIECE_CHARS`
        self._maybe = 0
        self._seen = 0  # what comes before is decided

    @property
    def last(self) -> int:
        """The best end that there is."""
        return self.sure or self._maybe

    def look(self, text: str) -> None:
        """Look on in a text that begins as the last one did."""
        self._maybe = 0
        held = len(text)  # where an end stands that is in a bracket, or in one that may still be closed
        for match in _END.finditer(text, self._seen):
            if in_bracket(text, match.end()):
                held = min(held, match.start())
                continue
            ends = match[0].isspace() or is_end(text, match.start(), more=True)
            if ends is None:  # nothing but the next word can come after it
                self._maybe = match.end()
                return
            self._seen, held = match.end(), len(text)
            if ends:
                self.sure = match.end()
                if not self.enough and len(text[: self.sure].strip()) >= MIN_PIECE_CHARS:
                    self.enough = self.sure
        self._seen = max(self._seen, min(held, len(text) - _MARK_CHARS))
