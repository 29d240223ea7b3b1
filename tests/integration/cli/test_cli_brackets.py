"""Brackets through every way in, with the real daemon and the bundled model: text is text, tags are tags."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl.client import Client, new_id
from f5ctl.protocol import Plan

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

FAST = ("--nfe-step", "2", "--cfg-strength", "0", "--seed", "1")
WRITTEN = "The tower is old.[12] She threw [Frostbolt] [door slams] at [the gate](https://example.org/a)."
READ = "The tower is old. She threw Frostbolt at the gate."


def said(receipts: bytes) -> list[str]:
    """Return what was said, request by request."""
    found = [json.loads(line) for line in receipts.splitlines() if line.startswith(b"{")]
    return [" ".join(segment["text"] for segment in each["timeline"]) for each in found]


def test_a_text_a_plan_and_a_replay_agree(cli: Cli, tmp_path: Path) -> None:
    """What --dry-run shows is what is said, and what replay says; the receipt keeps the text as it was."""
    target = str(tmp_path / "a.wav")
    plan = cli.run("say", "--dry-run", "--json", *FAST, WRITTEN)
    assert " ".join(each["text"] for each in json.loads(plan.stdout)["segments"]) == READ
    done = cli.run("say", "--json", *FAST, "-o", target, WRITTEN)
    assert (done.returncode, said(done.stdout)) == (0, [READ])
    kept = json.loads(cli.run("inspect", "--json", target).stdout)
    assert WRITTEN in json.dumps(kept)
    assert cli.run("replay", target).stdout == f"{target}: identical, every sample\n".encode()


def test_retry_says_the_same(cli: Cli, tmp_path: Path) -> None:
    """Brackets that are text make no script of a text: --retry takes it, to the same file and its receipt."""
    for suffix in ("wav", "flac"):
        paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
        for path, args in zip(paths, ((), ("--retry",)), strict=True):
            assert cli.run("say", *FAST, *args, "-o", str(path), WRITTEN).returncode == 0
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_mistyped_tag(cli: Cli, tmp_path: Path) -> None:
    """It is warned of and not said; with --strict-tags it ends with 65 and the names, and no file is there."""
    text = "[rmss] Hello there. [slt] It is me."
    done = cli.run("say", "--json", *FAST, "-o", str(tmp_path / "a.wav"), text)
    assert (done.returncode, said(done.stdout)) == (0, ["Hello there.", "It is me."])
    assert b"[rmss] is left out: it names no voice; did you mean [rms]?" in done.stderr
    done = cli.run("say", "--strict-tags", *FAST, "-o", str(tmp_path / "b.wav"), text)
    assert (done.returncode, (tmp_path / "b.wav").exists()) == (65, False)
    assert b"unknown voice 'rmss'; known: main, " in done.stderr
    done = cli.run("say", "--json", "--no-tags", *FAST, "-o", str(tmp_path / "c.wav"), "[slt] Hello.")
    assert said(done.stdout) == ["slt Hello."]


def test_a_stream(cli: Cli, tmp_path: Path) -> None:
    """A writer that takes its time is spoken to its end, whatever is in brackets, and may change the voice."""
    with (tmp_path / "a.wav").open("wb") as out:
        process = cli.start("say", "--json", *FAST, stdin=subprocess.PIPE, stdout=out)
        assert process.stdin is not None
        pieces = (
            "This was shown before by others [1",
            "2]. [MUSIC] ",
            "So she threw [Frost",
            "bolt] then. [sl",
        )
        for piece in (*pieces, "t] And this is the end.\n"):
            os.write(process.stdin.fileno(), piece.encode())
            time.sleep(0.7)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (
        " ".join(said(err))
        == "This was shown before by others. So she threw Frostbolt then. And this is the end."
    )
    voices = [json.loads(line)["voice"] for line in err.splitlines() if line.startswith(b"{")]
    assert (voices[0], voices[-1]) != (voices[-1], voices[-1]) == ("slt", "slt")


def test_a_stream_of_markdown(cli: Cli, tmp_path: Path) -> None:
    """A block of code is not said however it is cut on its way; an index in a line is."""
    with (tmp_path / "a.wav").open("wb") as out:
        process = cli.start("say", "--markdown", "--json", *FAST, stdin=subprocess.PIPE, stdout=out)
        assert process.stdin is not None
        for piece in (
            "Sort the **list**:\n\n``",
            "`python\nxs.sort()\nprint",
            "(xs)\n```\n\nThen see `xs[0]` of it.\n",
        ):
            os.write(process.stdin.fileno(), piece.encode())
            time.sleep(0.5)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert " ".join(said(err)) == "Sort the list: Then see xs zero of it."


def test_a_batch(cli: Cli, tmp_path: Path) -> None:
    """No line fails for its brackets; a tag at the beginning is the line's voice."""
    (tmp_path / "a.txt").write_text(
        "It was shown before [7] by others.\n[slt] Yes, [sic] it was.\n[applause]\n"
    )
    out = tmp_path / "out"
    done = cli.run("batch", str(tmp_path / "a.txt"), "-d", str(out), "--nfe-step", "2", "--cfg-strength", "0")
    assert done.returncode == 0, done.stderr
    receipts = [json.loads((out / ".receipts" / f"000{number}.wav.json").read_bytes()) for number in (1, 2, 3)]
    assert receipts[1]["voice"] == "slt" != receipts[0]["voice"]
    again = cli.run("batch", str(tmp_path / "a.txt"), "-d", str(out), "--nfe-step", "2", "--cfg-strength", "0")
    assert b"0 made, 3 skipped" in again.stderr


