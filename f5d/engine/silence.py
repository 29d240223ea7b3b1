"""Where a wave is quiet: by the level of windows, so that a click, a hum or faint noise fools nobody.

Waves are mono float32 arrays in -1..1, places are in samples. Knows nothing of models; imports no torch.

Two questions, two ways. Where speech begins and ends is asked of segments that were just made: their own noise
and their own level decide (`find_speech`). Where a pause of a second lies is asked as upstream asks it, by
the level of whole seconds (`quiet_spans`, as pydub's detect_silence).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Wave: TypeAlias = npt.NDArray[np.float32]

PAUSE_DB: Final = -50.0
PAUSE_S: Final = 1.0
STEP_S: Final = 0.01

EDGE_SILENCE_DB: Final = -42.0  # of a reference, as upstream
_HUM_HZ: Final = (70.0, 140.0)  # speech has overtones above; mains hum and offsets lie below
_FLOOR_SHARE: Final = 0.02  # of the windows are taken for silence
_ABOVE_FLOOR_DB: Final = 8.0
_SPEECH_DB: Final = 34.0  # what lies further below the loud parts is no speech that a person hears in a pause,
_SOUND_DB: Final = 45.0  # but may be the breath of an h
_LEAST_DB: Final = 15.0  # below the loud parts every voice has some silence
_CLICK_S: Final = 0.03  # a sound so short is speech only near other speech:
_CLOSURE_S: Final = 0.05  # of the lips before a faint p
_NEAR_S: Final = 0.12  # the release of a final t comes so long after its vowel


def levels_db(wave: Wave, rate_hz: int) -> npt.NDArray[np.float64]:
    """Return the RMS level of every 10 ms window in dB of full scale; silence is -inf."""
    window = max(1, int(STEP_S * rate_hz))
    count = len(wave) // window
    power = np.square(wave[: count * window].astype(np.float64)).reshape(count, window).mean(axis=1)
    with np.errstate(divide="ignore"):
        found: npt.NDArray[np.float64] = 10 * np.log10(power)
    return found


@dataclass(frozen=True, slots=True)
class Speech:
    """Where the speech of a wave lies: from `start` to `end`.

    Faint sounds that belong to it reach from `sound_from` to `sound_to`, and nothing else is heard from
    `quiet_from` to `quiet_to`.
    """

    quiet_from: int
    sound_from: int
    start: int
    end: int
    sound_to: int
    quiet_to: int


def find_speech(wave: Wave, rate_hz: int) -> Speech:
    """Return where the speech of a wave lies; the whole of a wave in which nothing stands out.

    Speech is what is louder than the wave's own quietest windows, within bounds set by its loud ones. A sound
    of 30 ms or less that no other is near is a click: it does not count, but the quiet ends at it.
    """
    window = max(1, int(STEP_S * rate_hz))
    whole = Speech(0, 0, 0, len(wave), len(wave), len(wave))
    if len(wave) < window:
        return whole
    found = levels_db(_without_hum(wave, rate_hz), rate_hz)
    heard = found[np.isfinite(found)]
    if len(heard) == 0:
        return whole
    loud, floor = np.quantile(heard, 0.95), np.quantile(found, _FLOOR_SHARE, method="lower") + _ABOVE_FLOOR_DB
    speech_db, sound_db = (min(max(floor, loud - span), loud - _LEAST_DB) for span in (_SPEECH_DB, _SOUND_DB))
    spoken = _without_clicks(_runs(found > speech_db))
    if not spoken:
        return whole
    start, end = spoken[0][0], spoken[-1][1]
    sounds = _runs(found > sound_db)
    sound_from, sound_to = _reach(sounds, start, end)
    before = max((run[1] for run in sounds if run[1] <= sound_from), default=0)
    after = min((run[0] for run in sounds if run[0] >= sound_to), default=len(found))
    places = [place * window for place in (before, sound_from, start, end, sound_to, after)]
    return Speech(*(len(wave) if place >= len(found) * window else place for place in places))


def _reach(sounds: list[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """Return how far sounds reach around speech: those that are joined to it, but for a stop's closure."""
    gap = round(_CLOSURE_S / STEP_S)
    for run in reversed(sounds):
        if run[0] < start <= run[1] + gap:
            start = run[0]
    for run in sounds:
        if run[0] - gap <= end < run[1]:
            end = run[1]
    return start, end


def _without_hum(wave: Wave, rate_hz: int) -> Wave:
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(len(wave), 1 / rate_hz)
    low, high = _HUM_HZ
    spectrum *= np.clip((hertz - low) / (high - low), 0, 1)
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, end) of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _without_clicks(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the runs of windows without those that are short and alone."""
    long = [run for run in runs if (run[1] - run[0]) * STEP_S > _CLICK_S]
    near = round(_NEAR_S / STEP_S)
    return [
        run
        for run in runs
        if run in long or any(run[0] - end <= near and start - run[1] <= near for start, end in long)
    ]


def quiet_spans(
    wave: Wave, rate_hz: int, *, min_s: float = PAUSE_S, below_db: float = PAUSE_DB
) -> list[tuple[int, int]]:
    """Return (start, end) of every stretch in which any `min_s` together are no louder than `below_db`.

    The windows stand 10 ms apart, from the wave's beginning on; a click in them is averaged away.
    """
    step, size = max(1, int(STEP_S * rate_hz)), int(min_s * rate_hz)
    if len(wave) < size:
        return []
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave.astype(np.float64)))])
    starts = np.arange(0, len(wave) - size + 1, step)
    if starts[-1] + size < len(wave):
        starts = np.append(starts, len(wave) - size)
    quiet = starts[(energy[starts + size] - energy[starts]) / size <= 10 ** (below_db / 10)]
    if len(quiet) == 0:
        return []
    breaks = np.flatnonzero(np.diff(quiet) > size)
    begins, ends = quiet[np.concatenate([[0], breaks + 1])], quiet[np.append(breaks, len(quiet) - 1)] + size
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def shorten_pauses(wave: Wave, rate_hz: int, *, keep_s: float) -> Wave:
    """Return `wave` with every pause over a second cut to `keep_s` on each of its sides."""
    keep = int(keep_s * rate_hz)
    kept, position = [], 0
    for start, end in quiet_spans(wave, rate_hz):
        cut_from = start + keep if start > 0 else 0
        cut_to = end - keep if end < len(wave) else len(wave)
        if cut_from < cut_to:
            kept.append(wave[position:cut_from])
            position = cut_to
    return np.concatenate([*kept, wave[position:]])


def trim_edges(wave: Wave, rate_hz: int) -> Wave:
    """Return `wave` without the windows below -42 dB at its ends, counted from either end as upstream does."""
    wave = wave[_place(_quiet_windows(wave, rate_hz), rate_hz) :]
    quiet = _quiet_windows(wave[::-1], rate_hz)
    whole_ms = round(1000 * len(wave) / rate_hz)
    return wave[: max(0, whole_ms - 10 * quiet) * rate_hz // 1000] if quiet else wave


def _quiet_windows(wave: Wave, rate_hz: int) -> int:
    """Return how many windows of 10 ms below -42 dB a wave begins with."""
    places = np.array([_place(count, rate_hz) for count in range(len(wave) * 100 // rate_hz + 2)])
    places = np.minimum(places, len(wave))
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave.astype(np.float64)))])
    power = np.diff(energy[places]) / np.maximum(1, np.diff(places))
    return int(np.argmax(np.append(power >= 10 ** (EDGE_SILENCE_DB / 10), [True])))


def _place(windows: int, rate_hz: int) -> int:
    return windows * rate_hz // 100
