"""Text that is still coming, cut into pieces that can be spoken: bytes in, pieces out.

Pure: reads nothing and knows no clock; time is an argument. A piece ends where a sentence or a
paragraph does, so a word, a number, a quotation or a bracket is not torn. Short sentences are kept until more
comes or the writer pauses; whatever is complete when a piece is taken goes into that piece, so a
slow writer is spoken sentence by sentence and a fast one in larger pieces.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from f5ctl.brackets import in_bracket
from f5ctl.protocol import MAX_TEXT_BYTES
from f5ctl.speech.texts import not_utf8, too_long

MIN_PIECE_CHARS: Final = 20
SETTLE_S: Final = 0.05  # what one `printf` or a burst of tokens writes stays together
SILENCE_S: Final = 0.3  # after this long without a word even a short sentence is spoken

# A sentence: its mark, closing quotes, then white space; full-width marks need none. Or a blank line.
_END: Final = re.compile(
    r"""[.!?:;…]["'”’»)\]]*(?:\[[^\[\]\s]{1,20}\]){0,9}(?=\s)|[。！？]["'”’」』）]*(?=[^"'”’」』）])|\n[^\S\n]*\n"""
)


class Pieces:
    """Owns what was read and not yet taken. `ended` is True after the last byte."""

    def __init__(self) -> None:
        self.ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._size_bytes = 0
        self._seen_bytes = 0
        self._end = 0  # where the last complete sentence ends
        self._heard_at = 0.0
        self._ready_at: float | None = None  # since when there is a piece of decent length

    def add(self, data: bytes, now: float) -> None:
        """Take what was read; no bytes mean the end of the text.

        Raises:
            BadRequestError: it is not UTF-8, or a single sentence is longer than a text may be.
        """
        held = len(self._decoder.getstate()[0])
        try:
            new = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise not_utf8(self._seen_bytes - held + error.start) from None
        self.ended = not data
        self._seen_bytes += len(data)
        self._size_bytes += len(new.encode())
        self._text += new
        self._heard_at = now
        self._look_for_end(now)
        self._complete()

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
            return self._heard_at
        silent_at = self._heard_at + SILENCE_S if self._end else None
        if self._ready_at is None or silent_at is None:
            return silent_at
        return min(self._ready_at + SETTLE_S, silent_at)

    def take(self) -> str:
        """Return what is complete, at most `MAX_TEXT_BYTES` of it; everything once the text has ended.

        Raises:
            BadRequestError: a single sentence is longer than that.
        """
        end = self._complete()
        piece, self._text = self._text[:end], self._text[end:]
        self._size_bytes -= len(piece.encode())
        self._end, self._ready_at = 0, None
        self._look_for_end(self._heard_at)
        return piece.removeprefix("\ufeff").strip()

    def _complete(self) -> int:
        """Return where the piece ends that may be taken."""
        if not self.is_full:
            return len(self._text) if self.ended else self._end
        end = _last_end(self._text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore"), 0)
        if not end:
            raise too_long()
        return end

    def _look_for_end(self, now: float) -> None:
        self._end = _last_end(self._text, self._end)
        if self._ready_at is None and len(self._text[: self._end].strip()) >= MIN_PIECE_CHARS:
            self._ready_at = now


def _last_end(text: str, start: int) -> int:
    """Return where the last complete sentence ends; `start`, an earlier answer, when none came after it."""
    for match in _END.finditer(text, start):
        if not in_bracket(text, match.end()):
            start = match.end()
    return start
