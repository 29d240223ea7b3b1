"""The in-process Python API, with the bundled model."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from f5d import F5TTSInference, F5TTSInferenceService, get_inference_service

from .conftest import STARTER

MODEL: dict[str, Any] = {
    "checkpoint_path": STARTER / "model.safetensors",
    "vocab_file": STARTER / "vocab.txt",
    "device": "cpu",
    "config": {
        "architecture": "starter",
        "vocoder": str(STARTER / "vocoder"),
        "reference_gap": " ",
        "dtype": "float32",
    },
}
VOICE = STARTER / "voices" / "rms_0.wav"
VOICE_TEXT = (STARTER / "voices" / "rms_0.txt").read_text().strip()


@pytest.fixture(scope="module")
def inference() -> F5TTSInference:
    """The bundled model, loaded once."""
    return F5TTSInference(**MODEL)


def test_text_becomes_samples_and_a_file(inference: F5TTSInference, tmp_path: Path) -> None:
    """Four lines of Python make a WAV file, the same for the same seed."""
    wave = inference.generate("He stood on the right.", VOICE, VOICE_TEXT, nfe_step=4, seed=3)
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    again = inference.generate("He stood on the right.", VOICE, VOICE_TEXT, nfe_step=4, seed=3)
    np.testing.assert_array_equal(wave, again)
    inference.save_audio(wave, tmp_path / "out.wav")
    saved, rate_hz = sf.read(tmp_path / "out.wav")
    assert rate_hz == 24_000
    assert len(saved) == len(wave)
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


def test_a_long_text_is_one_wave(inference: F5TTSInference) -> None:
    """Several segments come back as one."""
    text = "He stood on the right. " * 8
    wave = inference.generate(text, VOICE, VOICE_TEXT, nfe_step=np.int64(2), seed=np.int64(3))  # numpy's, too
    assert len(wave) > 24_000 * 8


SENTENCES = ("This is the road that leads to the old mill.", "There is a letter on the table for you.")


def test_a_long_text_is_joined_in_quiet(inference: F5TTSInference) -> None:
    """Between two paragraphs it is quiet for 600 ms; cross-faded it is not."""
    from f5d.engine.silence import quiet_spans

    def longest_s(wave: np.ndarray) -> float:
        spans = quiet_spans(wave[: -24_000 // 4], 24_000, min_s=0.05, below_db=-45)
        return max((end - start for start, end in spans), default=0) / 24_000

    text = "\n\n".join(SENTENCES)
    wave = inference.generate(text, VOICE, VOICE_TEXT, nfe_step=7, seed=3)
    assert longest_s(wave) == pytest.approx(0.6, abs=0.08)
    faded = inference.generate(text, VOICE, VOICE_TEXT, nfe_step=7, seed=3, cross_fade_duration=0.15)
    assert longest_s(faded) < 0.2
    assert len(wave) - len(faded) > 0.6 * 24_000


def test_no_word_is_lost_at_a_join(inference: F5TTSInference) -> None:
    """What follows a pause is sample for sample the same however long the pause is."""
    one, other = (
        inference.generate("\n\n".join(SENTENCES), VOICE, VOICE_TEXT, nfe_step=4, seed=3, sentence_pause=pause)
        for pause in (0.3, 1.0)
    )
    same = 2 * 24_000  # nearly all of the second sentence
    np.testing.assert_array_equal(one[-same:], other[-same:])
    assert len(other) - len(one) == pytest.approx(1.4 * 24_000, abs=1)


def test_every_voice_is_as_loud_as_the_next(inference: F5TTSInference) -> None:
    """Speech comes out at -19 LUFS, with a volume so much above or below, or raw as the model makes it."""
    from f5d.engine.loudness import TARGET_LUFS, loudness_lufs

    def loud(*, loudness: bool = True, volume: float = 0.0) -> float:
        wave = inference.generate(
            SENTENCES[0], VOICE, VOICE_TEXT, nfe_step=4, seed=3, loudness=loudness, volume=volume
        )
        return loudness_lufs(wave)

    usual = loud()
    assert usual == pytest.approx(TARGET_LUFS, abs=0.7)
    assert loud(volume=-9) == pytest.approx(usual - 9, abs=0.1)
    assert loud(loudness=False) > TARGET_LUFS + 1


@pytest.mark.parametrize(
    ("changes", "error", "line"),
    [
        ({"text": " "}, ValueError, "text is empty"),
        ({"text": 3}, ValueError, "text is 3; it must be a text"),
        ({"ref_text": None}, ValueError, "ref_text is None; it must be a text"),
        ({"speed": None}, ValueError, "speed is None; it must be a number"),
        ({"nfe_step": 0}, ValueError, "nfe_step is 0; the limit is 1 to 128"),
        ({"speed": float("nan")}, ValueError, "speed is nan"),
        ({"cfg_strength": 0.5}, ValueError, "0 or 1 to 3"),
        ({"ref_audio": "/nonexistent.wav"}, FileNotFoundError, "does not exist"),
        ({"ref_audio": Path(__file__)}, ValueError, "is not audio"),
    ],
)
def test_bad_arguments_raise_pythons_own_errors(
    inference: F5TTSInference, changes: dict[str, object], error: type[Exception], line: str
) -> None:
    """What is wrong, the value and the limit are in the message."""
    arguments: dict[str, Any] = {"text": "Hi there", "ref_audio": VOICE, "ref_text": VOICE_TEXT, **changes}
    with pytest.raises(error, match=line):
        inference.generate(**arguments)


def test_a_model_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    """A missing file is FileNotFoundError; a file that is no checkpoint is RuntimeError."""
    with pytest.raises(FileNotFoundError):
        F5TTSInference(tmp_path / "no.safetensors", STARTER / "vocab.txt", device="cpu")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\0" * 100)
    with pytest.raises(RuntimeError, match=r"broken\.safetensors"):
        F5TTSInference(**{**MODEL, "checkpoint_path": broken})
    with pytest.raises(ValueError, match="sample_rate"):
        F5TTSInference(broken, STARTER / "vocab.txt", device="cpu", sample_rate=16_000)


def test_an_unloaded_model_speaks_no_more() -> None:
    """`unload` gives the memory back; generate then raises."""
    inference = F5TTSInference(**MODEL)
    inference.unload()
    with pytest.raises(RuntimeError, match="unloaded"):
        inference.generate("Hi there", VOICE, VOICE_TEXT)


def test_a_file_that_cannot_be_written_leaves_nothing(inference: F5TTSInference, tmp_path: Path) -> None:
    """An unknown suffix and a missing folder are errors, and no temporary file stays."""
    with pytest.raises(ValueError, match="no known audio suffix"):
        inference.save_audio(np.zeros(10, np.float32), tmp_path / "out.xyz")
    with pytest.raises(OSError, match="No such file"):
        inference.save_audio(np.zeros(10, np.float32), tmp_path / "none" / "out.wav")
    assert list(tmp_path.iterdir()) == []


def test_the_service_is_one_lazy_and_thread_safe(tmp_path: Path) -> None:
    """Threads share one model, loaded by the first of them; unloading is not the end."""
    service = get_inference_service()
    assert service is F5TTSInferenceService.get_instance()
    assert not service.is_configured()
    with pytest.raises(RuntimeError, match="not configured"):
        service.generate("Hi there", VOICE, VOICE_TEXT)
    service.configure(**MODEL)
    assert service.is_configured()
    assert not service.is_loaded()
    waves: list[np.ndarray] = []
    speak = lambda: waves.append(service.generate("He stood.", VOICE, VOICE_TEXT, nfe_step=2, seed=1))  # noqa: E731
    threads = [threading.Thread(target=speak) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({wave.tobytes() for wave in waves}) == 1
    assert service.is_loaded()
    service.save_audio(waves[0], tmp_path / "out.flac")
    assert (tmp_path / "out.flac").read_bytes()[:4] == b"fLaC"
    service.unload_model()
    assert not service.is_loaded()
    service.load_model()
    assert service.is_loaded()
    service.unload_model()


def test_importing_f5d_is_light() -> None:
    """`import f5d` loads neither torch nor numpy; the classes arrive when they are named."""
    light = "import sys, f5d; assert not {'torch', 'numpy'} & set(sys.modules)"
    code = f"{light}; f5d.F5TTSInference; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
