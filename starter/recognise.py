"""What an independent recogniser hears: pocketsphinx with the model that ships in its package."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from f5d.model.mel import resample

from .corpus import words_of

RATE_HZ: Final = 16_000
SILENCE_S: Final = 0.2  # around the speech; the recogniser expects some


def transcribe(wave: npt.NDArray[np.float32], rate_hz: int) -> str:
    """Return the words that the recogniser hears in a mono wave; empty when it hears none."""
    samples = resample(torch.from_numpy(np.ascontiguousarray(wave)), rate_hz, RATE_HZ).numpy()
    quiet = np.zeros(int(SILENCE_S * RATE_HZ), np.float32)
    pcm = (np.clip(np.concatenate([quiet, samples, quiet]), -1, 1) * 32767).astype("<i2").tobytes()
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return "" if heard is None else str(heard.hypstr)


def word_errors(expected: Sequence[str], heard: Sequence[str]) -> int:
    """Return the least number of words to insert, delete or replace to get from one to the other."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(expected, 1):
        previous, row[0] = row[0], count
        for column, other in enumerate(heard, 1):
            changed = previous + (word != other)
            previous, row[column] = row[column], min(changed, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def word_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the word errors of all (expected, heard) texts together over the words expected."""
    errors = sum(word_errors(words_of(expected), words_of(heard)) for expected, heard in pairs)
    return errors / sum(len(words_of(expected)) for expected, _ in pairs)


@cache
def _decoder() -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=RATE_HZ, loglevel="FATAL")
