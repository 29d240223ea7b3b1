"""What users of `f5ctl say` notice when the engine is killed: nothing but time."""

from __future__ import annotations

import os
import signal
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from .conftest import Cli

TEXT = "He stood on the right. " * 6  # two segments
STEPS = ("--nfe-step", "3", "--cfg-strength", "0")


def samples(path: Path) -> npt.NDArray[np.int16]:
    """Return the samples of a WAV file."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.mark.slow
def test_four_calls_survive_the_death_of_the_engine(cli: Cli, tmp_path: Path) -> None:
    """Kill -9 of the engine in the middle of four concurrent calls: four complete, correct files."""
    expected = {}
    for seed in range(4):
        path = tmp_path / f"calm{seed}.wav"
        assert cli.run("say", *STEPS, "--seed", str(seed), "-o", str(path), TEXT).returncode == 0
        expected[seed] = samples(path)
    (engine,) = cli.status()["engines"]
    calls = [
        cli.start("say", *STEPS, "--seed", str(seed), "-o", str(tmp_path / f"{seed}.wav"), TEXT)
        for seed in range(4)
    ]
    cli.wait_for_job("running")
    os.kill(engine["pid"], signal.SIGKILL)
    for call in calls:
        _, err = call.communicate(timeout=120)
        assert (call.returncode, err) == (0, b"")
    restarts = cli.status()["counters"]["engine_restarts"]
    assert restarts >= 1
    for seed in range(4):
        got = samples(tmp_path / f"{seed}.wav")
        assert len(got) == len(expected[seed])
        difference = np.abs(got.astype(np.int32) - expected[seed]).max()
        assert difference <= 64  # of 32767: rows that share a step add in another order
