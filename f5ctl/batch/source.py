"""A manifest's bytes become text: what is no text is refused, and a guess at the encoding is told. Pure.

UTF-8 with or without a mark, UTF-16 as Excel's "Unicode text" has it, and Windows-1252 as its plain CSV has it
in Western Europe and the Americas (f5ctl/speech/decoding.py).
"""

from __future__ import annotations

from typing import Final

from f5ctl.errors import BadRequestError
from f5ctl.speech.decoding import WESTERN, decode

_NO_TEXT: Final = (
    (b"PK\x03\x04", "a workbook or another ZIP file; save its table as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an Office file; save its table as CSV (UTF-8)"),
    (b"%PDF", "a PDF; a manifest is a text"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"RIFF", "a recording; a manifest is a text"),
    (b"OggS", "a recording; a manifest is a text"),
    (b"fLaC", "a recording; a manifest is a text"),
    (b"ID3", "a recording; a manifest is a text"),
)


def decoded(data: bytes, name: str) -> tuple[str, str]:
    """Return the text in `data`, and a warning if its encoding had to be guessed ("" otherwise).

    Raises:
        BadRequestError: it is no text, or in no encoding that can be told.
    """
    for magic, what in _NO_TEXT:
        if data.startswith(magic):
            raise BadRequestError("bad_text", f"{name} is {what}")
    try:
        found = decode(data)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].decode(error.encoding, "replace").count("\n") + 1
        raise BadRequestError("bad_text", f"{name} is not {error.encoding.upper()} (line {line})") from None
    if found.guess != WESTERN:
        return found.text, ""
    fault = f"{name} is not UTF-8 (line {found.line})"
    if found.is_foreign:
        raise BadRequestError("bad_text", f"{fault}, nor {WESTERN}; save it as UTF-8")
    return found.text, f"{fault}; it is read as {WESTERN}"
