"""`python -m f5d.helpers.samples`: whether a FLAC file's samples are those that receipts describe.

For `f5ctl replay` and `f5ctl inspect`, whose side cannot decode. A file that is damaged, or of another rate or
width than f5d writes, has other samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import soundfile as sf

from f5ctl.protocol import SAMPLE_RATE_HZ
from f5ctl.receipts import describe
from f5d.helpers.wire import serve

_BLOCK_SAMPLES: Final = 2**19


def answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield whether the file at `path` holds exactly what `parts` describe."""
    try:
        with sf.SoundFile(request["path"]) as file:
            ours = (file.channels, file.samplerate, file.subtype) == (1, SAMPLE_RATE_HZ, "PCM_16")
            same = ours and describe(request["parts"], _blocks(file))
    except sf.LibsndfileError:
        same = False
    yield {"same": same}


def _blocks(file: sf.SoundFile) -> Iterator[bytes]:
    while len(block := file.read(_BLOCK_SAMPLES, dtype="int16")):
        yield block.astype("<i2").tobytes()


if __name__ == "__main__":
    serve(answers)
