"""What a file that ought to be a checkpoint is: its first bytes tell, and its name only where they do not.

Reads no weights and imports no torch. A file that stands in the place of the weights (a Git LFS pointer, a web
page, an archive, nothing at all) is refused as what it is.
"""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING, Final, Literal

from f5ctl.errors import SynthesisError

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["safetensors", "torch"]

FETCH_AGAIN: Final = "the download broke off; fetch it again"
MAX_HEADER_BYTES: Final = 4 * 2**20  # of a safetensors file: 30,000 tensors or more, and a model has hundreds
LENGTH_BYTES: Final = 8  # in front of that header
_FORMAT_S_OWN_LIMIT: Final = 100 * 2**20
_HEAD_BYTES: Final = 1_024
_SHOWN_CHARS: Final = 60
_ZIP: Final = b"PK\x03\x04"  # torch's format since 1.6
_PICKLE: Final = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))  # the one before
_LFS: Final = b"version https://git-lfs.github.com/"
_OTHERS: Final[dict[bytes, str]] = {
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it",
    b"\xfd7zXZ\0": "an xz archive; unpack it",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it",
    b"GGUF": "a GGUF file; only .safetensors and torch's formats can be read",
    b"\x89HDF": "an HDF5 file; only .safetensors and torch's formats can be read",
}


def checkpoint_format(path: Path) -> Format:
    """Return how the checkpoint in `path` is to be read.

    Raises SynthesisError (model_error) with one line for a file that is missing, cannot be read or holds
    something else than weights.
    """
    head = _head(path)
    if is_zip(head) or head.startswith(_PICKLE):
        return "torch"
    if _begins_safetensors(head):
        return "safetensors"
    if what := stand_in(head):
        raise _fault(path, what)
    return "safetensors" if path.suffix.lower() == ".safetensors" else "torch"


def is_zip(head: bytes) -> bool:
    """Return True for the first bytes of torch's zip format, the only one that can be mapped and not read."""
    return head.startswith(_ZIP)


def stand_in(head: bytes) -> str | None:
    """Return what a file is that begins with `head`, if it only stands in the place of weights or tokens."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return f"is empty: {FETCH_AGAIN}"
    if text.startswith(_LFS):
        return (
            "is a Git LFS pointer, not the file that it stands for: run `git lfs pull` in its repository,"
            " or download the file itself"
        )
    if text.startswith(b"<"):
        return "is a web page, not weights: a login or an error came instead of the file; download it again"
    for start, what in _OTHERS.items():
        if head.startswith(start):
            return f"is {what}"
    return _as_text(text)


def _as_text(head: bytes) -> str | None:
    """Return what a file of plain text is called, with its beginning; None when it is none."""
    try:
        text = head.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    line = " ".join(text.split())
    return f"is text, not weights ({line[:_SHOWN_CHARS]!r}); download the file itself"


def _begins_safetensors(head: bytes) -> bool:
    """True when `head` is the length of a table and the brace that opens it."""
    if head[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
        return False
    return bool(2 <= struct.unpack("<Q", head[:LENGTH_BYTES])[0] <= _FORMAT_S_OWN_LIMIT)


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise _fault(path, "is a folder; the checkpoint is a file in it")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _fault(path, "is no regular file")
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise SynthesisError("model_error", f"checkpoint {path} does not exist") from None
    except OSError as error:
        raise SynthesisError("model_error", f"checkpoint {path} cannot be read: {error.strerror}") from None


def _fault(path: Path, what: str) -> SynthesisError:
    return SynthesisError("model_error", f"{path} {what}")
