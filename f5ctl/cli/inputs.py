"""What `say` takes in: the text to speak and the recording of a voice."""

from __future__ import annotations

import os
import sys
from typing import Literal

import click

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_REF_AUDIO_BYTES, MAX_TEXT_BYTES


def read_text(words: tuple[str, ...], file: str | None) -> str:
    """Return the text to speak.

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
        return _checked_text(os.fsencode(" ".join(words)))
    if file is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("no text; give it as an argument, with -f FILE or on stdin")
        file = "-"
    return _checked_text(_read(0 if file == "-" else file, MAX_TEXT_BYTES + 1, "bad_text"))


def _checked_text(data: bytes) -> str:
    if len(data) > MAX_TEXT_BYTES:
        raise BadRequestError("bad_text", f"the text is longer than the limit of {MAX_TEXT_BYTES} bytes")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise BadRequestError("bad_text", f"the text is not UTF-8 (byte {error.start})") from None
    if not text:
        raise BadRequestError("bad_text", "the text is empty")
    return text


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
    name = "standard input" if source == 0 else source
    try:
        with open(source, "rb", closefd=source != 0) as stream:
            return stream.read(limit_bytes)
    except OSError as error:
        raise BadRequestError(code, f"cannot read {name}: {error.strerror}") from None
