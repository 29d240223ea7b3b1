"""`voices record` with recorders that are programs on PATH, the real checks and the real daemon."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

STARTER = Path(__file__).parents[3] / "f5d" / "starter" / "voices"
TEXT = ("--text", (STARTER / "slt_0.txt").read_text().strip())
COPY = f"/bin/cp {STARTER / 'slt_0.wav'} $file"
UNTIL_INTERRUPTED = f"""trap '{COPY}; kill $!; exit 0' INT
/bin/sleep 60 &
wait"""


@pytest.fixture
def home(cli: Cli, tmp_path: Path) -> Iterator[Path]:
    """A user with an empty data folder and an empty PATH."""
    before = dict(cli.env)
    (tmp_path / "bin").mkdir()
    cli.env |= {"XDG_DATA_HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
    yield tmp_path
    cli.env.clear()
    cli.env.update(before)


def install(home: Path, name: str, code: str) -> None:
    """Put a recorder on PATH, which is to write `$file`."""
    program = home / "bin" / name
    program.write_text(f"#!/bin/sh\nfor file; do :; done\n{code}\n")
    program.chmod(0o755)


def stored(home: Path) -> list[str]:
    return [path.name for path in home.glob("f5d/voices/*")]


def test_what_is_recorded_is_a_voice(cli: Cli, home: Path) -> None:
    """The sentence is shown, the recording checked and stored with its words and a preview; it can speak."""
    install(home, "arecord", COPY)
    done = cli.run("voices", "record", "me", *TEXT, "--speed", "0.9")
    assert (done.returncode, done.stdout) == (0, b"")
    assert f"\n    {TEXT[1]}\n" in done.stderr.decode()
    assert done.stderr.decode().endswith("me: stored; to hear it: f5ctl voices play me\n")
    facts = json.loads(cli.run("voices", "show", "--json", "me").stdout)
    assert (facts["text"], facts["defaults"]) == (TEXT[1], {"speed": 0.9})
    assert facts["preview_bytes"] > 10_000
    assert cli.run("voices", "export", "me", "--recording", "-o", str(home / "me.wav")).returncode == 0
    assert (home / "me.wav").read_bytes() == (STARTER / "slt_0.wav").read_bytes()
    assert cli.run("say", "-v", "me", "--nfe-step", "2", "-o", os.devnull, "Hello.").returncode == 0
    again = cli.run("voices", "record", "me", *TEXT)
    assert (again.returncode, len(again.stderr.splitlines())) == (65, 1)
    assert b"there is already a private voice me" in again.stderr


@pytest.mark.parametrize("name", ["parecord", "pw-record", "arecord", "rec", "ffmpeg"])
def test_a_recorder_is_interrupted_in_the_end(cli: Cli, home: Path, name: str) -> None:
    """After --seconds any of the known programs gets the signal of Ctrl-C, and completes its file."""
    install(home, name, UNTIL_INTERRUPTED)
    done = cli.run("voices", "record", "me", *TEXT, "--seconds", "2", "--no-preview", "-q")
    assert done.returncode == 0, done.stderr
    assert stored(home) == ["me.voice"]


def test_a_recorder_of_one_s_own(cli: Cli, home: Path) -> None:
    """F5CTL_RECORDER is a command line that counts before those on PATH."""
    install(home, "arecord", "exit 3")
    install(home, "mine", f'test "$1 $2" = "-D hw:1" && {COPY}')
    cli.env["F5CTL_RECORDER"] = "mine -D hw:1"
    assert cli.run("voices", "record", "me", *TEXT, "--no-preview").returncode == 0
    for command, status in (("mine 'open", 73), ("/no/such", 73)):
        cli.env["F5CTL_RECORDER"] = command
        assert cli.run("voices", "record", "other", *TEXT, "--no-preview").returncode == status
    assert stored(home) == ["me.voice"]


def silence(home: Path) -> str:
    with wave.open(str(home / "silence.wav"), "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(48_000)
        made.writeframes(bytes(96_000 * 3))
    return f"/bin/cp {home / 'silence.wav'} $file"


def test_what_nothing_can_be_made_of(cli: Cli, home: Path) -> None:
    """No recorder, no device, a muted microphone: the last line says so, and nothing is stored."""
    failing = "echo arecord: main:850: audio open error: No such file or directory >&2; exit 1"
    for code, status, told in (
        (None, 2, "no recorder found (parecord, pw-record, arecord, rec, ffmpeg); name one in F5CTL_RECORDER"),
        (
            failing,
            65,
            "the recorder arecord recorded nothing: arecord: main:850: audio open error: No such",
        ),
        ("exit 0", 65, "the recorder arecord recorded nothing: exit status 0; another program or device"),
        (silence(home), 65, "the recording: the reference recording is silent"),
    ):
        if code is not None:
            install(home, "arecord", code)
        done = cli.run("voices", "record", "me", *TEXT)
        assert done.returncode == status, done.stderr
        last = done.stderr.decode().splitlines()[-1]
        assert last.startswith(f"f5ctl: error: {told}"), last
        assert "F5CTL_RECORDER" in last
    assert stored(home) == []


def test_the_sentence_is_in_the_voice_s_language(cli: Cli, home: Path) -> None:
    """--language chooses it, else the model's language; for one without a sentence there is --text."""
    install(home, "arecord", COPY)
    (home / "f5d.toml").write_text(f'[models.pt_br]\ncheckpoint = "{home}/m.safetensors"\nlanguage = "pt-BR"\n')
    cli.env["F5D_CONFIG"] = str(home / "f5d.toml")
    for number, (args, words) in enumerate(
        (([], "quick train"), (["--language", "de"], "Der Zug"), (["-m", "pt_br"], "O trem"))
    ):
        done = cli.run("voices", "record", f"v{number}", "--no-preview", *args)
        assert (done.returncode, words in done.stderr.decode()) == (0, True), done.stderr
    done = cli.run("voices", "record", "x", "--language", "sw")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert b"there is no sentence in sw here; say with --text" in done.stderr


