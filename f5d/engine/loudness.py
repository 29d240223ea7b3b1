"""One loudness for every voice and take: a gain for each segment, and a ceiling for its peaks.

A segment's loudness is measured by ITU-R BS.1770 over its speech and brought to the target, so that whole
utterances have it too, streamed or not: a segment's gain depends on nothing but the segment. What would
rise above the ceiling is turned down around its peaks, by a limiter that looks ahead.
Waves are mono float32 arrays at 24 kHz. Imports no torch.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from loudness import integrated_loudness

from f5ctl.protocol import SAMPLE_RATE_HZ
from f5d.engine.silence import Speech, Wave

TARGET_LUFS: Final = -19.0  # what one channel of speech is mixed to for listeners at home, -16 on two
CEILING_DBTP: Final = -1.0
MOST_GAIN_DB: Final = 40.0  # what is quieter than that by itself is hardly speech

_BLOCK: Final = 2 * SAMPLE_RATE_HZ // 5  # BS.1770 measures blocks of 400 ms
_MARGIN_DB: Final = 0.1  # of the limiter, whose gain changes between the samples that it looks at
_LOOK_AHEAD: Final = SAMPLE_RATE_HZ // 200  # 5 ms
_OVERSAMPLING: Final = 4
_PADDING: Final = 1 << 12  # a transform of such lengths is fast, and its ends are apart
_SAFE_DB: Final = 6.0  # nothing between two samples rises so far above them in speech


def loudness_lufs(wave: Wave) -> float:
    """Return the integrated loudness in LUFS; -inf for silence. A wave too short for a block is repeated."""
    if len(wave) == 0:
        return -np.inf
    repeated = np.tile(wave, -(-_BLOCK // len(wave)))
    return float(integrated_loudness(repeated, SAMPLE_RATE_HZ))


def levelled(wave: Wave, speech: Speech, volume_db: float) -> Wave:
    """Return `wave` with its speech `volume_db` above the target, and no true peak above the ceiling."""
    measured = loudness_lufs(wave[speech.start : speech.end])
    gain_db = min(TARGET_LUFS - measured, MOST_GAIN_DB) if np.isfinite(measured) else 0.0
    return limited(amplified(wave, gain_db + volume_db), CEILING_DBTP)


def amplified(wave: Wave, gain_db: float) -> Wave:
    """Return `wave` louder by `gain_db`."""
    louder: Wave = wave * np.float32(10 ** (gain_db / 20))
    return louder


def limited(wave: Wave, ceiling_dbtp: float) -> Wave:
    """Return `wave` with its true peaks (4 times oversampled) at most at the ceiling.

    The gain falls and rises within 5 ms on either side of a peak, and is 1 elsewhere.
    """
    if np.abs(wave).max(initial=0.0) < 10 ** ((ceiling_dbtp - _SAFE_DB) / 20):
        return wave
    ceiling = 10 ** ((ceiling_dbtp - _MARGIN_DB) / 20)
    needed = np.minimum(1.0, ceiling / np.maximum(true_peaks(wave), 1e-9))
    if needed.min() == 1.0:
        return wave
    width = 2 * _LOOK_AHEAD + 1
    held = _sliding_minimum(np.pad(needed, 2 * _LOOK_AHEAD, constant_values=1.0), width)
    window = np.hanning(width + 2)[1:-1]
    gain = np.convolve(held, window / window.sum(), "valid")
    return (wave * gain).astype(np.float32)


def true_peaks(wave: Wave) -> npt.NDArray[np.float64]:
    """Return for each sample the highest absolute value between its neighbours, 4 times oversampled."""
    size = -(-(len(wave) + _PADDING) // _PADDING) * _PADDING
    spectrum = np.fft.rfft(wave, size)
    fine = np.abs(np.fft.irfft(spectrum, _OVERSAMPLING * size)) * _OVERSAMPLING
    after = fine[: _OVERSAMPLING * len(wave)].reshape(len(wave), _OVERSAMPLING).max(axis=1)
    before = np.concatenate([fine[1 - _OVERSAMPLING :].max(keepdims=True), after[:-1]])
    peaks: npt.NDArray[np.float64] = np.maximum(before, after)[: len(wave)]
    return peaks


def _sliding_minimum(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Return the least of every `width` values in a row; as many fewer than `values` as is usual."""
    found, span = values, 1
    while 2 * span <= width:
        found = np.minimum(found[:-span], found[span:])
        span *= 2
    rest = width - span
    return np.minimum(found[: len(found) - rest], found[rest:])
