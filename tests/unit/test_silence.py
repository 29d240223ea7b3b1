"""Where a wave is quiet, whatever hums, clicks or hisses in it."""

from __future__ import annotations

import numpy as np
import pytest
from pydub import AudioSegment
from pydub.silence import detect_silence, split_on_silence

from f5d.engine.silence import Wave, find_speech, quiet_spans, shorten_pauses
from tests.unit.sounds import RATE_HZ, click, hum, noise, samples, silence, speech

WINDOW = samples(0.01)


def spoken(before_s: float, after_s: float, level: float = 0.2) -> Wave:
    return np.concatenate([silence(before_s), speech(1.6, level), silence(after_s)])


CLEAN = spoken(0.3, 0.5)
CASES: dict[str, Wave] = {
    "clean": CLEAN,
    "faint speech": spoken(0.3, 0.5, level=0.004),
    "noise at -60 dB": CLEAN + noise(2.4, -60),
    "noise at -45 dB": CLEAN + noise(2.4, -45),
    "noise at -36 dB": CLEAN + noise(2.4, -36),
    "hum at -30 dB": CLEAN + hum(2.4, -30),
    "hum and noise": CLEAN + hum(2.4, -36, 60) + noise(2.4, -50),
    "an offset": CLEAN + np.float32(0.05),
    "a click after it": click(CLEAN, 2.2),
    "a click before it": click(CLEAN, 0.05),
    "clicks on both sides": click(click(CLEAN, 0.1), 2.35, length_s=0.02),
    "a click in noise": click(CLEAN + noise(2.4, -50), 2.25),
}


@pytest.mark.parametrize("name", CASES)
def test_speech_is_found_between_silences(name: str) -> None:
    """Neither noise nor hum nor a click moves the ends of speech by more than 20 ms."""
    found = find_speech(CASES[name], RATE_HZ)
    assert found.start == pytest.approx(samples(0.3), abs=2 * WINDOW)
    assert found.end == pytest.approx(samples(1.9), abs=2 * WINDOW)
    assert 0 <= found.quiet_from <= found.sound_from <= found.start
    assert found.end <= found.sound_to <= found.quiet_to <= len(CASES[name])


def test_the_quiet_ends_at_a_click() -> None:
    """What is kept as a voice's own silence holds no click."""
    found = find_speech(click(click(CLEAN, 0.05), 2.2), RATE_HZ)
    assert samples(0.05) < found.quiet_from < samples(0.08)
    assert samples(2.18) < found.quiet_to <= samples(2.2)


def test_a_breath_belongs_to_the_word() -> None:
    """An h 40 dB below the vowel, and a p with closed lips before it, are within the sounds."""
    breath = noise(0.08, -52)
    wave = np.concatenate([silence(0.3), breath, speech(1.6), silence(0.2)])
    assert find_speech(wave, RATE_HZ).sound_from == pytest.approx(samples(0.3), abs=WINDOW)
    lips = np.concatenate([silence(0.3), breath[: samples(0.03)], silence(0.04), speech(1.6), silence(0.2)])
    assert find_speech(lips, RATE_HZ).sound_from == pytest.approx(samples(0.3), abs=WINDOW)


def test_the_release_of_a_t_is_no_click() -> None:
    """A short burst 80 ms after a vowel is the end of a word; 300 ms after it, nobody says it."""
    near = np.concatenate([speech(1.0), silence(0.08), noise(0.02, -25), silence(0.3)])
    far = np.concatenate([speech(1.0), silence(0.3), noise(0.02, -25), silence(0.3)])
    assert find_speech(near, RATE_HZ).end == pytest.approx(samples(1.1), abs=WINDOW)
    assert find_speech(far, RATE_HZ).end == pytest.approx(samples(1.0), abs=2 * WINDOW)


@pytest.mark.parametrize("wave", [silence(0.5), silence(0.001), noise(0.5, -50), speech(0.03), silence(0)])
def test_where_nothing_stands_out_the_whole_is_speech(wave: Wave) -> None:
    """All silent, all noise, hardly anything: nothing is cut off."""
    found = find_speech(wave, RATE_HZ)
    assert (found.start, found.end) == (0, len(wave))


def as_segment(wave: Wave) -> AudioSegment:
    data = (np.clip(wave, -1, 1) * 32767).round().astype("<i2").tobytes()
    return AudioSegment(data=data, sample_width=2, frame_rate=RATE_HZ, channels=1)


PAUSED = np.concatenate([speech(1), silence(4), speech(1.005), silence(0.9), speech(1), silence(1.5)])
PAUSES: dict[str, Wave] = {
    "clean": PAUSED,
    "noise below": PAUSED + noise(9.405, -51),
    "noise just above": PAUSED + noise(9.405, -50.5),
    "a click of 10 ms": click(PAUSED + noise(9.405, -70), 3.0, 10 ** (-47 / 20), 0.01),
    "a loud click": click(PAUSED, 3.0, 0.3, 0.01),
    "hum": PAUSED + hum(9.405, -55),
    "all silent": silence(3),
    "short": silence(0.4),
    "a second to the sample": np.concatenate([speech(1), silence(1), speech(1)]),
    "at both ends": np.concatenate([silence(2), speech(1), silence(2)]),
}


@pytest.mark.parametrize("name", PAUSES)
def test_pauses_are_where_upstream_finds_them(name: str) -> None:
    """Whole seconds decide, as pydub's: a click of 10 ms or noise around -50 dB hides no pause."""
    wave = PAUSES[name]
    wanted = detect_silence(as_segment(wave), min_silence_len=1000, silence_thresh=-50, seek_step=10)
    found = [(start * 1000 / RATE_HZ, end * 1000 / RATE_HZ) for start, end in quiet_spans(wave, RATE_HZ)]
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, abs=11)  # a step of 10 ms, and pydub's whole milliseconds


@pytest.mark.parametrize("name", [name for name in PAUSES if name not in ("all silent", "short")])
def test_pauses_of_a_recording_are_shortened_as_upstream_does(name: str) -> None:
    """Two seconds are left of a long pause, one second at either end."""
    wave = PAUSES[name]
    pieces = split_on_silence(
        as_segment(wave), min_silence_len=1000, silence_thresh=-50, keep_silence=1000, seek_step=10
    )
    wanted_s = sum(len(piece) for piece in pieces) / 1000
    assert len(shorten_pauses(wave, RATE_HZ, keep_s=1.0)) / RATE_HZ == pytest.approx(wanted_s, abs=0.03)
