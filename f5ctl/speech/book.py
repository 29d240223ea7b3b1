"""A text that is longer than one request, cut by itself alone: bytes in, pieces out.

Where a piece ends depends on nothing but the text, so a file, a pipe, a batch's line and a second run of the
same command ask for the same requests, and get the same audio. At most two reads and a piece of the text are
held.
"""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from f5ctl.sentences import PARAGRAPH_END
from f5ctl.speech.pieces import forced_end, last_end
from f5ctl.speech.texts import Incoming, unreadable

# About four minutes of speech: what a kill costs at most is not long, and a receipt for each is not much.
PIECE_BYTES: Final = 4_096
READ_BYTES: Final = 65_536
_LOOK_AHEAD_CHARS: Final = 16  # a blank line behind the last sentence
_LOOK_AHEAD_BYTES: Final = 4 * _LOOK_AHEAD_CHARS


@dataclass(frozen=True, slots=True)
class Piece:
    """The next text of a book, `size_bytes` long with the white space around it."""

    text: str
    size_bytes: int
    ends_paragraph: bool


class Book:
    """Owns what was read of a text and not yet taken; `head` was read before.

    `size_bytes` is the whole text's where it is known. `stream` is not buffered; one that can be rewound goes
    on at `start`.
    """

    def __init__(
        self,
        stream: io.RawIOBase | io.BytesIO,
        head: bytes = b"",
        *,
        size_bytes: int | None = None,
        start: int | None = None,
        markdown: bool = False,
    ) -> None:
        self.size_bytes = size_bytes
        self._stream = stream
        self._head = head
        self._is_markdown = markdown
        self._start = start
        self._incoming = Incoming(markdown=markdown)
        self._text = ""
        self._text_bytes = 0
        self._ended = False
        self._add(head)

    @property
    def beginning(self) -> str:
        """What was read and not yet taken."""
        return self._text

    @property
    def is_over(self) -> bool:
        """True when every piece was taken."""
        return self._ended and not self._text

    @property
    def waits_for(self) -> int | None:
        """The descriptor that has to be readable before there is another piece; None when there is one."""
        if self._ended or self._is_full or isinstance(self._stream, io.BytesIO):
            return None
        return self._stream.fileno()

    @property
    def _is_full(self) -> bool:
        return self._text_bytes >= PIECE_BYTES + _LOOK_AHEAD_BYTES

    def take(self) -> Piece | None:
        """Return the next piece; None when the text that is there does not make one, or is over.

        Raises:
            BadRequestError: it cannot be read, or is not UTF-8.
        """
        while not (self._ended or self._is_full):
            waits_for = self.waits_for
            if waits_for is not None and not select.select([waits_for], [], [], 0)[0]:
                return None
            self._read()
        if not self._text:
            return None
        end, ends_paragraph = _end_of_piece(self._text, ended=self._ended)
        taken, self._text = self._text[:end], self._text[end:]
        size = len(taken.encode())
        self._text_bytes -= size
        return Piece(taken.strip(), size, ends_paragraph)

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces to the end, waiting for text that is still to come."""
        while not self.is_over:
            if piece := self.take():
                yield piece
            elif (waits_for := self.waits_for) is not None:
                select.select([waits_for], [], [])

    def again(self) -> Book | None:
        """Return the book from its beginning, None when its text is gone; this one is not used after that."""
        if self._start is None:
            return None
        self._stream.seek(self._start)
        return Book(
            self._stream,
            self._head,
            size_bytes=self.size_bytes,
            start=self._start,
            markdown=self._is_markdown,
        )

    def _read(self) -> None:
        try:
            data = self._stream.read(READ_BYTES)
        except OSError as error:
            raise unreadable("the text", error, "bad_text") from None
        if not data:
            self._ended = True
        self._add(data or b"")

    def _add(self, data: bytes) -> None:
        new = self._incoming.add(data, final=self._ended)
        new = new if self._text else new.lstrip()  # nothing was taken yet
        self._text += new
        if self._ended:
            self._text = self._text.rstrip()
        self._text_bytes += len(new.encode())


def book_of(text: str) -> Book:
    """Return a book of a text that is in memory."""
    data = text.encode()
    return Book(io.BytesIO(data), size_bytes=len(data), start=0)


def book_in(stream: io.RawIOBase, head: bytes, *, markdown: bool = False) -> Book:
    """Return the book that an open file or pipe holds; what is in a file is looked through first.

    Raises:
        BadRequestError: a file is not UTF-8.
    """
    found = os.fstat(stream.fileno())
    if not stat.S_ISREG(found.st_mode):
        return Book(stream, head, markdown=markdown)
    begin = stream.seek(0, os.SEEK_CUR)
    check = Incoming()
    check.add(head)
    while data := stream.read(READ_BYTES):
        check.add(data)
    check.add(b"", final=True)
    stream.seek(begin)
    return Book(stream, head, size_bytes=check.seen_bytes, start=begin, markdown=markdown)


def _end_of_piece(text: str, *, ended: bool) -> tuple[int, bool]:
    """Return where the first piece of `text` ends, and whether a paragraph does there.

    That is the last blank line of the second half of what a piece may hold, else the last end of a sentence,
    else the last white space, else a character with the marks after it.
    """
    window = text.encode()[:PIECE_BYTES].decode(errors="ignore")
    if ended and len(window) == len(text):
        return len(text), True
    blank = 0
    for match in PARAGRAPH_END.finditer(window):
        blank = match.end()
    if blank > len(window) // 2:
        return blank, True
    if end := last_end(window):
        return end, window[:end].endswith("\n") or bool(
            PARAGRAPH_END.match(text[end : end + _LOOK_AHEAD_CHARS])
        )
    return forced_end(text, len(window)), False
