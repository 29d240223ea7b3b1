"""Resampling without torchaudio's table of filters, against torchaudio where that can make one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from f5d.engine.recording import MAX_RATE_HZ, MIN_RATE_HZ
from f5d.engine.resampling import MAX_FILTER, filter_size, resampled, resampled_samples
from f5d.model.mel import resample

RNG = np.random.default_rng(5)
USUAL = (8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)

# In a process of its own: VmHWM is the most it has ever held, and ru_maxrss that of its parent too.
GROWTH = """
import re
from pathlib import Path
import numpy as np
from f5d.engine.resampling import resampled

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

resampled(np.zeros(4, np.float32), 44_101, 24_000)  # loads what it needs
before = most()
resampled(np.zeros(12 * 44_101, np.float32), 44_101, 24_000)
print(most() - before)
"""


@pytest.mark.parametrize("rate_hz", [*USUAL, 24_100, 47_250])
def test_it_equals_torchaudio(rate_hz: int) -> None:
    """The same filter, for rates above and below the model's, at any length."""
    for samples in (1, 7, 400, 3_001):
        wave = RNG.standard_normal(samples).astype(np.float32)
        expected = resample(torch.from_numpy(wave), rate_hz, 24_000).numpy()
        got = resampled(wave, rate_hz, 24_000)
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() < 5e-5


@pytest.mark.parametrize("rate_hz", USUAL)
def test_lengths_are_torchaudios(rate_hz: int) -> None:
    """The plan of a text knows how long the recording will be before it is resampled."""
    for samples in RNG.integers(1, 12 * rate_hz, 3).tolist():
        wave = torch.zeros(samples)
        assert resample(wave, rate_hz, 24_000).shape == (resampled_samples(samples, rate_hz, 24_000),)


def test_a_tone_stays_the_tone_at_every_rate() -> None:
    """Rates that share nothing with the model's give the sine that they were given."""
    for rate_hz in (4_001, 12_001, 23_999, 24_001, 44_101, 96_001, 191_999):
        seconds = np.arange(rate_hz // 4) / rate_hz
        got = resampled(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), rate_hz, 24_000)
        expected = np.sin(2 * np.pi * 440 * np.arange(len(got)) / 24_000)
        inner = slice(200, -200)  # the ends stand beside silence
        assert np.abs(got - expected)[inner].max() < 2e-3


def test_usual_rates_are_left_to_torchaudio() -> None:
    """What files have is resampled as before; only what would need a huge table is not."""
    assert all(filter_size(rate_hz, 24_000) <= MAX_FILTER for rate_hz in USUAL)
    assert filter_size(44_101, 24_000) > 10**9
    assert sum(filter_size(rate, 24_000) <= MAX_FILTER for rate in range(MIN_RATE_HZ, MAX_RATE_HZ, 7)) > 10


def test_memory_does_not_depend_on_the_rate() -> None:
    """A twelve-second recording at a hostile rate takes tens of megabytes, where it took tens of gigabytes."""
    result = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert 0 < int(result.stdout) < 200 * 1024  # KiB
