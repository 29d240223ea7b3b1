"""Every voice as loud as the next, and no peak over the ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from f5d.engine.loudness import (
    CEILING_DBTP,
    TARGET_LUFS,
    amplified,
    levelled,
    limited,
    loudness_lufs,
    true_peaks,
)
from f5d.engine.silence import Wave, find_speech
from tests.unit.sounds import RATE_HZ, click, noise, silence, speech


def sine(hertz: float, level_db: float, seconds: float = 2.0, phase: float = 0.0) -> Wave:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * time + phase)).astype(np.float32)


def true_peak_db(wave: Wave) -> float:
    """Return the true peak, 16 times oversampled: four times finer than the standard asks for."""
    padded = np.concatenate([np.zeros(2_000), wave, np.zeros(2_000)])
    spectrum = np.fft.rfft(padded)
    fine = np.fft.irfft(spectrum, 16 * len(padded)) * 16
    return float(20 * np.log10(np.abs(fine).max()))


def made(wave: Wave, volume_db: float = 0.0) -> Wave:
    return levelled(wave, find_speech(wave, RATE_HZ), volume_db)


def test_loudness_is_that_of_the_standard() -> None:
    """A sine of 997 Hz at full scale in one channel is at -3.01 LUFS; 20 dB less is 20 LU less."""
    assert loudness_lufs(sine(997, 0)) == pytest.approx(-3.01, abs=0.1)
    assert loudness_lufs(sine(997, -20)) == pytest.approx(-23.01, abs=0.1)
    assert loudness_lufs(sine(50, -20)) < -25  # hum is heard less
    assert loudness_lufs(silence(1)) == -np.inf
    assert loudness_lufs(silence(0)) == -np.inf


@pytest.mark.parametrize("level", [0.005, 0.03, 0.2, 0.6])
@pytest.mark.parametrize("around_s", [0.0, 0.5, 3.0])
def test_every_take_comes_out_as_loud(level: float, around_s: float) -> None:
    """Quiet or loud, with silence around it or none: at the target, to a tenth of a decibel."""
    wave = made(np.concatenate([silence(around_s), speech(2, level), silence(around_s)]))
    found = find_speech(wave, RATE_HZ)
    assert loudness_lufs(wave[found.start : found.end]) == pytest.approx(TARGET_LUFS, abs=0.1)
    assert loudness_lufs(wave) == pytest.approx(TARGET_LUFS, abs=1.0)  # a meter counts some of the silence


@pytest.mark.parametrize("volume_db", [-30, -6, 3])
def test_the_volume_is_relative_to_the_target(volume_db: float) -> None:
    """6 dB less is 6 LU less."""
    assert loudness_lufs(made(speech(2), volume_db)) == pytest.approx(TARGET_LUFS + volume_db, abs=0.5)


def test_a_word_shorter_than_a_block_is_levelled_too() -> None:
    """A 'yes' of 200 ms is as loud as a sentence."""
    wave = np.concatenate([silence(0.1), speech(0.2, 0.01), silence(0.1)])
    found = find_speech(wave, RATE_HZ)
    loud = loudness_lufs(made(wave)[found.start : found.end])
    assert loud == pytest.approx(TARGET_LUFS, abs=0.1)


def test_silence_is_not_made_loud() -> None:
    """What holds no speech stays as it is; noise rises by 40 dB at most."""
    np.testing.assert_array_equal(made(silence(1)), silence(1))
    assert np.abs(made(noise(1, -72))).max() < 0.2


@pytest.mark.parametrize(
    "wave",
    [
        speech(1, 0.9),
        click(speech(1, 0.05), 0.5, 3.0),
        sine(6_000, 3.0, phase=0.7),  # its samples never show its peaks
        sine(8_000, 12.0, phase=0.3),
        noise(1, -6.0),
        np.ones(5, np.float32),
        np.concatenate([silence(0.1), np.full(1, 4, np.float32), silence(0.1)]),
    ],
)
def test_no_true_peak_is_above_the_ceiling(wave: Wave) -> None:
    """Measured between the samples too, to the 0.3 dB by which 4 times oversampling can miss one."""
    tamed = limited(wave, CEILING_DBTP)
    assert len(tamed) == len(wave)
    assert true_peak_db(tamed) <= CEILING_DBTP + 0.3


def test_loud_speech_keeps_its_shape() -> None:
    """With 12 dB of volume the ceiling holds, and the gain changes slowly: no sample is clipped."""
    wave = speech(2)
    loud = made(wave, 12)
    assert true_peak_db(loud) <= CEILING_DBTP + 0.05
    gain = loud[np.abs(wave) > 0.01] / wave[np.abs(wave) > 0.01]
    assert np.abs(np.diff(gain)).max() < 0.1 * gain.max()
    assert np.corrcoef(wave, loud)[0, 1] > 0.97


def test_what_is_below_the_ceiling_is_untouched() -> None:
    """The limiter is a straight wire for usual speech, and around a single peak."""
    np.testing.assert_array_equal(limited(speech(1, 0.1), CEILING_DBTP), speech(1, 0.1))
    spiked = click(speech(1, 0.05), 0.5, 2.0, 0.001)
    tamed = limited(spiked, CEILING_DBTP)
    near = slice(int(0.485 * RATE_HZ), int(0.515 * RATE_HZ))
    changed = np.flatnonzero(tamed != spiked)
    assert near.start < changed.min() < changed.max() < near.stop


def test_true_peaks_are_between_the_samples() -> None:
    """A sine at a quarter of the rate, sampled off its tops, has its peak 3 dB above its samples."""
    wave = sine(6_000, 0, phase=np.pi / 4)
    assert np.abs(wave).max() == pytest.approx(0.7071, abs=0.001)
    assert true_peaks(wave)[100:-100].max() == pytest.approx(1.0, abs=0.01)
    assert len(true_peaks(wave[:3])) == 3


def test_a_gain_is_a_gain() -> None:
    """6 dB double."""
    np.testing.assert_allclose(amplified(speech(0.1), 6.0206), 2 * speech(0.1), rtol=1e-4)
