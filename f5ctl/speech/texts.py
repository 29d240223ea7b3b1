"""Texts to speak: what is accepted, and the errors for what is not. Pure."""

from __future__ import annotations

from typing import Literal

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_TEXT_BYTES


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
