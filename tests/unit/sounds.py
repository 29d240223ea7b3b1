"""Waves for the tests of silence, joins and loudness: what stands for speech, and what must not pass for it."""

from __future__ import annotations

import numpy as np

from f5d.engine.silence import Wave

RATE_HZ = 24_000


def samples(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def silence(seconds: float) -> Wave:
    return np.zeros(samples(seconds), np.float32)


def speech(seconds: float, level: float = 0.2, seed: int = 1) -> Wave:
    """Return syllables of a fifth of a second: a tone with overtones that swells and falls by 20 dB."""
    time = np.arange(samples(seconds)) / RATE_HZ
    parts = np.arange(1, 12)[:, None]
    voice = (np.sin(2 * np.pi * 140 * parts * time + seed * parts) / parts).sum(axis=0)
    swell = 0.1 + 0.9 * np.abs(np.sin(np.pi * time / 0.2 + 0.6))
    wave: Wave = (level * voice * swell).astype(np.float32)
    return wave


def noise(seconds: float, level_db: float, seed: int = 1) -> Wave:
    rng = np.random.default_rng(seed)
    wave: Wave = rng.normal(0, 10 ** (level_db / 20), samples(seconds)).astype(np.float32)
    return wave


def hum(seconds: float, level_db: float, hertz: float = 50) -> Wave:
    time = np.arange(samples(seconds)) / RATE_HZ
    wave: Wave = (np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return wave


def click(wave: Wave, at_s: float, level: float = 0.3, length_s: float = 0.005) -> Wave:
    """Return `wave` with a burst of noise in it."""
    clicked: Wave = wave.copy()
    start = samples(at_s)
    burst = np.random.default_rng(2).uniform(-level, level, samples(length_s))
    clicked[start : start + len(burst)] += burst.astype(np.float32)[: len(clicked) - start]
    return clicked
