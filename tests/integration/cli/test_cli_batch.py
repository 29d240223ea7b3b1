"""Batches and scripts with the starter model, as a user runs them."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from .conftest import PATIENCE_S, Cli

STEPS = ("--nfe-step", "3")
TEXTS = (
    "He stood on the right.",
    "She opened the window.",
    "Nobody saw it.",
    "The rain has gone.",
    "Good evening.",
)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def samples(path: Path) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.mark.slow
def test_a_batch_starts_the_daemon_again(fresh: Cli, tmp_path: Path) -> None:
    """The daemon that f5ctl started dies of kill -9 in mid-batch: another is started, with the same files."""
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    command = ("batch", str(tmp_path / "lines.txt"), *STEPS, "--jobs", "3", "-d")
    assert fresh.run(*command, str(tmp_path / "calm")).returncode == 0
    pid = fresh.status()["pid"]
    client = fresh.start(*command, str(tmp_path / "storm"))
    deadline = time.monotonic() + PATIENCE_S
    while not list((tmp_path / "storm").glob(".receipts/*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    _out, err = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 0, err
    assert tree(tmp_path / "storm") == tree(tmp_path / "calm")
    assert len(tree(tmp_path / "calm")) == 2 * len(TEXTS)


@pytest.mark.slow
def test_upstream_s_story_is_rendered(cli: Cli, tmp_path: Path) -> None:
    """The multi example of the f5-tts package, unchanged: three voices, one file, subtitles of every word."""
    found = importlib.util.find_spec("f5_tts")
    assert found is not None
    assert found.submodule_search_locations
    story = Path(found.submodule_search_locations[0]) / "infer" / "examples" / "multi" / "story.toml"
    out, subtitles = tmp_path / "story.wav", tmp_path / "story.srt"
    steps = ("--nfe-step", "1", "--cfg-strength", "0")
    arguments = ("-m", "starter", *steps, "--json", "-o", str(out), "--subtitles", str(subtitles))
    process = cli.start("say", "-c", str(story), *arguments)
    stdout, err = process.communicate(timeout=5 * PATIENCE_S)
    assert process.returncode == 0, err
    (warning,) = err.splitlines()  # its recordings are a person's
    assert b"model starter does not clone voices" in warning
    receipts = [json.loads(line) for line in stdout.splitlines()]
    assert len(receipts) == 6
    assert len({receipt["voice_hash"] for receipt in receipts}) == 3
    assert [receipt["parameters"]["speed"] for receipt in receipts] == [1.0, 0.8, 1.0, 1.0, 1.0, 1.0]
    pauses_s = (len(samples(out)) - sum(receipt["samples"] for receipt in receipts)) / 24_000
    assert 5 * 0.1 < pauses_s < 5 * 0.4  # between speakers; a part's own silence counts
    written = [line for line in subtitles.read_text(encoding="utf-8").splitlines() if "-->" not in line]
    words = " ".join(line for line in written if not line.isdigit()).split()
    spoken = story.with_suffix(".txt").read_text(encoding="utf-8")
    for tag in ("[main]", "[town]", "[country]"):
        spoken = spoken.replace(tag, " ")
    assert words == spoken.split()


def test_a_script_with_a_pause(cli: Cli, tmp_path: Path) -> None:
    """Two voices and a pause of a second, in which nothing is heard."""
    out = tmp_path / "a.wav"
    done = cli.run("say", *STEPS, "-o", str(out), "--json", "[rms] Hello there. [pause 1s] [slt] Hello, you.")
    assert (done.returncode, done.stderr) == (0, b"")
    one, two = (json.loads(line) for line in done.stdout.splitlines())
    audio = samples(out)
    assert (one["voice"], two["voice"]) == ("rms", "slt")
    pause = audio[one["samples"] : -two["samples"]]
    assert (
        0.8 * 24_000 < len(pause) < 24_000
    )  # with the silence at the ends of both parts it is heard for a second
    assert not pause.any()
    assert audio[: one["samples"]].any()
    assert audio[-two["samples"] :].any()
