"""Recordings as people have them, through `f5ctl` and the real daemon."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile as sf

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

VOICES = Path(__file__).parents[3] / "f5d" / "starter" / "voices"
TEXT = (VOICES / "rms_0.txt").read_text().strip()
QUICK = ("--seed", "1", "--nfe-step", "2", "--ref-text", TEXT)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def converted(path: Path, *arguments: str) -> str:
    """Return the name of the bundled voice in another format."""
    command = ["ffmpeg", "-loglevel", "error", "-i", str(VOICES / "rms_0.wav"), *arguments, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return str(path)


def findings(cli: Cli, path: str) -> dict[str, str]:
    done = cli.run("voices", "doctor", "--json", "--text", TEXT, path)
    return {one["check"]: one["grade"] for one in json.loads(done.stdout)[path]}


@needs_ffmpeg
def test_a_voice_from_a_telephone(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An m4a is spoken with, judged by the doctor and stored as a voice, as a WAV is; a webm too."""
    telephone = converted(tmp_path / "a.m4a", "-c:a", "aac")
    browser = converted(tmp_path / "a.webm", "-c:a", "libopus", "-ar", "48000")
    monkeypatch.setitem(cli.env, "XDG_DATA_HOME", str(tmp_path / "data"))
    for path in (telephone, browser):
        done = cli.run("say", "--ref-audio", path, *QUICK, "--output-raw", "Hello there.")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout) > 20_000
        assert "error" not in findings(cli, path).values()
    added = cli.run("voices", "add", "mine", telephone, "--text", TEXT, "--nfe-step", "2")
    assert added.returncode == 0, added.stderr
    done = cli.run("say", "-v", "mine", *QUICK[:4], "--output-raw", "Hello there.")
    assert done.returncode == 0, done.stderr
    exported = cli.run("voices", "export", "mine", "--recording", "-o", str(tmp_path / "back"))
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "back").read_bytes() == Path(telephone).read_bytes()


def test_without_ffmpeg_say_names_the_way_out(fresh: Cli, tmp_path: Path) -> None:
    """A daemon without ffmpeg on its PATH refuses an m4a in one line that says what to install or run."""
    fresh.env["PATH"] = str(tmp_path)
    recording = tmp_path / "a.m4a"
    recording.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1_000))
    done = fresh.run("say", "--ref-audio", str(recording), *QUICK, "--output-raw", "Hello there.")
    assert (done.returncode, done.stdout) == (65, b"")
    line = done.stderr.decode()
    assert line.count("\n") == 1
    assert "install ffmpeg" in line
    assert "ffmpeg -i FILE -ac 1 recording.wav" in line


def test_a_clipped_recording_is_warned_of(cli: Cli, tmp_path: Path) -> None:
    """`say` tells what the doctor tells: a recording at full scale makes harsh speech."""
    wave, rate_hz = sf.read(VOICES / "rms_0.wav", dtype="float32")
    for name, samples in (("clipped", np.clip(wave * 8, -1, 1)), ("float", wave * 6)):
        path = tmp_path / f"{name}.wav"
        sf.write(path, samples, rate_hz, subtype="FLOAT")
        done = cli.run("say", "--ref-audio", str(path), *QUICK, "--output-raw", "Hello there.")
        assert done.returncode == 0
        assert "the reference recording is clipped" in done.stderr.decode()
        assert findings(cli, str(path))["clipping"] == "warning"
    clean = cli.run("say", "--ref-audio", str(VOICES / "rms_0.wav"), *QUICK, "--output-raw", "Hello there.")
    assert clean.returncode == 0
    assert b"clipped" not in clean.stderr


def test_an_offset_hides_no_pause_from_the_doctor(cli: Cli, tmp_path: Path) -> None:
    """A recording with a constant in it gets the findings of the same recording without."""
    wave, rate_hz = sf.read(VOICES / "rms_0.wav", dtype="float32")
    quiet = np.concatenate([wave * np.float32(0.5), np.zeros(rate_hz // 2, np.float32)])
    sf.write(tmp_path / "plain.wav", quiet, rate_hz)
    wanted = findings(cli, str(tmp_path / "plain.wav"))
    for offset in (0.4, -0.05):
        sf.write(tmp_path / "offset.wav", quiet + np.float32(offset), rate_hz)
        assert findings(cli, str(tmp_path / "offset.wav")) == wanted
