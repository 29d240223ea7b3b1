"""The first thing a newcomer hears."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from pocketsphinx import Decoder

from .conftest import Cli

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text()


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


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_demo_ends_with_what_to_do_next(tmp_path: Path) -> None:
    """Where all is installed, `make demo` speaks, says how to hear it, and its line for PATH finds f5ctl."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "pip").touch()
    (folder / "f5ctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m f5ctl "$@"\n')
    (folder / "f5ctl").chmod(0o755)
    (folder.parent / "installed").touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("F5", "MAKE", "MFLAGS"))}
    env |= {"PYTHONPATH": str(ROOT), "F5D_THREADS": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        ["make", "demo"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    says, hear, path, _say = [line for line in done.stdout.splitlines() if line]
    assert says.startswith("hello.wav says: This is ")
    assert hear.startswith("Hear it: ")
    assert hear.endswith(" hello.wav")
    export = path.partition(": ")[2].strip()
    found = subprocess.run(
        ["sh", "-c", f"{export}; command -v f5ctl"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(folder / "f5ctl")
    assert (tmp_path / "hello.wav").stat().st_size > 50_000