def test_subtitles(cli: Cli, tmp_path: Path) -> None:
    """Sound cues are not said and stop no film; two voices share a cue."""
    cues = ("[MUSIC]", "(door slams) BOB: Who is there? \u266a", "[Bob]: It is [slt] me.")
    (tmp_path / "a.srt").write_text(
        "\n".join(f"{n}\n00:00:0{3 * n},000 --> 00:00:0{3 * n + 2},500\n{cue}\n" for n, cue in enumerate(cues))
    )
    done = cli.run("say", "--json", *FAST, "-f", str(tmp_path / "a.srt"), "-o", str(tmp_path / "a.wav"))
    assert done.returncode == 0, done.stderr
    assert said(done.stdout) == ["Who is there?", "It is", "me."]


def test_a_story(cli: Cli, tmp_path: Path) -> None:
    """A story's own names are tags, everything else in brackets is text."""
    voices = Path("f5d/starter/voices").absolute()
    text = "[town] Hello there.[3] [slt] It is [Ann] me. [towm] And I."
    spoken = (voices / "slt_0.txt").read_text().strip()
    voice = f"[voices.town]\nref_audio = '{voices}/slt_0.wav'\nref_text = {json.dumps(spoken)}\n"
    (tmp_path / "story.toml").write_text(f"gen_text = '{text}'\n{voice}")
    done = cli.run("say", "--json", *FAST, "-c", str(tmp_path / "story.toml"), "-o", str(tmp_path / "a.wav"))
    assert (done.returncode, said(done.stdout)) == (0, ["Hello there.", "It is Ann me. towm And I."])
    assert cli.run("say", "--strict-tags", "-c", str(tmp_path / "story.toml")).returncode == 65


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (WRITTEN, READ),
        ("[slt] Hello [pause 1s] there.", "slt Hello pause 1s there."),
        (r"So \[sic\] it is, [[a [12]", "So [sic] it is, a"),
        ("[MUSIC]", "MUSIC"),
        ("- [x] buy milk [^1] and [unclosed", "buy milk and unclosed"),
    ],
)
def test_a_wire_text(cli: Cli, written: str, read: str) -> None:
    """A client of the protocol gets its brackets read by the same rule: one `say` has one voice and no tags."""
    with Client(cli.socket) as client:
        plan: dict[str, Any] = client.call(Plan(new_id(), written, language="none"))
    assert " ".join(segment["text"] for segment in plan["segments"]).removeprefix("- ") == read
