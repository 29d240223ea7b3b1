"""What a recording is worth as a voice: measures it and says what to fix.

Run as a helper (f5ctl/helper.py) by `f5ctl voices add` and `doctor`: `{"audio": bin, "text": str or nil}`
in, one line of JSON out. Needs numpy and soundfile, no torch, no daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from f5ctl.errors import F5Error
from f5d.engine import audio
from f5d.engine.recording import Recording, read_recording
from f5d.engine.silence import STEP_S, levels_db
from f5d.helpers.wire import serve

BEST_LEAST_S: Final = 3.0
LOUD_ENOUGH_DB: Final = -36.0  # RMS of the speech; below it the microphone's own noise is raised too
GOOD_SNR_DB: Final = 25.0
BAD_SNR_DB: Final = 12.0
NOISE_PERCENTILE: Final = 5
SPEECH_PERCENTILE: Final = 90
ABRUPT_S: Final = 0.03
LONG_TAIL_S: Final = 1.5
EDGE_BELOW_SPEECH_DB: Final = 30.0
EDGE_ABOVE_NOISE_DB: Final = 12.0
NARROW_HZ: Final = 5_500.0
BAND_FLOOR_DB: Final = -65.0  # below the loudest band
FFT_SAMPLES: Final = 2_048
SLOW_UNITS: Final = 5.0  # letters a second, a Han character counting for four
FAST_UNITS: Final = 26.0
WIDE_LETTER_UNITS: Final = 4

Grade = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: its value in words, how good that is, what to do (empty when ok)."""

    check: str
    grade: Grade
    value: str
    fix: str = ""


def examine(data: bytes, text: str | None) -> list[Check]:
    """Return what can be said of a recording, the whole audio file, and its transcript.

    A recording that cannot be used at all gives one finding, `usable`.
    """
    try:
        recording = read_recording(data)
        speech = audio.trim_reference(recording, transcript_given=bool(text))
    except F5Error as error:
        return [Check("usable", "error", error.message, "record 5 to 10 s of clean speech in a quiet room")]
    return [
        _length(speech),
        _level(speech),
        _clipping(recording),
        _noise(recording),
        _ending(recording),
        _bandwidth(recording),
        *_transcript(speech, text),
    ]


def _length(speech: Recording) -> Check:
    value = f"{speech.duration_s:.1f} s of speech"
    if speech.duration_s < BEST_LEAST_S:
        fix = f"record more: under {BEST_LEAST_S:.0f} s little of the voice is heard (best: 5 to 10)"
        return Check("length", "warning", value, fix)
    return Check("length", "ok", value)


def _level(speech: Recording) -> Check:
    level = 20 * np.log10(np.sqrt(np.mean(np.square(speech.wave.astype(np.float64)))) + 1e-12)
    value = f"{level:.0f} dB"
    if level < LOUD_ENOUGH_DB:
        return Check("level", "warning", value, "record closer to the microphone or raise its gain")
    return Check("level", "ok", value)


def _clipping(recording: Recording) -> Check:
    value = f"{recording.clipped_samples} samples ({100 * recording.clipped_share:.2f}%)"
    if recording.is_clipped:
        return Check("clipping", "warning", value, "lower the microphone's gain and record again")
    return Check("clipping", "ok", value)


def _noise(recording: Recording) -> Check:
    levels = np.maximum(levels_db(recording.wave, recording.rate_hz), -100.0)
    floor, speech = np.percentile(levels, [NOISE_PERCENTILE, SPEECH_PERCENTILE])
    snr = speech - floor
    value = f"floor {floor:.0f} dB, {snr:.0f} dB below the speech"
    if snr >= GOOD_SNR_DB:
        return Check("noise", "ok", value)
    how = "much noise or music: it will be heard in every sentence" if snr < BAD_SNR_DB else "audible noise"
    return Check("noise", "warning", value, f"{how}; record in a quiet room, or clean it with a denoiser")


def _ending(recording: Recording) -> Check:
    levels = np.maximum(levels_db(recording.wave, recording.rate_hz), -100.0)
    floor, speech = np.percentile(levels, [NOISE_PERCENTILE, SPEECH_PERCENTILE])
    loud = np.flatnonzero(levels > max(speech - EDGE_BELOW_SPEECH_DB, floor + EDGE_ABOVE_NOISE_DB))
    tail_s = (len(levels) - 1 - (loud[-1] if len(loud) else -1)) * STEP_S
    value = f"{tail_s:.2f} s of silence at the end"
    if tail_s < ABRUPT_S:
        fix = "it ends in the middle of a sound; leave 0.2 to 1 s of silence after the last word"
        return Check("ending", "warning", value, fix)
    if tail_s > LONG_TAIL_S:
        return Check("ending", "warning", value, "cut the silence at the end to 1 s")
    return Check("ending", "ok", value)


def _bandwidth(recording: Recording) -> Check:
    """Find the highest frequency that is still there: the last band within 65 dB of the loudest."""
    wave = recording.wave.astype(np.float64)
    count = max(1, len(wave) // FFT_SAMPLES)
    frames = np.resize(wave, (count, FFT_SAMPLES)) * np.hanning(FFT_SAMPLES)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)
    smooth = np.convolve(power, np.ones(9) / 9, mode="same")
    there = np.flatnonzero(10 * np.log10(smooth / smooth.max() + 1e-20) > BAND_FLOOR_DB)
    highest = float(there[-1]) * recording.rate_hz / FFT_SAMPLES
    value = f"up to {highest / 1000:.1f} kHz, sampled at {recording.rate_hz / 1000:g} kHz"
    if highest < NARROW_HZ:
        fix = "dull as a telephone; record at 24 kHz or more, not through a call or a hands-free headset"
        return Check("bandwidth", "warning", value, fix)
    return Check("bandwidth", "ok", value)


def _transcript(speech: Recording, text: str | None) -> Iterator[Check]:
    if not text:
        return
    units = sum(_units(character) for character in text)
    rate = units / speech.duration_s
    value = f"{rate:.1f} letters a second"
    if rate < SLOW_UNITS:
        fix = "the transcript is too short for the recording: words are missing, or there are long pauses"
        yield Check("transcript", "warning", value, fix)
    elif rate > FAST_UNITS:
        fix = "the transcript is too long for the recording: it must say what is heard, no more"
        yield Check("transcript", "warning", value, fix)
    else:
        yield Check("transcript", "ok", value)


def _units(character: str) -> int:
    if not character.isalnum():
        return 0
    return WIDE_LETTER_UNITS if "\u2e80" <= character <= "\uffdc" else 1


def answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the one answer, the findings."""
    findings = examine(request["audio"], request.get("text"))
    yield {"findings": [asdict(finding) for finding in findings]}


if __name__ == "__main__":
    serve(answers)
