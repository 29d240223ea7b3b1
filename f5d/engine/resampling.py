"""Resampling for rates whose filter torchaudio would write out as a table of gigabytes. Imports no torch.

torchaudio computes one filter for each place that an output sample can have between two input samples: for
44,101 Hz and 24,000 Hz that is 24,000 filters. Here each output sample's filter is computed as it is needed,
with the same window and width, so that the results agree but for torchaudio's rounding.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from f5d.engine.silence import Wave

MAX_FILTER: Final = 65_536  # numbers; what the usual rates need has at most 51,520

_ZERO_CROSSINGS: Final = 6  # on either side, and
_ROLL_OFF: Final = 0.99  # torchaudio's defaults
_AT_ONCE: Final = 16_384  # output samples


def filter_size(from_hz: int, to_hz: int) -> int:
    """Return how many numbers torchaudio's table of filters holds for two rates."""
    common = math.gcd(from_hz, to_hz)
    before, after = from_hz // common, to_hz // common
    return after * (2 * _half_width(before, after) + before)


def resampled_samples(samples: int, from_hz: int, to_hz: int) -> int:
    """Return how many samples torchaudio makes of `samples`: it reckons in single precision."""
    common = math.gcd(from_hz, to_hz)
    return int(np.ceil(np.float32(to_hz // common * samples / (from_hz // common))))


def resampled(wave: Wave, from_hz: int, to_hz: int) -> Wave:
    """Return [samples] float32 at another rate, as torchaudio.transforms.Resample computes it.

    In time and memory it is linear in the samples of input and output, whatever the rates are.
    """
    common = math.gcd(from_hz, to_hz)
    before, after = from_hz // common, to_hz // common
    cutoff = min(before, after) * _ROLL_OFF
    half = _half_width(before, after)
    padded = np.concatenate([np.zeros(half, np.float32), wave, np.zeros(half + 2, np.float32)])
    count = resampled_samples(len(wave), from_hz, to_hz)
    taps = np.arange(-half, half + 2)
    made = np.empty(count, np.float32)
    for start in range(0, count, _AT_ONCE):
        index = np.arange(start, min(start + _AT_ONCE, count))
        nearest, between = np.divmod(index * before, after)  # the input sample before, and how far beyond it
        distance = (taps / before - (between / after / before)[:, None]) * cutoff  # in zero crossings
        np.clip(distance, -_ZERO_CROSSINGS, _ZERO_CROSSINGS, out=distance)
        weights = np.sinc(distance) * np.cos(distance * (math.pi / _ZERO_CROSSINGS / 2)) ** 2
        weights *= cutoff / before
        made[start : start + len(index)] = (padded[nearest[:, None] + taps + half] * weights).sum(axis=1)
    return made


def _half_width(before: int, after: int) -> int:
    return math.ceil(_ZERO_CROSSINGS * before / (min(before, after) * _ROLL_OFF))
