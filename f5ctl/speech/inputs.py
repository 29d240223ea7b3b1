"""What `say` takes in: the text to speak and the recording of a voice."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import click

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_REF_AUDIO_BYTES, MAX_TEXT_BYTES
from f5ctl.speech.texts import checked_text, may_hold_cues, unreadable

if TYPE_CHECKING:
    from f5ctl.speech.book import Book
    from f5ctl.speech.pieces import Pieces

STDIN: Final = 0
READ_BYTES: Final = 65_536
MARKDOWN: Final = (".md", ".markdown", ".mdown", ".mkd")
FAST_BYTES: Final = 4_096  # more than anybody or any model writes in a moment
_START_BYTES: Final = 2000  # by which subtitles are known


def read_text(words: tuple[str, ...], file: str | None) -> str:
    """Return a text that is to fit into one request.

    Raises:
        click.UsageError: there is none, or it comes from two places.
        BadRequestError: it cannot be read, is empty, too long or not UTF-8.
    """
    words, file = _where(words, file)
    if file is None:
        return checked_text(os.fsencode(" ".join(words)))
    data = read_start(0 if file == "-" else file, MAX_TEXT_BYTES + 1, "bad_text")
    return checked_text(data, name=file)


def read_any_text(
    words: tuple[str, ...],
    file: str | None,
    *,
    as_it_comes: bool = False,
    steady: bool = False,
    markdown: bool | None = None,
    tell: Callable[[str], None] | None = None,
) -> str | Pieces | Book:
    """Return the text to speak: a book if it is longer than one request and no subtitles.

    With `as_it_comes`, text on stdin that has a beginning but no end yet becomes pieces; with `steady` those
    depend on the text alone. With `markdown` its marks are read; None leaves that to the file's suffix. `tell`
    gets a line when its encoding had to be guessed.

    Raises:
        click.UsageError: there is none, or it comes from two places.
        BadRequestError: it cannot be read, is empty or not UTF-8.
    """
    words, file = _where(words, file)
    if file is None:
        return _whole(os.fsencode(" ".join(words)), markdown=bool(markdown))
    markdown = is_markdown(file, said=markdown)
    whole = partial(_whole, name=file, tell=tell, markdown=markdown)
    if file == "-" and as_it_comes:
        return _read_stdin(whole, steady=steady, markdown=markdown)
    return _read_stream(0 if file == "-" else file, whole, markdown=markdown)


def is_markdown(file: str | None, *, said: bool | None) -> bool:
    """Return True where a text's marks are read: as the call says, else by the file's suffix."""
    return (file or "").lower().endswith(MARKDOWN) if said is None else said


def _read_stream(source: str | int, whole: Callable[[bytes], str], *, markdown: bool) -> str | Book:
    head = b""
    try:
        stream = open(source, "rb", buffering=0, closefd=source != 0)  # noqa: SIM115 - the book's
        while len(head) <= MAX_TEXT_BYTES and (new := stream.read(READ_BYTES)):
            head += new
        if len(head) <= MAX_TEXT_BYTES or _is_whole(head, _name(source) if source else None):
            with stream:
                return whole(head + (stream.readall() or b""))
    except OSError as error:
        raise unreadable(_name(source), error, "bad_text") from None
    from f5ctl.speech.book import book_in

    return book_in(stream, head, markdown=markdown)


def _whole(
    data: bytes,
    *,
    markdown: bool,
    name: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> str:
    text = checked_text(data, None, name=name, tell=tell)
    if not markdown:
        return text
    from f5ctl.speech.markdown import plain

    return checked_text(plain(text).encode(), None)


def _where(words: tuple[str, ...], file: str | None) -> tuple[tuple[str, ...], str | None]:
    """Return the words, or the file that has them."""
    if words and file is not None:
        raise click.UsageError("the text comes from the arguments or from --file, not from both")
    if "-" in words:
        if len(words) > 1:
            raise click.UsageError("- (the text on stdin) stands alone")
        return (), "-"
    if not words and file is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("no text; give it as an argument, with -f FILE or on stdin")
        return (), "-"
    return words, file


def _read_stdin(whole: Callable[[bytes], str], *, steady: bool, markdown: bool) -> str | Pieces | Book:
    """Read what is there; whoever has not finished writing by now is listened to sentence by sentence."""
    data = b""
    try:
        while len(data) <= MAX_TEXT_BYTES and select.select([STDIN], [], [], 0)[0]:
            new = os.read(STDIN, READ_BYTES)
            if not new:
                return whole(data)
            data += new
    except OSError as error:
        raise unreadable("standard input", error, "bad_text") from None
    return _listen(data, whole, steady=steady, markdown=markdown)


def _listen(data: bytes, whole: Callable[[bytes], str], *, steady: bool, markdown: bool) -> str | Pieces | Book:
    """Read on from `data` until the text has ended, is a book, or a piece of it is due.

    Whoever writes `FAST_BYTES` at once is no person and no model, but copies a file: its end is waited for, as
    long as it comes without a pause. That of subtitles is waited for however long it takes.
    """
    from f5ctl.speech.pieces import SILENCE_S, Pieces

    pieces = Pieces(markdown=markdown, steady=steady)
    head = data
    while True:
        if _is_whole(head):
            return whole(head + read_start(STDIN, -1, "bad_text"))
        if len(head) > MAX_TEXT_BYTES:
            break
        if data:
            pieces.add(data, time.monotonic())
        due_at = pieces.due_at
        if due_at is not None and len(head) >= FAST_BYTES:
            due_at = max(due_at, pieces.heard_at + SILENCE_S)
        left_s = None if due_at is None else due_at - time.monotonic()
        if left_s is not None and left_s <= 0:
            return pieces
        data = b""
        if select.select([STDIN], [], [], left_s)[0]:
            data = _read_some()
            if not data:
                return whole(head)
            head += data
    from f5ctl.speech.book import book_in

    return book_in(open(STDIN, "rb", buffering=0, closefd=False), head, markdown=markdown)


def _is_whole(head: bytes, name: str | None = None) -> bool:
    """Return True for the beginning of what nobody can speak before it has ended: subtitles, UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    start = head[:_START_BYTES].decode("utf-8", "ignore").lstrip()
    if not may_hold_cues(start, name):
        return False
    from f5ctl.speech.cue_detect import is_named_cues, is_read_whole

    return is_read_whole(start) or is_named_cues(name)


