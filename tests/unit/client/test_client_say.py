from __future__ import annotations

import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import wave
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl.protocol import Progress
from f5ctl.speech.texts import not_utf8

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here


def lines(stderr: bytes) -> list[str]:
    return stderr.decode().splitlines()


def test_wav_on_stdout_by_default(cli: Cli, daemon: FakeDaemon) -> None:
    """In a pipe, `say` writes a WAV to stdout and nothing else anywhere."""
    done = cli.run("say", "Hello", "there")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout[:4] == b"RIFF"
    assert done.stdout[44:] == b"".join(daemon.chunks)
    assert daemon.seen[0]["text"] == "Hello there"
    assert daemon.seen[0]["encoding"] == "pcm"


def test_the_pipe_hears_the_first_words_before_the_last_are_made(cli: Cli, daemon: FakeDaemon) -> None:
    """A player in the pipe starts while the rest is still being synthesised."""
    daemon.silent_after = 1
    with cli.start("say", "Hello") as process:
        assert process.stdout is not None
        head = os.read(process.stdout.fileno(), 44)
        assert struct.unpack("<4sI", head[:8]) == (b"RIFF", 0xFFFFFFFF)
        assert process.poll() is None
        process.kill()


def test_stdout_into_a_file_gets_the_true_length(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """`f5ctl say hi > a.wav` makes a file that every WAV reader measures right."""
    with (tmp_path / "a.wav").open("wb") as out:
        assert cli.run("say", "hi", stdout=out).returncode == 0
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert made.getnframes() == sum(map(len, daemon.chunks)) // 2


def test_appending_to_a_file_spoils_nothing_in_it(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """`>>` leaves what is already in the file alone."""
    target = tmp_path / "a.pcm"
    target.write_bytes(b"before")
    with target.open("ab") as out:
        assert cli.run("say", "hi", stdout=out).returncode == 0
    assert target.read_bytes()[:10] == b"beforeRIFF"
    assert target.stat().st_size == 6 + 44 + sum(map(len, daemon.chunks))


def test_output_file(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """-o writes a WAV of the right length and leaves no other file in the folder."""
    done = cli.run("say", "-o", "a.wav", "hi", cwd=tmp_path, env={"PYTHONPATH": str(Path.cwd())})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert (made.getframerate(), made.getnframes()) == (24_000, sum(map(len, daemon.chunks)) // 2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("args", "encoding", "starts"),
    [
        (["-o", "a.flac"], "flac", b"\x01\x00"),
        (["-o", "a.OPUS"], "opus", b"\x01\x00"),
        (["-o", "a.raw"], "pcm", b"\x01\x00"),
        (["-o", "a.pcm"], "pcm", b"\x01\x00"),
        (["-o", "a.bin", "--format", "wav"], "pcm", b"RIFF"),
        (["--output-raw"], "pcm", b"\x01\x00"),
        (["-o", "-", "--format", "mp3"], "mp3", b"\x01\x00"),
        (["-o", "-"], "pcm", b"RIFF"),
    ],
)
def test_formats(
    here: Here,
    daemon: FakeDaemon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    args: list[str],
    encoding: str,
    starts: bytes,
) -> None:
    """The suffix or --format chooses the encoding; only a WAV gets a header."""
    monkeypatch.chdir(tmp_path)
    done = here.run("say", "hi", *args)
    assert done.returncode == 0, done.stderr
    made = done.stdout or next(tmp_path.glob("a.*")).read_bytes()
    assert made.startswith(starts)
    assert daemon.seen[0]["encoding"] == encoding


def test_receipt_as_json(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """--json prints the receipt on stdout, or on stderr when the audio has stdout."""
    to_file = cli.run("say", "hi", "--json", "-o", str(tmp_path / "a.wav"))
    assert json.loads(to_file.stdout)["seed"] == 7
    to_pipe = cli.run("say", "hi", "--json")
    assert json.loads(to_pipe.stderr)["seed"] == 7
    assert to_pipe.stdout.startswith(b"RIFF")
    assert daemon.seen


def test_warnings(cli: Cli, daemon: FakeDaemon) -> None:
    """The daemon's warnings reach stderr, unless -q."""
    daemon.warnings = ["the recording is clipped"]
    assert lines(cli.run("say", "hi").stderr) == ["f5ctl: warning: the recording is clipped"]
    assert cli.run("-q", "say", "hi").stderr == b""
    assert cli.run("say", "hi", "-q").stderr == b""


@pytest.mark.parametrize("args", [["-"], [], ["-f", "-"], ["-f", "text"]])
def test_text_from_stdin_or_a_file(cli: Cli, daemon: FakeDaemon, tmp_path: Path, args: list[str]) -> None:
    """Text comes from stdin with or without -, or from -f FILE; white space round it is dropped."""
    (tmp_path / "text").write_text("Grüße\n", encoding="utf-8")
    done = cli.run("say", *args, text="Grüße\n".encode(), cwd=tmp_path, env={"PYTHONPATH": str(Path.cwd())})
    assert done.returncode == 0, done.stderr
    assert daemon.seen[0]["text"] == "Grüße"


def test_arguments_win_over_a_pipe(cli: Cli, daemon: FakeDaemon) -> None:
    """In `while read line; do f5ctl say "$line"; done`, say leaves the loop's stdin alone."""
    script = (
        f"printf 'one\\ntwo\\n' | while read line; do {sys.executable} -m f5ctl say \"$line\" >/dev/null; done"
    )
    subprocess.run(["sh", "-c", script], env=cli.env, check=True)
    assert [body["text"] for body in daemon.seen] == ["one", "two"]


def test_a_double_dash_ends_the_options(here: Here, daemon: FakeDaemon) -> None:
    """After -- everything is text."""
    assert here.run("say", "--", "--speed", "is", "a", "word").returncode == 0
    assert daemon.seen[0]["text"] == "--speed is a word"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"ab\xff", not_utf8(2).message),
        (b" \n", "the text is empty"),
        (b"", "the text is empty"),
    ],
)
def test_unusable_text(cli: Cli, daemon: FakeDaemon, text: bytes, message: str) -> None:
    """Text that cannot be spoken ends with 65 and one line that says why, and asks no daemon."""
    done = cli.run("say", text=text)
    assert (done.returncode, lines(done.stderr)) == (65, [f"f5ctl: error: {message}"])
    assert daemon.seen == []


def test_invalid_bytes_in_an_argument(here: Here) -> None:
    """An argument that is not UTF-8 is refused like text that is not."""
    done = here.run("say", os.fsdecode(b"a\xff"))
    assert (done.returncode, lines(done.stderr)) == (65, [f"f5ctl: error: {not_utf8(1).message}"])


@pytest.mark.parametrize(
    "args",
    [
        ["hi", "--speed", "nan"],
        ["hi", "--speed", "0.4"],
        ["hi", "--nfe-step", "0"],
        ["hi", "--nfe-step", "129"],
        ["hi", "--nfe-step", "1.5"],
        ["hi", "--cfg-strength", "0.5"],
        ["hi", "--cfg-strength", "inf"],
        ["hi", "--sway-sampling-coef", "-1.1"],
        ["hi", "--seed", "-1"],
        ["hi", "--timeout", "0"],
        ["hi", "--sped", "1"],
        ["--unknown", "hi"],
        ["hi", "-f", "x"],
        ["hi", "-"],
        ["hi", "-o", "a.doc"],
        ["hi", "-o", "a"],
        ["hi", "-o", "a.wav", "-o", "./a.wav"],
        ["hi", "--output-raw", "-o", "-"],
        ["hi", "--output-raw", "--format", "wav"],
        ["hi", "--voice", "a", "--ref-audio", "b"],
        ["hi", "--ref-text", "b"],
        ["hi", "--quality", "best"],
        ["hi", "--priority", "1"],
        ["hi", "--quality", "high", "--nfe-step", "32"],
    ],
    ids=" ".join,
)
def test_usage_errors(here: Here, daemon: FakeDaemon, args: list[str]) -> None:
    """What the command line gets wrong ends with 2 and one line, and never becomes spoken text."""
    done = here.run("say", *args)
    assert (done.returncode, done.stdout, len(lines(done.stderr))) == (2, b"", 1)
    assert done.stderr.startswith(b"f5ctl: error: ")
    assert daemon.seen == []


@pytest.mark.parametrize("dash", ["-", "_"])
def test_parameters_reach_the_daemon(here: Here, daemon: FakeDaemon, tmp_path: Path, dash: str) -> None:
    """Every parameter is sent as given, zero included, in our spelling and in upstream's."""
    (tmp_path / "ref.wav").write_bytes(b"RIFFdata")
    given = {
        "ref-audio": str(tmp_path / "ref.wav"),
        "ref-text": "What it says.",
        "nfe-step": "7",
        "cfg-strength": "0",
        "sway-sampling-coef": "-1",
        "cross-fade-duration": "0",
        "fix-duration": "3.5",
        "target-rms": "0.1",
        "timeout": "9",
        "seed": str(2**63 - 1),
    }
    args = [part for name, value in given.items() for part in ("--" + name.replace("-", dash), value)]
    done = here.run("say", "hi", *args, f"--remove{dash}silence", "-m", "starter")
    assert done.returncode == 0, done.stderr
    sent: dict[str, Any] = daemon.seen[0]
    expected = {
        "ref_audio": b"RIFFdata", "ref_text": "What it says.", "nfe_step": 7, "cfg_strength": 0,
        "sway_sampling_coef": -1, "cross_fade_duration": 0, "fix_duration": 3.5, "target_rms": 0.1,
        "timeout_s": 9, "seed": 2**63 - 1, "remove_silence": True, "model": "starter",
    }  # fmt: skip
    assert {name: sent[name] for name in expected} == expected


@pytest.mark.parametrize(("name", "priority"), [("low", -1), ("normal", 0), ("high", 1)])
def test_priority(here: Here, daemon: FakeDaemon, name: str, priority: int) -> None:
    """--priority low, normal or high is sent as -1, 0 or 1; without it nothing is."""
    assert here.run("say", "hi", "--priority", name).returncode == 0
    assert here.run("say", "hi").returncode == 0
    assert daemon.seen[0]["priority"] == priority
    assert "priority" not in daemon.seen[1]


@pytest.mark.parametrize(("quality", "steps"), [("draft", 7), ("fast", 16), ("standard", 32), ("high", 64)])
def test_quality_is_a_number_of_steps(here: Here, daemon: FakeDaemon, quality: str, steps: int) -> None:
    """--quality is a name for 7, 16, 32 or 64 ODE steps, and the help says which."""
    assert here.run("say", "hi", "--quality", quality).returncode == 0
    assert daemon.seen[0]["nfe_step"] == steps
    help_page = " ".join(here.run("say", "--help").stdout.decode().split())
    assert "draft, fast, standard or high: 7, 16, 32 or 64 ODE steps" in help_page


def test_unreadable_recording(here: Here, tmp_path: Path) -> None:
    """A recording that is missing or too large ends with 65 and its name."""
    done = here.run("say", "hi", "--ref-audio", "/none.wav")
    assert (done.returncode, lines(done.stderr)) == (
        65,
        ["f5ctl: error: cannot read /none.wav: No such file or directory"],
    )
    with (tmp_path / "big.wav").open("wb") as big:
        big.truncate(16 * 2**20 + 1)
    done = here.run("say", "hi", "--ref-audio", str(tmp_path / "big.wav"))
    assert done.returncode == 65
    assert b"larger than the limit of 16777216 bytes" in done.stderr


@pytest.mark.parametrize(
    ("code", "status"), [("bad_text", 65), ("unknown_voice", 65), ("overloaded", 75), ("engine_error", 70)]
)
def test_failures_of_the_daemon(here: Here, daemon: FakeDaemon, tmp_path: Path, code: str, status: int) -> None:
    """What the daemon refuses ends with that error's status, one line, and no file."""
    daemon.fails = (code, "no\nsuch\x1b thing")
    done = here.run("say", "hi", "-o", str(tmp_path / "a.wav"))
    assert (done.returncode, lines(done.stderr)) == (status, ["f5ctl: error: no such\ufffd thing"])
    assert list(tmp_path.glob("*")) == []


def test_audio_that_arrives_incomplete_is_an_error(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A missing chunk, or a receipt for more samples than came, never becomes a file."""
    daemon.skip_seq = 1
    assert here.run("say", "hi", "-o", str(tmp_path / "a.wav")).returncode == 70
    daemon.skip_seq, daemon.claimed_samples = None, 5
    done = here.run("say", "hi", "-o", str(tmp_path / "a.wav"))
    assert (done.returncode, lines(done.stderr)) == (
        70,
        ["f5ctl: error: 24000 samples came; the receipt says 5"],
    )
    assert not (tmp_path / "a.wav").exists()


def run_on_terminal(cli: Cli, *args: str, **env: str) -> tuple[int, bytes]:
    """Run f5ctl with a terminal for stdin, stdout and stderr; return its status and what it showed."""
    return shown_by([sys.executable, "-m", "f5ctl", *args], {**cli.env, **env})


def run_behind_terminal(cli: Cli, *args: str) -> tuple[int, bytes]:
    """Run f5ctl as a shell runs a job with `&`: in the background of its terminal."""
    return shown_by(
        ["/bin/sh", "-c", 'set -m; "$@" & wait $!', "sh", sys.executable, "-m", "f5ctl", *args], cli.env
    )


def shown_by(command: list[str], env: dict[str, str]) -> tuple[int, bytes]:
    """Run a command with a terminal of its own; return its status and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, env)  # noqa: S606
    shown = io.BytesIO()
    try:
        while data := os.read(terminal, 4096):
            shown.write(data)
    except OSError:  # the other side has gone
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.getvalue()


def test_a_terminal_gets_no_audio(cli: Cli) -> None:
    """With a terminal, no text, raw output or no player are each a usage error with a hint."""
    bare = "/nonexistent"
    for args, hint in [
        (["say", "hi"], b"use -o FILE or a pipe"),
        (["say", "hi", "-o", "-"], b"does not belong on a terminal"),
        (["say", "hi", "--output-raw"], b"does not belong on a terminal"),
        (["say"], b"no text"),
    ]:
        status, shown = run_on_terminal(cli, *args, PATH=bare)
        assert (status, hint in shown) == (2, True), shown


@pytest.mark.parametrize("behind", [False, True])
def test_a_job_in_the_background_leaves_the_terminal_alone(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path, loading: Any, *, behind: bool
) -> None:
    """Progress is drawn in front, and not over the prompt or another command's line; errors are always told."""
    run = run_behind_terminal if behind else run_on_terminal
    daemon.before = [loading]
    status, shown = run(cli, "say", "hi", "-o", str(tmp_path / "a.wav"))
    assert (status, b"loading fake" in shown, b"\x1b[K" in shown) == (0, not behind, not behind), shown
    status, shown = run(cli, "say", "hi", "-o", str(tmp_path / "no" / "a.wav"))
    assert (status, b"cannot create" in shown) == (73, True), shown


def test_a_terminal_sees_progress_and_hears_the_player(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path, loading: Any
) -> None:
    """On a terminal say plays, shows one line of progress and erases it."""
    daemon.before = [loading]
    status, shown = run_on_terminal(cli, "say", "hi", F5CTL_PLAYER=f"tee {tmp_path}/heard.wav")
    assert status == 0
    assert b"loading fake (12 s)" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert (tmp_path / "heard.wav").read_bytes()[44:] == b"".join(daemon.chunks)
    _status, quiet = run_on_terminal(cli, "say", "hi", "-q", F5CTL_PLAYER="cat")
    assert quiet == b""


def test_a_terminal_sees_how_long_it_will_take(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Once a segment is done the time of the others is known; a file is written, not played."""
    state = partial(Progress, job="j1", state="running", model="fake", segments=9)
    daemon.before = [partial(state, segments_done=done) for done in range(2)]
    status, shown = run_on_terminal(cli, "say", "hi", "-o", f"{tmp_path}/a.wav")
    assert status == 0
    assert re.search(rb"speaking 1 of 9\r.*speaking 2 of 9, \d+ s left", shown)
    assert b"writing" in shown
    assert b"playing" not in shown


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_sees_errors_and_warnings_in_colour(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path, env: dict[str, str], *, coloured: bool
) -> None:
    """Their first word is red or yellow on a terminal, unless NO_COLOR is set or it has no colours."""
    daemon.warnings = ["odd"]
    red, yellow, plain = ("\x1b[31m\x1b[1m", "\x1b[33m\x1b[1m", "\x1b[0m") if coloured else ("", "", "")
    _status, shown = run_on_terminal(cli, "say", "hi", "-o", f"{tmp_path}/a.wav", **env)
    assert f"f5ctl: {yellow}warning:{plain} odd\r\n" in shown.decode()
    _status, shown = run_on_terminal(cli, "sya", **env)
    assert shown.decode().startswith(f"f5ctl: {red}error:{plain} f5ctl has no verb")


def test_colour_that_is_asked_for(cli: Cli) -> None:
    """FORCE_COLOR colours what goes into a file too; NO_COLOR counts more."""
    assert cli.run("sya", env={"FORCE_COLOR": "1"}).stderr.startswith(b"f5ctl: \x1b[31m")
    assert cli.run("sya", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stderr.startswith(b"f5ctl: error: ")


@pytest.mark.parametrize(("wait", "status"), [("", 74), ("sleep 1", 0)])
def test_a_player_that_is_done_too_soon_has_played_nothing(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path, wait: str, status: int
) -> None:
    """One of those that are known ends well, after a moment, though no sound device is there."""
    player = tmp_path / "paplay"
    player.write_text(f"#!/bin/sh\ncat > /dev/null\n{wait}\n")
    player.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "F5CTL_PLAYER": ""}
    daemon.chunks = [b"\0" * 48_000]
    done = cli.run("say", "hi", "--play", env=env)
    assert done.returncode == status, done.stderr
    assert (b"s for 1.0 s of audio, so nothing was heard: " in done.stderr) == (status != 0)
    assert len(lines(done.stderr)) == (status != 0)


def test_a_player_that_dies(cli: Cli, daemon: FakeDaemon) -> None:
    """A player that fails ends the command with 74 and its own last words."""
    daemon.chunks = [b"\0" * 200_000] * 4
    done = cli.run("say", "hi", "--play", env={"F5CTL_PLAYER": "sh -c 'echo no sound card >&2; exit 3'"})
    assert (done.returncode, lines(done.stderr)) == (
        74,
        ["f5ctl: error: the player sh stopped: no sound card"],
    )
    for command in ("/no/such", "aplay 'open"):
        missing = cli.run("say", "hi", "--play", env={"F5CTL_PLAYER": command})
        assert (missing.returncode, len(lines(missing.stderr))) == (73, 1)
