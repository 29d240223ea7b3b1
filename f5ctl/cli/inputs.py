"""What `say` takes in: the text to speak and the recording of a voice."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Literal

import click

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_REF_AUDIO_BYTES, MAX_TEXT_BYTES

if TYPE_CHECKING:
    from f5ctl.cli.pieces import Pieces


def read_text(words: tuple[str, ...], file: str | None, *, as_it_comes: bool = False) -> str | Pieces:
    """Return the text to speak; with `as_it_comes`, text on stdin that has a beginning but no end yet.

    Raises:
        click.UsageError: there is none, or it comes from two places.
        BadRequestError: it cannot be read, is empty, too long or not UTF-8.
    """
    if words and file is not None:
        raise click.UsageError("the text comes from the arguments or from --file, not from both")
    if "-" in words:
        if len(words) > 1:
            raise click.UsageError("- (the text on stdin) stands alone")
        file = "-"
    elif words:
        return checked_text(os.fsencode(" ".join(words)))
    if file is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("no text; give it as an argument, with -f FILE or on stdin")
        file = "-"
    if file == "-" and as_it_comes:
        return _read_stdin()
    return checked_text(_read(0 if file == "-" else file, MAX_TEXT_BYTES + 1, "bad_text"))


def _read_stdin() -> str | Pieces:
    """Read what is there; whoever has not finished writing by now is listened to sentence by sentence."""
    data = b""
    try:
        while len(data) <= MAX_TEXT_BYTES and select.select([0], [], [], 0)[0]:
            new = os.read(0, MAX_TEXT_BYTES + 1)
            if not new:
                return checked_text(data)
            data += new
    except OSError as error:
        raise unreadable("standard input", error, "bad_text") from None
    from f5ctl.cli.feed import listen

    return listen(data)


def checked_text(data: bytes) -> str:
    """Return the text that `data` holds, or raise BadRequestError."""
    if len(data) > MAX_TEXT_BYTES:
        raise too_long()
    try:
        text = data.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise not_utf8(error.start) from None
    if not text:
        raise BadRequestError("bad_text", "the text is empty")
    return text


def too_long() -> BadRequestError:
    """Return the error for a text that is too long for one request."""
    return BadRequestError("bad_text", f"the text is longer than the limit of {MAX_TEXT_BYTES} bytes")


def not_utf8(at: int) -> BadRequestError:
    """Return the error for a text whose byte `at` is wrong."""
    return BadRequestError("bad_text", f"the text is not UTF-8 (byte {at})")


def nothing_to_speak() -> BadRequestError:
    """Return the error for a text of marks alone."""
    return BadRequestError("bad_text", "the text has no letter or digit; there is nothing to speak")


def unreadable(name: str, error: OSError, code: Literal["bad_text", "bad_audio"]) -> BadRequestError:
    """Return the error for an input that the system does not let us read."""
    return BadRequestError(code, f"cannot read {name}: {error.strerror}")


def read_recording(path: str) -> bytes:
    """Return the bytes of the recording at `path`.

    Raises:
        BadRequestError: it cannot be read or is larger than a message may be.
    """
    data = _read(path, MAX_REF_AUDIO_BYTES + 1, "bad_audio")
    if len(data) > MAX_REF_AUDIO_BYTES:
        raise BadRequestError("bad_audio", f"{path} is larger than the limit of {MAX_REF_AUDIO_BYTES} bytes")
    return data


def _read(source: str | int, limit_bytes: int, code: Literal["bad_text", "bad_audio"]) -> bytes:
    try:
        with open(source, "rb", closefd=source != 0) as stream:
            return stream.read(limit_bytes)
    except OSError as error:
        raise unreadable("standard input" if source == 0 else str(source), error, code) from None