def _read_some() -> bytes:
    try:
        return os.read(STDIN, READ_BYTES)
    except OSError as error:
        raise unreadable("standard input", error, "bad_text") from None


def read_into(pieces: Pieces) -> None:
    """Read what has come, or the end.

    Raises:
        BadRequestError: it cannot be read, or is not UTF-8.
    """
    pieces.add(_read_some(), time.monotonic())


def read_recording(path: str) -> bytes:
    """Return the bytes of the recording at `path`.

    Raises:
        BadRequestError: it cannot be read or is larger than a message may be.
    """
    return read_file(path, MAX_REF_AUDIO_BYTES, "bad_audio")


def read_file(source: str | int, most_bytes: int, code: Literal["bad_text", "bad_audio"]) -> bytes:
    """Return what is in a file; 0 is standard input.

    Raises:
        BadRequestError: it cannot be read, or is larger than `most_bytes`.
    """
    data = read_start(source, most_bytes + 1, code)
    if len(data) > most_bytes:
        raise BadRequestError(code, f"{_name(source)} is larger than the limit of {most_bytes} bytes")
    return data


def read_start(source: str | int, limit_bytes: int, code: Literal["bad_text", "bad_audio"]) -> bytes:
    """Return the first bytes of a file, -1 for all of them; BadRequestError when it cannot be read."""
    try:
        with open(source, "rb", closefd=source != 0) as stream:
            return stream.read(limit_bytes)
    except OSError as error:
        raise unreadable(_name(source), error, code) from None


def _name(source: str | int) -> str:
    return "standard input" if source == 0 else str(source)
