"""`f5ctl say --dry-run`: the plan equals what `say` then does."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

STEPS = ("--nfe-step", "2", "--seed", "1")
TEXT = "It costs $5 at 10:30. We have several things in common, and that is a long sentence for a small model."
LONG_TEXT = "This sentence is long enough to be busy with for a while. " * 20


def look(cli: Cli, *args: str) -> dict[str, Any]:
    """Return the daemon's answer to a dry run."""
    done = cli.run("say", "--dry-run", "--json", *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_plan_is_what_say_does(cli: Cli, tmp_path: Path) -> None:
    """Segments, times, length and everything that decides the audio are those of the speech itself."""
    target = tmp_path / "a.wav"
    plan = look(cli, *STEPS, "-o", str(target), TEXT)
    assert not target.exists()
    done = cli.run("say", *STEPS, "--json", "-o", str(target), TEXT)
    receipt = json.loads(done.stdout)
    assert plan["segments"][0]["text"].startswith("It costs five dollars at ten thirty.")
    assert len(plan["segments"]) == receipt["segments"] > 1
    assert [each["text"] for each in plan["segments"]] == [each["text"] for each in receipt["timeline"]]
    for index, (told, made) in enumerate(zip(plan["segments"], receipt["timeline"], strict=True)):
        assert told["start_s"] == pytest.approx(
            made["start_s"], abs=0.1 * index
        )  # its ends are cut when spoken
    assert plan["duration_s"] == pytest.approx(receipt["duration_s"], abs=0.1 * receipt["segments"])
    for key in ("model", "model_hash", "voice", "voice_hash", "ref_text", "seed", "parameters", "dtype"):
        assert plan[key] == receipt[key], key
    assert plan["wait_s"] == 0
    assert plan["synthesis_s"] > 0


def test_twice_the_steps_take_twice_the_time(cli: Cli) -> None:
    """The prediction follows from the frames and steps, guidance included."""
    once = look(cli, "--nfe-step", "8", TEXT)["synthesis_s"]
    assert look(cli, "--nfe-step", "16", TEXT)["synthesis_s"] == pytest.approx(2 * once, abs=0.002)
    assert look(cli, "--nfe-step", "16", "--cfg-strength", "0", TEXT)["synthesis_s"] == pytest.approx(
        once, abs=0.002
    )


def test_what_is_being_spoken_counts_as_wait(cli: Cli, tmp_path: Path) -> None:
    """A plan is answered at once while the engine is busy, and says for how long it will be."""
    with cli.start("say", "--nfe-step", "128", "-o", str(tmp_path / "a.wav"), LONG_TEXT) as busy:
        cli.wait_for_job("running")
        found = look(cli, *STEPS, "Hello there.")
        assert busy.poll() is None
        busy.terminate()
    assert found["wait_s"] > found["synthesis_s"] > 0


def test_a_script_is_shown_as_it_will_be_heard(cli: Cli) -> None:
    """Voices, pauses and the sum, for a person."""
    done = cli.run("say", "--dry-run", *STEPS, "[rms] Hello there. [pause 1s] [slt] Hello, you. 42 ☃")
    lines = done.stdout.decode().splitlines()
    assert [line.split(",")[0] for line in lines if line.startswith("voice")] == ["voice rms", "voice slt"]
    assert lines[1] == "    0.0  Hello there."
    assert lines[2].endswith("(pause of 1 s)")
    assert any(line.endswith("forty-two ☃") for line in lines)
    assert " in 2 segments; about " in lines[-1]
    assert done.stderr.decode() == "f5ctl: warning: model starter cannot read and skips: ☃\n"


def test_the_pause_between_two_voices_is_planned(cli: Cli) -> None:
    """The second voice begins 400 ms after the first, less the quiet at the ends of both."""
    script = ("say", "--dry-run", *STEPS, "[rms] Hello there. [slt] Hello, you.")
    first = json.loads(cli.run(*script, "--json").stdout.splitlines()[0])
    lines = cli.run(*script).stdout.decode().splitlines()
    assert float(lines[3].split()[0]) == pytest.approx(first["duration_s"] + 0.25, abs=0.06)


def test_what_cannot_be_spoken_cannot_be_planned(cli: Cli) -> None:
    """The same errors as without --dry-run."""
    done = cli.run("say", "--dry-run", "--strict-tags", "[nobody] Hello.")
    assert (done.returncode, done.stdout) == (65, b"")
    assert b"unknown voice 'nobody'" in done.stderr
    assert cli.run("say", "--dry-run", "...").returncode == 65


def test_cues_are_shown_as_they_will_be_heard(cli: Cli, tmp_path: Path) -> None:
    """Subtitles of any kind are planned at their times; what is late is told as `say` tells it."""
    path, out = tmp_path / "a.txt", tmp_path / "a.wav"
    path.write_text(
        "WEBVTT\n\n00:00.500 --> 00:00.900\n<v slt>Hello there, <i>all</i> of you.\n\n"
        "00:05.000 --> 00:08.000\nTom &amp; Ann&nbsp;come.\n",
        encoding="utf-8",
    )
    planned = cli.run("say", "--dry-run", *STEPS, "-f", str(path))
    spoken = cli.run("say", *STEPS, "-f", str(path), "-o", str(out), "--json")
    assert (planned.returncode, spoken.returncode) == (0, 0)
    late = (
        rb"f5ctl: warning: the cue at 0.5 s \('Hello there, all of you.'\) ends 0.[3-6] s after its slot, .*\n"
    )
    assert re.fullmatch(late, planned.stderr), planned.stderr  # how late is an estimate there
    assert re.fullmatch(late, spoken.stderr), spoken.stderr
    lines = planned.stdout.decode().splitlines()
    assert lines[0].startswith("voice slt, ")
    assert lines[1].startswith("    0.5  Hello there, all of you.")
    assert lines[3].startswith("    5.0  Tom and Ann come.")
    assert lines[4].startswith("8.0 s in 2 segments; about ")
    assert [json.loads(line)["voice"] for line in spoken.stdout.splitlines()] == ["slt", "rms"]
    with wave.open(str(out)) as file:
        assert file.getnframes() == 8 * 24_000
