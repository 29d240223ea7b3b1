"""Where each character of a sentence is spoken, and how frames are placed to re-time it. Pure arithmetic.

The model spreads its text evenly over its frames (average upsampling), so it learns fastest from speech
whose words keep an even rate of characters. Re-timing moves the centres of the mel frames, which leaves
pitch and timbre as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .flite import Phone

Array = npt.NDArray[np.float64]

LEAD_S: Final = 0.03  # kept before the first phone
TAIL_S: Final = 0.12  # kept after the last one, at most


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of an utterance that is kept, from `start_s` to `end_s`, and its anchors.

    Anchor i says that character `characters[i]` begins at `times_s[i]` after the start of the part; the
    last one is the end of the text.
    """

    start_s: float
    end_s: float
    characters: tuple[int, ...]
    times_s: tuple[float, ...]


def cut(text: str, phones: Sequence[Phone]) -> Cut:
    """Return the spoken part of an utterance of `text` and where its words and pauses lie.

    Raises ValueError when the phones do not name every word once, in order.
    """
    words = text.split(" ")
    starts: list[float] = []
    ends: list[float] = []
    previous_s = 0.0
    for phone in phones:
        if phone.word == len(starts):
            starts.append(previous_s)
            ends.append(phone.end_s)
        elif phone.word >= 0:
            if phone.word != len(starts) - 1:
                raise ValueError(f"phones of word {phone.word} follow those of word {len(starts) - 1}: {text}")
            ends[-1] = phone.end_s
        previous_s = phone.end_s
    if len(starts) != len(words):
        raise ValueError(f"{len(words)} words were written, {len(starts)} spoken: {text}")
    start_s = max(0.0, starts[0] - LEAD_S)
    end_s = min(previous_s, ends[-1] + TAIL_S)
    characters, times_s = [0], [start_s]
    position = 0
    for index, word in enumerate(words):
        if index and starts[index] > times_s[-1]:
            characters.append(position)
            times_s.append(starts[index])
        paused = index + 1 == len(words) or starts[index + 1] > ends[index]
        if paused:  # the punctuation and the blank take the pause
            characters.append(position + len(word.rstrip(".,?!")))
            times_s.append(ends[index])
        position += len(word) + 1
    characters.append(len(text))
    times_s.append(end_s)
    return Cut(start_s, end_s, tuple(characters), tuple(time_s - start_s for time_s in times_s))


def retimed_centres(
    characters: Sequence[int], times_s: Sequence[float], frames: int, *, evenness: float
) -> Array:
    """Return the time in the recording of each of `frames` frames, in seconds.

    Frame i stands at i / frames of the re-timed sentence. `evenness` 0 keeps the proportions of the
    recording, 1 gives every character the same time, values between mix the two.
    """
    natural = np.asarray(times_s, np.float64)
    even = np.asarray(characters, np.float64)
    target = (1 - evenness) * natural / natural[-1] + evenness * even / even[-1]
    return np.interp(np.arange(frames) / frames, target, natural)


def labels_at(times_s: Array, ends_s: Sequence[float]) -> npt.NDArray[np.int64]:
    """Return the index of the phone that sounds at each time."""
    found = np.searchsorted(np.asarray(ends_s), times_s, side="right")
    return np.minimum(found, len(ends_s) - 1)
