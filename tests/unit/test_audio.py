"""Silence, cross-fades, checks: arrays in, arrays out."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError, SynthesisError
from f5d.engine import audio
from f5d.engine.joins import CrossFader
from f5d.engine.recording import Recording, read_recording
from f5d.engine.silence import Wave, shorten_pauses

RATE_HZ = 24_000


def tone(duration_s: float, level: float = 0.3) -> Wave:
    """Return a tone."""
    wave: Wave = (np.sin(np.arange(int(duration_s * RATE_HZ)) * 0.1) * level).astype(np.float32)
    return wave


def silence(duration_s: float) -> Wave:
    """Return silence."""
    return np.zeros(int(duration_s * RATE_HZ), np.float32)


def faded(waves: list[Wave], fade: int) -> Wave:
    """Join waves as upstream's infer_batch_process does: accumulate, fade the overlap linearly."""
    joined = waves[0]
    for wave in waves[1:]:
        n = min(fade, len(joined), len(wave))
        up = np.linspace(0, 1, n)
        overlap = joined[len(joined) - n :] * (1 - up) + wave[:n] * up
        joined = np.concatenate([joined[: len(joined) - n], overlap, wave[n:]])
    return joined


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(0, 150), st.integers(0, 5))
def test_streamed_cross_fades_equal_the_whole(lengths: list[int], fade: int, restart: int) -> None:
    """Piece by piece, also when taken up again from the carry, the join is upstream's."""
    rng = np.random.default_rng(1)
    waves = [rng.normal(0, 0.1, length).astype(np.float32) for length in lengths]
    fader, pieces = CrossFader(fade), []
    for number, wave in enumerate(waves):
        if number == restart:
            fader = CrossFader(fade, fader.carry)
        pieces.append(fader.push(wave, last=number == len(waves) - 1))
    np.testing.assert_allclose(np.concatenate(pieces), faded(waves, fade), atol=1e-6)


def test_edges_are_trimmed_and_long_pauses_shortened() -> None:
    """Silence before and after goes; a pause of 5 s becomes 2 s; 50 ms are added, as upstream does."""
    wave = np.concatenate([silence(3), tone(1), silence(5), tone(1), silence(0.5)])
    trimmed = audio.trim_reference(Recording(wave, RATE_HZ), transcript_given=True)
    assert trimmed.duration_s == pytest.approx(1 + 2 + 1 + 0.05, abs=0.03)


def test_a_long_untranscribed_recording_is_cut_at_a_pause() -> None:
    """Nothing was said about its words yet, so it is cut where nobody speaks."""
    wave = np.concatenate([tone(8), silence(0.4), tone(8)])
    trimmed = audio.trim_reference(Recording(wave, RATE_HZ), transcript_given=False)
    assert trimmed.duration_s == pytest.approx(8.05, abs=0.05)


def test_pauses_in_speech_are_kept_up_to_a_second() -> None:
    """remove_silence leaves half a second on each side of a long pause and touches no short one."""
    wave = np.concatenate([tone(1), silence(3), tone(1), silence(0.9), tone(1)])
    assert len(shorten_pauses(wave, RATE_HZ, keep_s=0.5)) / RATE_HZ == pytest.approx(4.9, abs=0.03)
    assert len(shorten_pauses(tone(1), RATE_HZ, keep_s=0.5)) == RATE_HZ


@pytest.mark.parametrize(
    ("wave", "line"),
    [
        (np.full(100, np.nan, np.float32), "NaN or infinite"),
        (silence(1), "is silent"),
        (tone(1), "is 24000 samples long instead of 48000"),
    ],
)
def test_bad_output_is_never_passed_on(wave: Wave, line: str) -> None:
    """Silence, NaN or a wrong length is an error, not an audio file."""
    expected = 48_000 if "instead" in line else len(wave)
    with pytest.raises(SynthesisError, match=line):
        audio.check_speech(wave, expected_samples=expected, where="segment 1 of 1")


def test_pcm_is_clipped_not_wrapped() -> None:
    """Samples beyond full scale stay at full scale."""
    assert np.frombuffer(audio.to_pcm(np.array([2, -2, 0], np.float32)), "<i2").tolist() == [32767, -32767, 0]


def packed(samples: Wave, rate_hz: int, form: str = "FLAC") -> bytes:
    """Return an audio file."""
    buffer = io.BytesIO()
    sf.write(buffer, samples, rate_hz, format=form)
    return buffer.getvalue()


def test_a_recording_that_decodes_to_hours_is_refused_early() -> None:
    """A few kilobytes of FLAC that hold two hours are decoded for a minute, no longer."""
    bomb = packed(np.zeros(8_000 * 7_200, np.float32), 8_000)
    assert len(bomb) < 2**20
    with pytest.raises(BadRequestError, match="is 7200 s long; the limit is 60 s"):
        read_recording(bomb)


@pytest.mark.parametrize(("channels", "rate_hz", "line"), [(32, 24_000, "32 channels"), (1, 1, "1 Hz")])
def test_odd_shapes_of_recordings_are_refused(channels: int, rate_hz: int, line: str) -> None:
    """Thirty-two channels or one sample a second are refused with the limit."""
    with pytest.raises(BadRequestError, match=line):
        read_recording(packed(np.zeros((4_800, channels), np.float32), rate_hz, "WAV"))
