"""What the doctor of voices finds in recordings that have one fault each."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile as sf

from f5d.helpers.voices import examine

TEXT = "Some call me nature, others call me mother nature."
RATE_HZ = 24_000
Wave = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def speech() -> Wave:
    """The f5-tts package's English example: 5 s of clean speech."""
    found = find_spec("f5_tts")
    assert found is not None
    folder = Path((found.submodule_search_locations or [""])[0])
    wave, rate_hz = sf.read(folder / "infer" / "examples" / "basic" / "basic_ref_en.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    return np.asarray(wave, np.float32)


def grades(wave: Wave, text: str | None = TEXT, rate_hz: int = RATE_HZ) -> dict[str, str]:
    buffer = io.BytesIO()
    sf.write(buffer, wave, rate_hz, format="WAV", subtype="PCM_16")
    return {finding.check: finding.grade for finding in examine(buffer.getvalue(), text)}


def faults(wave: Wave, text: str | None = TEXT) -> set[str]:
    return {check for check, grade in grades(wave, text).items() if grade != "ok"}


def test_a_good_recording_has_no_fault(speech: Wave) -> None:
    """Clean speech with its transcript passes every check."""
    found = grades(speech)
    assert set(found) == {"length", "level", "clipping", "noise", "ending", "bandwidth", "transcript"}
    assert set(found.values()) == {"ok"}


def test_each_fault_is_found_and_nothing_else(speech: Wave) -> None:
    """A recording with one fault gets one warning, with what to do about it."""
    noise = np.random.default_rng(0).normal(0, 0.03, len(speech)).astype(np.float32)
    spectrum = np.fft.rfft(speech)
    spectrum[int(3_400 * len(speech) / RATE_HZ) :] = 0
    telephone = np.fft.irfft(spectrum, len(speech)).astype(np.float32)
    padded = np.concatenate([speech, np.zeros(int(2.5 * RATE_HZ), np.float32)])
    loud = np.flatnonzero(np.abs(speech) > 0.2)
    assert faults(speech[: loud[len(loud) // 2]], TEXT[:25]) >= {"ending"}
    assert faults(np.clip(speech * 5, -1, 1)) == {"clipping"}
    assert faults(speech + noise) == {"noise"}
    assert faults(telephone) == {"bandwidth"}
    assert faults(padded) == {"ending"}
    assert faults(speech * np.float32(0.06)) == {"level"}
    assert faults(speech, "Some.") == {"transcript"}
    assert faults(speech, TEXT * 4) == {"transcript"}
    assert "length" in faults(speech[: 2 * RATE_HZ], None)


def test_every_fault_says_what_to_do(speech: Wave) -> None:
    """A finding that is not ok has advice, one that is ok has none."""
    buffer = io.BytesIO()
    sf.write(buffer, np.clip(speech[:RATE_HZ] * 12, -1, 1), RATE_HZ, format="WAV")
    for finding in examine(buffer.getvalue(), TEXT):
        assert bool(finding.fix) == (finding.grade != "ok")


@pytest.mark.parametrize("data", [b"hello", b""], ids=["text", "empty"])
def test_what_is_no_recording_cannot_be_used(data: bytes) -> None:
    """A file that cannot be a voice gets one finding, an error."""
    (finding,) = examine(data, None)
    assert (finding.check, finding.grade) == ("usable", "error")


def test_silence_and_too_much_speech_cannot_be_used(speech: Wave) -> None:
    """Silence is an error, and so is more speech than the model takes with a given transcript."""
    assert grades(np.zeros(RATE_HZ * 4, np.float32)) == {"usable": "error"}
    assert grades(np.tile(speech, 4)) == {"usable": "error"}