def test_on_a_terminal_the_enter_key_ends_it(cli: Cli, home: Path) -> None:
    """A person sees a countdown and the time that is left, and need not wait for its end."""
    install(home, "arecord", UNTIL_INTERRUPTED)
    pid, terminal = pty.fork()
    if pid == 0:
        options = [*TEXT, "--seconds", "30", "--no-preview"]
        command = [sys.executable, "-m", "f5ctl", "voices", "record", "me", *options]
        os.execve(sys.executable, command, {**cli.env, "TERM": "xterm"})  # noqa: S606
    shown = read_until(terminal, b"recording, 29 s left (the Enter key ends it)")
    for second in (3, 2, 1):
        assert f"recording begins in {second} s".encode() in shown
    began = time.monotonic()
    os.write(terminal, b"\n")
    read_until(terminal, b"me: stored")
    assert time.monotonic() - began < 25
    status = os.waitpid(pid, 0)[1]  # before its terminal hangs up on it
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert stored(home) == ["me.voice"]


def read_until(terminal: int, wanted: bytes) -> bytes:
    seen = b""
    end = time.monotonic() + 60
    while wanted not in seen:
        assert select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0], seen
        seen += os.read(terminal, 4096)
    return seen


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_real_recorder(cli: Cli, home: Path) -> None:
    """ffmpeg, which is interrupted while it records, has written a WAV that can be read."""
    slowly = "-nostdin -loglevel error -stream_loop -1 -re -i"
    cli.env["F5CTL_RECORDER"] = f"{shutil.which('ffmpeg')} {slowly} {STARTER / 'slt_0.wav'}"
    done = cli.run("voices", "record", "me", *TEXT, "--seconds", "5", "--no-preview")
    assert done.returncode == 0, done.stderr
    assert stored(home) == ["me.voice"]
