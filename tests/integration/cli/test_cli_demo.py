"""The first thing a newcomer hears."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import soundfile as sf
from pocketsphinx import Decoder

from .conftest import Cli

MAKEFILE = (Path(__file__).parents[3] / "Makefile").read_text()


def recognise(path: Path) -> list[str]:
    """Return the words that pocketsphinx hears in a file."""
    import torch

    from f5d.model.mel import resample

    wave, rate_hz = sf.read(path, dtype="float32")
    samples = resample(torch.from_numpy(wave), rate_hz, 16_000).numpy()
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return [] if heard is None else str(heard.hypstr).split()


def test_the_demo_says_its_sentence(cli: Cli, tmp_path: Path) -> None:
    """An independent recogniser hears at least nine of the ten words of `make demo` in their order."""
    sentence = re.search(r"^SENTENCE \?= (.+)$", MAKEFILE, re.MULTILINE)
    seed = re.search(r"say --seed (\d+)", MAKEFILE)
    assert sentence
    assert seed
    path = tmp_path / "hello.wav"
    done = cli.run("say", "--seed", seed[1], "-o", str(path), sentence[1])
    assert done.returncode == 0, done.stderr
    words = re.findall(r"[a-z']+", sentence[1].lower())
    heard = recognise(path)
    hits = sum(word in heard for word in words)
    assert hits >= len(words) - 1, heard
