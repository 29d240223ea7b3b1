"""`python -m f5d.helpers.encode_stream`: samples on stdin, encoded audio on stdout as soon as it is made.

The first line of stdin is `FORMAT` (mp3, opus or flac), so that a process can be kept ready for any; mono
little-endian signed 16-bit samples at 24 kHz follow. Stdout is a pipe: nothing is rewound, so a FLAC says no
length, and an MP3 has no frame of facts before its first: several can be put together.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import soundfile as sf

from f5ctl.errors import F5Error
from f5d.engine.audio import BLOCK_BYTES, add_block, begin_file

FORMATS: Final = ("mp3", "opus", "flac")  # which need no going back


def main() -> None:
    """Encode stdin until its end."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return  # nobody wanted anything
        line += byte
    encoding = line.decode("ascii").strip()
    if encoding not in FORMATS:
        raise ValueError(f"{encoding!r:.20} is none of {', '.join(FORMATS)}")
    left = b""
    with begin_file(1, encoding) as made:
        while block := os.read(0, BLOCK_BYTES):
            block = left + block
            whole = len(block) & ~1
            left = block[whole:]
            add_block(made, block[:whole])


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, F5Error, sf.LibsndfileError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(74)
