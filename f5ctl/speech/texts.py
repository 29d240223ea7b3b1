"""Texts to speak: what is accepted, and the errors for what is not. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from f5ctl.speech.markdown import Markdown

_ARROWS: Final = (*">→⟶⇒⟹➔➜➡＞", "&gt;")
# Two times with a comma, a tab, a dash or "to" between them; the header of a table.
_TIMES: Final = re.compile(
    r"""\d:\s?\d\d[.,:;]\s?\d+["'*]{0,2}\s?(?:[,;\t–—-]|to)\s?["'*]{0,2}\d{1,3}:|\d[.,]\d+\t-?\d"""
    r"|\A[^.\n\r]{1,300}[\t;,][^.\n\r]{1,300}[\t;,]"
)
_UNSEEN: Final = "\ufeff\u200e\u200f\u202a\u202b \t\r\n"


def may_hold_cues(text: str, name: str | None) -> bool:
    """Return False for a text that cannot be subtitles; a closer look costs ten milliseconds of imports."""
    if "\n" not in text and "\r" not in text and not name:
        return False
    start = text[:100].lstrip(_UNSEEN)
    begins = start.startswith(("[", "{", "<", "# VobSub", "sep=")) or start[:6].upper() in {"WEBVTT", "SCENAR"}
    suffixed = name is not None and name != "-" and not name.lower().endswith((".txt", ".md"))
    return (
        (begins or suffixed or start[3:6] == "STL")
        or any(arrow in text for arrow in _ARROWS)
        or bool(_TIMES.search(text))
    )


def checked_text(
    data: bytes,
    most_bytes: int | None = MAX_TEXT_BYTES,
    *,
    name: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> str:
    """Return the text that `data` holds, or raise BadRequestError.

    With `most_bytes` None it may be of any length. It is UTF-8 or has a byte order mark; in subtitles, which
    the file's `name` or their times show to be such, other encodings are guessed, and `tell` gets a line that
    says how they were read.
    """
    if most_bytes is not None and len(data) > most_bytes:
        raise too_long()
    text = _decoded(data, name, tell).removeprefix("\ufeff").strip()
    if not text:
        raise BadRequestError("bad_text", "the text is empty")
    return text


def _decoded(data: bytes, name: str | None, tell: Callable[[str], None] | None) -> str:
    at = 0
    try:
        if "\0" not in (text := data.decode("utf-8")):
            return text
    except UnicodeDecodeError as error:
        at = error.start
    from f5ctl.speech.decoding import decode_text

    if (found := decode_text(data, name, tell)) is None:
        raise not_utf8(at)
    return found


def is_long(text: str) -> bool:
    """Return True for a text that does not fit into one request."""
    return len(text) > MAX_TEXT_BYTES or len(text.encode()) > MAX_TEXT_BYTES


def too_long() -> BadRequestError:
    """Return the error for a text that is too long for one request."""
    return BadRequestError("bad_text", f"the text is longer than the limit of {MAX_TEXT_BYTES} bytes")


def no_length() -> BadRequestError:
    """Return the error for a length that is asked of a text of several requests."""
    line = "fix_duration is for a text of one request; this one is longer"
    return BadRequestError("bad_parameter", line)


def not_utf8(at: int) -> BadRequestError:
    """Return the error for a text whose byte `at` is wrong."""
    remedy = "convert it first, for example with: iconv -f windows-1252 -t utf-8"
    return BadRequestError("bad_text", f"the text is not UTF-8 (byte {at}); {remedy}")


class Incoming:
    """Makes characters of UTF-8 that comes in parts, without a byte order mark or blanks before it.

    With `markdown` its marks are read.
    """

    def __init__(self, *, markdown: bool = False) -> None:
        self.seen_bytes = 0
        self._markdown: Markdown | None = None
        if markdown:
            from f5ctl.speech.markdown import Markdown

            self._markdown = Markdown()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._begun = False

    def add(self, data: bytes, *, final: bool = False) -> str:
        """Return the text in the next part, the last one with `final`.

        Raises:
            BadRequestError: it is not UTF-8.
        """
        held_bytes = len(self._decoder.getstate()[0])
        try:
            new = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise not_utf8(self.seen_bytes - held_bytes + error.start) from None
        self.seen_bytes += len(data)
        new = new if self._begun else new.removeprefix("\ufeff").lstrip()
        self._begun = self._begun or bool(new)
        return self._markdown.add(new, final=final) if self._markdown else new


def nothing_to_speak() -> BadRequestError:
    """Return the error for a text of marks alone."""
    return BadRequestError("bad_text", "the text has no letter or digit; there is nothing to speak")


def unreadable(name: str, error: OSError, code: Literal["bad_text", "bad_audio"]) -> BadRequestError:
    """Return the error for an input that the system does not let us read."""
    return BadRequestError(code, f"cannot read {name}: {error.strerror}")
