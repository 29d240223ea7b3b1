"""Transcribing a reference, with a tiny random Whisper in the published format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from f5ctl.errors import BadRequestError
from f5d.engine.transcriber import Transcriber, recogniser_dtype

NOISE = np.random.default_rng(0).normal(0, 0.1, 24_000 * 3).astype(np.float32)


def test_a_reference_without_text_is_transcribed(whisper: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The recogniser's words become the reference text, with nothing printed on the way."""
    capfd.readouterr()
    transcriber = Transcriber(str(whisper), "cpu")
    words = transcriber.transcribe(NOISE, 24_000)
    assert words.strip() == words != ""
    assert transcriber.transcribe(NOISE, 24_000) == words
    assert capfd.readouterr().out == ""


def test_a_recogniser_that_is_not_here_is_one_clear_line(tmp_path: Path) -> None:
    """The line names the recogniser and says to pass the text."""
    missing = str(tmp_path / "no-whisper")
    with pytest.raises(BadRequestError, match=f"{missing} cannot be loaded .*; pass --ref-text") as caught:
        Transcriber(missing, "cpu").transcribe(NOISE, 24_000)
    assert caught.value.code == "transcription_unavailable"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("device", "engine_dtype", "wanted"),
    [
        ("cuda:0", "float16", "float16"),
        ("cuda", "bfloat16", "float16"),
        ("cuda:1", "float32", "float32"),
        ("cpu", "bfloat16", "float32"),
    ],
)
def test_a_gpu_without_halves_hears_in_float32(device: str, engine_dtype: str, wanted: str) -> None:
    """What was found out about the GPU when the model was loaded holds for the recogniser too."""
    assert recogniser_dtype(device, engine_dtype) == wanted
