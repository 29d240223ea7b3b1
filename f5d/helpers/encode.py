"""`python -m f5d.helpers.encode FORMAT [TAG_BYTES]`: samples on stdin, a finished audio file on stdout.

For clients that join the audio of several requests and want it in a format that only this side can
write. Samples are mono little-endian signed 16-bit at 24 kHz, as many as there are: of a stdout that is a file
a block is held at a time. Before them come TAG_BYTES (0) of ASCII for the file's comment: not as an argument,
which other users see.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Final

from f5ctl.errors import F5Error
from f5d.engine.audio import FILE_ENCODINGS, write_file

BLOCK_BYTES: Final = 96_000


def main() -> None:
    """Encode stdin; a line on stderr and the error's status when that cannot be done."""
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in FILE_ENCODINGS or not sys.argv[-1].isalnum():
        sys.stderr.write(f"usage: python -m f5d.helpers.encode {{{','.join(FILE_ENCODINGS)}}} [TAG_BYTES]\n")
        sys.exit(2)
    tag = sys.stdin.buffer.read(int(sys.argv[2]) if len(sys.argv) == 3 else 0)
    try:
        with open(1, "wb", buffering=0, closefd=False) as out:
            if out.seekable():
                write_file(out, _samples(sys.stdin.buffer), sys.argv[1], tag.decode("ascii"))
            else:  # a file's head is written last
                _by_way_of_a_file(out, sys.argv[1], tag.decode("ascii"))
    except F5Error as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(error.exit_status)
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        sys.exit(74)


def _by_way_of_a_file(out: io.RawIOBase, encoding: str, tag: str) -> None:
    with tempfile.TemporaryFile() as made:
        write_file(made, _samples(sys.stdin.buffer), encoding, tag)
        made.seek(0)
        shutil.copyfileobj(made, out)


def _samples(source: BinaryIO) -> Iterator[bytes]:
    while block := source.read(BLOCK_BYTES):
        yield block


if __name__ == "__main__":
    main()
