"""What the in-process Python API takes, and how it refuses everything else: name, value, limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

import f5d
from f5d import F5TTSInference, F5TTSInferenceService

from .conftest import STARTER
from .test_inference import MODEL, VOICE, VOICE_TEXT

TEXT = "He stood on the right."
FAST: dict[str, Any] = {"nfe_step": 2, "seed": 1}


@pytest.fixture(scope="module")
def inference() -> F5TTSInference:
    """The bundled model by its name."""
    return F5TTSInference("starter", device="auto", config={"dtype": "float32"})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"target_rms": 2.0}, "target_rms is 2; the limit is 0.001 to 0.5"),
        ({"target_rms": "x"}, "target_rms is 'x'; it must be a number, 0.001 to 0.5"),
        ({"target_rms": True}, "target_rms is True; it must be a number"),
        ({"target_rms": float("nan")}, "target_rms is nan; the limit is"),
        ({"sample_rate": 44_100}, "sample_rate is 44100"),
        ({"hop_length": None}, "hop_length None"),
        ({"device": 0}, "device is 0; it can be auto, cpu, cuda"),
        ({"device": "gpu"}, "unknown device 'gpu'; known: auto, cpu, cuda"),
        ({"config": 3}, "config is 3; it can be an architecture or a table"),
        ({"config": {"dtype": "int4"}}, "unknown dtype 'int4'; known: auto"),
        ({"config": {"colour": "red"}}, "unknown key 'colour'"),
        ({"checkpoint_path": None}, "checkpoint_path is None; it must be a path"),
        ({"checkpoint_path": b"starter"}, "checkpoint_path is b'starter'; it must be a path"),
        ({"vocab_file": 7}, "vocab_file is 7; it must be a path"),
        ({"checkpoint_path": "starter", "vocab_file": None}, "of the model starter only dtype can be chosen"),
    ],
)
def test_a_wrong_argument_of_the_model_is_named(changes: dict[str, Any], line: str) -> None:
    """Nothing wrong is taken for the time being, to fail or to speak oddly later."""
    with pytest.raises(ValueError, match=line):
        F5TTSInference(**{**MODEL, **changes})


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("nfe_step", 7.5, "nfe_step is 7.5; it must be a whole number, 1 to 128"),
        ("nfe_step", True, "nfe_step is True; it must be a whole number"),
        ("nfe_step", None, "nfe_step is None"),
        ("nfe_step", "7", "nfe_step is '7'"),
        ("seed", 1.5, "seed is 1.5; it must be a whole number"),
        ("seed", -1, "seed is -1; the limit is 0 to"),
        ("cfg_strength", "2", "cfg_strength is '2'"),
        ("sway_sampling_coef", None, "sway_sampling_coef is None"),
        ("fix_duration", "long", "fix_duration is 'long'"),
        ("fix_duration", True, "fix_duration is True"),
        ("remove_silence", "yes", "remove_silence is 'yes'; it must be true or false"),
        ("remove_silence", None, "remove_silence is None; it must be true or false"),
        ("loudness", 1, "loudness is 1; it must be true or false"),
        ("volume", np.float32(13), "volume is 13; the limit is -30 to 12 dB"),
        ("sentence_pause", -1, "sentence_pause is -1; the limit is 0 to 5 s"),
        ("cross_fade_duration", [0.1], "cross_fade_duration is [0.1]"),
        ("text", "\ud800 x", "text is '.ud800 x'; it must be a text"),
        ("ref_text", "x" * 5_000, "ref_text is 5000 bytes; the limit is 4096"),
        ("ref_audio", None, "ref_audio is None; it can be a path, the bytes of an audio file, samples at"),
        ("ref_audio", 3, "ref_audio is 3"),
        (
            "ref_audio",
            (np.zeros(9, np.float32), 24_000.5),
            "the rate of ref_audio is 24000.5; the limit is 4000",
        ),
        ("ref_audio", (np.zeros(9, np.float32), True), "the rate of ref_audio is True"),
        ("ref_audio", np.zeros((2, 9, 9), np.float32), "ref_audio has shape (2, 9, 9)"),
        ("ref_audio", np.zeros(0, np.float32), "ref_audio has shape (0,)"),
        ("ref_audio", np.zeros(9, np.uint8), "ref_audio is of type uint8"),
        ("ref_audio", np.full(9, np.nan, np.float32), "ref_audio holds samples that are NaN"),
        ("ref_audio", np.full(9, 3e4, np.float32), "ref_audio reaches 30000; the limit is 16"),
        ("ref_audio", bytes(17 * 2**20), "ref_audio is 17825792 bytes; the limit is 16777216"),
        ("ref_audio", b"no audio", "is not audio"),
        ("ref_audio", Path("/nonexistent.wav"), "/nonexistent.wav does not exist"),
    ],
)
def test_a_wrong_argument_of_generate_is_named(
    inference: F5TTSInference, name: str, value: object, line: str
) -> None:
    """Every kind of wrong value is a ValueError, a missing file FileNotFoundError."""
    arguments: dict[str, Any] = {"text": TEXT, "ref_audio": VOICE, "ref_text": VOICE_TEXT, **FAST, name: value}
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        inference.generate(**arguments)
    assert line.replace(".ud800", "\\ud800") in str(caught.value)


def test_a_recording_in_any_form_gives_the_same_audio(inference: F5TTSInference) -> None:
    """A path, bytes, samples at 24 kHz, and samples of any shape and type with their rate."""
    samples, rate_hz = sf.read(VOICE, dtype="float32")
    whole, _ = sf.read(VOICE, dtype="int16")
    wanted = inference.generate(TEXT, VOICE, VOICE_TEXT, **FAST)
    for form in (
        str(VOICE),
        VOICE.read_bytes(),
        samples,
        (samples, rate_hz),
        (samples[:, None], np.int64(rate_hz)),
        (samples[None], rate_hz),  # a row for each channel, as torchaudio has it
        (samples.astype(np.float64), rate_hz),
        (whole, rate_hz),
    ):
        np.testing.assert_array_equal(inference.generate(TEXT, form, VOICE_TEXT, **FAST), wanted)


def test_a_model_is_found_by_its_name(inference: F5TTSInference) -> None:
    """`starter` is the bundled one, with its own language and limits; an unknown name lists what there is."""
    assert len(inference.generate("It is 10:30.", VOICE, VOICE_TEXT, **FAST)) > 24_000
    with pytest.raises(
        FileNotFoundError, match="gpt does not exist; unknown model 'gpt'; known models: auto, starter"
    ):
        F5TTSInference("gpt", device="cpu")


@pytest.mark.parametrize(
    ("audio", "line"),
    [
        (np.full(9, 9_000, np.int16), "audio is of type int16; samples must be floating-point from -1 to 1"),
        ([1, 2, 3], "audio is of type int64"),
        (np.zeros((2, 9), np.float32), "audio has shape (2, 9); it must be one channel"),
        (np.zeros(0, np.float32), "audio has shape (0,)"),
        (np.float32(0), "audio has shape ()"),
        (None, "audio is of type object"),
        ("noise", "audio is of type <U5"),
        ([[0.1], [0.2, 0.3]], "audio is of type object"),
        (np.array([0.0, np.nan], np.float32), "audio holds samples that are NaN or infinite"),
        (np.array([0.0, -np.inf], np.float32), "audio holds samples that are NaN or infinite"),
        (np.array([0.0, 2e4], np.float32), "audio reaches 20000; the limit is 16"),
    ],
)
def test_what_is_no_audio_makes_no_file(tmp_path: Path, audio: Any, line: str) -> None:
    """Other samples than generate returns would be noise, or twice as long."""
    with pytest.raises(ValueError) as caught:
        F5TTSInference.save_audio(audio, tmp_path / "out.wav")
    assert line in str(caught.value)
    with pytest.raises(ValueError, match="output_path is None; it must be a path"):
        F5TTSInference.save_audio(np.zeros(9, np.float32), None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, list])
def test_floating_point_samples_of_any_size_are_saved(tmp_path: Path, kind: Any) -> None:
    """What other libraries return is taken as well."""
    samples = [0.5, -0.25]
    audio: Any = samples if kind is list else np.array(samples, kind)
    F5TTSInference.save_audio(audio, tmp_path / "out.wav")
    assert sf.read(tmp_path / "out.wav")[0].tolist() == pytest.approx(samples, abs=1e-4)


class SlowPath(os.PathLike[str]):
    """A path that takes as long to say as a test wants: whoever asks is in the middle of generate."""

    def __init__(self) -> None:
        self.asked, self.may_go = threading.Event(), threading.Event()

    def __fspath__(self) -> str:
        self.asked.set()
        assert self.may_go.wait(60)
        return str(VOICE)


def test_the_service_tells_its_state_while_it_speaks() -> None:
    """is_loaded and is_configured do not wait for the sentence that is being spoken."""
    service = F5TTSInferenceService()
    service.configure(**MODEL)
    service.load_model()
    slow = SlowPath()
    speaking = threading.Thread(target=service.generate, args=(TEXT, slow, VOICE_TEXT), kwargs=FAST)
    speaking.start()
    assert slow.asked.wait(60)
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.extend([service.is_loaded(), service.is_configured()]))
    asking.start()
    asking.join(30)
    waits = asking.is_alive()
    slow.may_go.set()
    speaking.join()
    asking.join()
    assert answers == [True, True]
    assert not waits


def test_the_same_model_in_other_words_stays_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path as text, as Path or from the working folder is one file; another table is another model."""
    service = F5TTSInferenceService()
    service.configure(**MODEL)
    service.load_model()
    monkeypatch.chdir(STARTER)
    for checkpoint in (str(STARTER / "model.safetensors"), "model.safetensors", Path("model.safetensors")):
        service.configure(**{**MODEL, "checkpoint_path": checkpoint, "vocab_file": str(MODEL["vocab_file"])})
        assert service.is_loaded()
    with pytest.raises(ValueError, match="vocab_file is 3; it must be a path"):
        service.configure("starter", 3)  # type: ignore[arg-type]
    config = dict(MODEL["config"])
    service.configure(**{**MODEL, "config": config})
    assert service.is_loaded()
    config["reference_gap"] = "  "
    service.configure(**{**MODEL, "config": config})
    assert not service.is_loaded()


