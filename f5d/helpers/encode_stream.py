"""`python -m f5d.helpers.encode_stream`: samples on stdin, encoded audio on stdout as soon as it is made.

The first line of stdin is `FORMAT` (mp3, opus or flac), so that a process can be kept ready for any; mono
little-endian signed 16-bit samples at 24 kHz follow. Stdout is a pipe: nothing is rewound, so a FLAC says no
length, and an MP3 has no frame of facts before its first: several can be put together.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import numpy as np
import soundfile as sf

from f5ctl.protocol import SAMPLE_RATE_HZ

FORMATS: Final = {"mp3": ("MP3", "MPEG_LAYER_III"), "opus": ("OGG", "OPUS"), "flac": ("FLAC", "PCM_16")}
READ_BYTES: Final = 48_000  # 1 s; libsndfile's Vorbis and Opus writers suffer from very long writes


def main() -> None:
    """Encode stdin until its end."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return  # nobody wanted anything
        line += byte
    container, codec = FORMATS[line.decode("ascii").strip()]
    left = b""
    with sf.SoundFile(
        1, "w", samplerate=SAMPLE_RATE_HZ, channels=1, format=container, subtype=codec, closefd=False
    ) as made:
        while block := os.read(0, READ_BYTES):
            block = left + block
            whole = len(block) & ~1
            left = block[whole:]
            made.write(np.frombuffer(block[:whole], "<i2"))


if __name__ == "__main__":
    try:
        main()
    except (KeyError, OSError, sf.LibsndfileError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(74)
