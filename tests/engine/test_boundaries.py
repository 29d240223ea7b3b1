"""Where a long text is cut: the installed f5-tts package is the oracle, from the recording's file on."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from f5d import F5TTSInference
from f5d.catalog.voices import Reference
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.types import Parameters

from .conftest import STARTER

TEXTS = 63  # for each recording
WORDS = re.findall(
    r"\w+",
    """the a of and to in was he that it had his with her as for be at on not by which from or one all morning
    evening window garden letter remember together nobody everything river mountain quietly""",
)
# Length of the speech in s, silence before and after it, rate in Hz, and how many words it says.
RECORDINGS = [
    (3.0, 0.0, 0.0, 24_000, 8),
    (3.4, 0.317, 0.123, 44_100, 9),
    (4.21, 0.05, 0.7, 16_000, 12),
    (5.0, 0.2, 0.2, 48_000, 14),
    (5.73, 0.011, 0.019, 22_050, 15),
    (6.6, 0.4, 0.0, 24_000, 18),
    (7.31, 0.0, 0.333, 44_100, 19),
    (8.05, 1.0, 0.9, 32_000, 22),
    (9.37, 0.1, 0.1, 24_000, 25),
    (10.2, 0.25, 0.15, 16_000, 27),
    (11.1, 0.03, 0.07, 44_100, 30),
    (11.8, 0.0, 0.0, 24_000, 31),
]


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    """The bundled network with no limit of its own: as long segments as upstream's models take."""
    config = {"architecture": "starter", "vocoder": str(STARTER / "vocoder"), "dtype": "float32"}
    model = F5TTSInference(STARTER / "model.safetensors", STARTER / "vocab.txt", "cpu", config)
    assert model._synthesizer is not None
    return model._synthesizer


@pytest.fixture(scope="module")
def upstream() -> Iterator[Callable[..., list[str]]]:
    """What cuts a text as `f5-tts_infer-cli` does, up to where it would synthesise."""
    from f5d.model.torchaudio_compat import import_torchaudio

    import_torchaudio()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from f5_tts.infer import utils_infer

    import torch

    cut: list[list[str]] = []

    def load(path: str) -> tuple[torch.Tensor, int]:  # torchaudio's own needs torchcodec
        samples, rate_hz = sf.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T), rate_hz

    def synthesize(_reference: Any, _ref_text: str, batches: list[str], *_: Any, **__: Any) -> Iterator[None]:
        cut.append(batches)
        yield None

    def segments(path: Path, ref_text: str, text: str, speed: float) -> list[str]:
        prepared, ended = utils_infer.preprocess_ref_audio_text(str(path), ref_text, show_info=lambda _: None)
        utils_infer.infer_process(prepared, ended, text, None, None, show_info=lambda _: None, speed=speed)
        return cut.pop()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(utils_infer.torchaudio, "load", load, raising=False)
        patched.setattr(utils_infer, "infer_batch_process", synthesize)
        yield segments


def sentence(chance: random.Random, count: int) -> str:
    words = [chance.choice(WORDS) for _ in range(count)]
    if count > 6 and chance.random() < 0.5:
        words[count // 2] += chance.choice(",;:")
    return " ".join(words).capitalize() + chance.choice(".....!?")


def recording(speech_s: float, before_s: float, after_s: float, rate_hz: int, chance: random.Random) -> bytes:
    """Return a file with bursts like syllables that fade out, as the ends of words do."""
    noise = np.random.default_rng(chance.randrange(2**32))
    time_s = np.arange(round(speech_s * rate_hz)) / rate_hz
    wave = noise.normal(0, 0.1, len(time_s)) * (0.15 + np.abs(np.sin(9 * time_s)))
    wave[-rate_hz // 5 :] *= np.geomspace(1, 1e-3, len(wave[-rate_hz // 5 :]))
    whole = np.concatenate([np.zeros(round(before_s * rate_hz)), wave, np.zeros(round(after_s * rate_hz))])
    buffer = io.BytesIO()
    sf.write(buffer, whole, rate_hz, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


@pytest.mark.slow  # the f5-tts package takes that long to import
@pytest.mark.parametrize("row", RECORDINGS, ids=[f"{row[0]} s" for row in RECORDINGS])
def test_english_texts_are_cut_where_upstream_cuts_them(
    synthesizer: Synthesizer, upstream: Callable[..., list[str]], tmp_path: Path, row: tuple[Any, ...]
) -> None:
    """Of 63 texts of 5 to 40 sentences for each of twelve recordings none has another boundary."""
    chance = random.Random(row[0])
    path = tmp_path / "reference.wav"
    speech_s, before_s, after_s, rate_hz, words = row
    path.write_bytes(recording(speech_s, before_s, after_s, rate_hz, chance))
    ref_text = sentence(chance, words)
    reference = Reference(path.read_bytes(), ref_text)
    differ = 0
    for _ in range(TEXTS):
        text = " ".join(sentence(chance, chance.randint(3, 12)) for _ in range(chance.randint(5, 40)))
        speed = chance.choice([0.8, 1.0, 1.0, 1.2])
        plan = synthesizer.plan(text, reference, Parameters(speed=speed, language="none"))
        ours = [segment.text for segment in plan.segments]
        differ += ours != upstream(path, ref_text, text, speed)
    assert differ == 0