@pytest.mark.slow  # mypy reads the package once
def test_type_checkers_and_editors_see_the_classes(tmp_path: Path) -> None:
    """Names that arrive late at run time are classes and functions, not Any."""
    script = tmp_path / "script.py"
    script.write_text(
        "import f5ctl\nimport f5d\n"
        "reveal_type(f5d.F5TTSInference)\nreveal_type(f5d.F5TTSInferenceService)\n"
        "reveal_type(f5d.get_inference_service)\nreveal_type(f5d.F5TTSInference('starter').generate)\n"
        "f5d.nothing\n"
        "reveal_type(f5ctl.say('Hello.'))\nreveal_type(f5ctl.say('Hello.').array())\n"
        "reveal_type(f5ctl.stream('Hello.'))\nf5ctl.nothing\n"
    )
    root = Path(f5d.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(root / "pyproject.toml"), str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    told = [line.partition(": note: ")[2] for line in done.stdout.splitlines() if "Revealed" in line]
    assert "-> f5d.inference.F5TTSInference" in told[0], done.stdout
    assert "-> f5d.inference.F5TTSInferenceService" in told[1]
    assert "def () -> f5d.inference.F5TTSInferenceService" in told[2]
    assert "ndarray" in told[3]
    assert "f5ctl.api.Audio" in told[4]
    assert "floating" in told[5]
    assert "f5ctl.api.Stream" in told[6]
    assert done.stdout.count('has no attribute "nothing"') == 2
