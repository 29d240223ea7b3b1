"""Whether a file's own samples are those that receipts describe: a WAV is read here, FLAC by a helper.

Formats that lose something keep no samples to compare.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from f5ctl.extras import lack
from f5ctl.receipts import describe
from f5ctl.speech.file_tags import Tagged

BLOCK_BYTES: Final = 2**20
DECODER: Final = "f5d.helpers.samples"
_NEEDED: Final = ("silence", "samples", "audio_hash")


def why_not_compared(tagged: Tagged) -> str | None:
    """Return why the samples of a file cannot be compared here; None when they can."""
    if tagged.container == "flac":
        return lack("engine", "comparing the samples of a FLAC file")
    return None if tagged.container == "wav" else f"{tagged.container} keeps no samples as they were"


def holds(path: str, tagged: Tagged, parts: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the samples of the WAV or FLAC file are what `parts`, receipts and silences, describe.

    Raises:
        ConfigError: it is FLAC and there is no engine here.
    """
    if tagged.container == "wav":
        return tagged.is_plain and describe(parts, _wav_blocks(path, *(tagged.samples or (0, 0))))
    from f5ctl.helper import ask_once

    needed = [{key: part[key] for key in _NEEDED if key in part} for part in parts]
    return bool(ask_once(DECODER, path=os.path.abspath(path), parts=needed)["same"])


def _wav_blocks(path: str, start: int, left: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        file.seek(start)
        while left and (block := file.read(min(left, BLOCK_BYTES))):
            left -= len(block)
            yield block
