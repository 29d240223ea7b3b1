from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

import f5d

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

QUICK = ("--nfe-step", "2", "--seed", "1")
LONG_TEXT = "This sentence is long enough to be cancelled while it is being made. " * 12
VOICES = Path(f5d.__file__).parent / "starter" / "voices"


def test_wav_in_a_pipe(cli: Cli) -> None:
    """`f5ctl say` in a pipe writes a WAV at 24 kHz, and its receipt on stderr with --json."""
    done = cli.run("say", *QUICK, "--json", "Hello there.")
    receipt = json.loads(done.stderr)
    assert done.returncode == 0
    assert len(done.stdout) == 44 + 2 * receipt["samples"]
    assert receipt["seed"] == 1
    assert receipt["model"] == "starter"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "raw"])
def test_every_format(cli: Cli, tmp_path: Path, suffix: str) -> None:
    """A file of every format holds as much speech as its receipt says."""
    target = tmp_path / f"a.{suffix}"
    done = cli.run("say", *QUICK, "--json", "-o", str(target), "Hello there.")
    assert done.returncode == 0, done.stderr
    duration_s = json.loads(done.stdout)["duration_s"]
    if suffix == "raw":
        measured_s = target.stat().st_size / 48_000
    else:
        measured_s = soundfile.info(io.BytesIO(target.read_bytes())).duration
    assert measured_s == pytest.approx(duration_s, abs=0.15)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_several_files_of_one_synthesis(cli: Cli, tmp_path: Path) -> None:
    """Each of them, the one that a folder names too, has the same samples and can be made again."""
    files = [f"{tmp_path}/a.wav", f"{tmp_path}/a.opus", f"{tmp_path}/a.flac"]
    options = [part for name in [*files, f"{tmp_path}/out/"] for part in ("-o", name)]
    done = cli.run("Hello there.", *QUICK, *options)
    assert (done.returncode, done.stderr.decode()) == (0, f"{tmp_path}/out/hello-there.wav\n")
    assert Path(done.stderr.decode().strip()).read_bytes() == Path(files[0]).read_bytes()
    assert (soundfile.read(files[0])[0] == soundfile.read(files[2])[0]).all()
    told = {json.loads(cli.run("inspect", "--json", name).stdout)[0]["audio_hash"] for name in files}
    assert len(told) == 1
    assert cli.run("replay", files[1]).stdout.decode().startswith(f"{files[1]}: identical, by the receipt")


def test_same_seed_same_audio(cli: Cli) -> None:
    """The same text, voice and seed give the same bytes, from stdin as from arguments."""
    once = cli.run("say", *QUICK, "--voice", "slt", "Hello again.").stdout
    assert cli.run("say", *QUICK, "-v", "slt", text=b"Hello again.\n").stdout == once
    assert cli.run("say", "--nfe_step", "2", "--seed", "2", "-v", "slt", "Hello again.").stdout != once


def test_a_text_that_is_still_being_written(cli: Cli) -> None:
    """The first sentence is spoken before the last is written, and all of them are in one WAV."""
    with cli.start("say", *QUICK, "--json", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        os.write(process.stdin.fileno(), b"This is the first sentence. And")
        head = os.read(process.stdout.fileno(), 44)
        assert os.read(process.stdout.fileno(), 2)
        out, err = process.communicate(b" this is the last.\n", timeout=60)
    receipts = [json.loads(line) for line in err.splitlines()]
    assert (process.returncode, head[:4]) == (0, b"RIFF")
    assert [receipt["seed"] for receipt in receipts] == [1, 1001]
    pause_s = (len(out) + 2) / 48_000 - sum(receipt["samples"] for receipt in receipts) / 24_000
    assert 0.05 < pause_s < 0.3  # what is missing of 300 ms between the two sentences


def test_own_recording(cli: Cli, tmp_path: Path) -> None:
    """--ref-audio and --ref-text speak in the voice of a recording of this user."""
    text = (VOICES / "slt_0.txt").read_text(encoding="utf-8").strip()
    args = ["--ref_audio", str(VOICES / "slt_0.wav"), "--ref_text", text, "-o", str(tmp_path / "a.wav")]
    done = cli.run("say", *QUICK, *args, "Hello.")
    assert done.returncode == 0, done.stderr
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert made.getnframes() > 2_400


def test_a_recording_that_is_no_audio(cli: Cli) -> None:
    """A reference that is not audio ends with 65 and one line."""
    done = cli.run("say", "--ref-audio", "/etc/passwd", "--ref-text", "x", "Hello.")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (65, b"", 1)


def test_unknown_voice(cli: Cli) -> None:
    """A voice that does not exist ends with 65; nothing is spoken in another one."""
    done = cli.run("say", "--voice", "nobody", "Hello.")
    assert (done.returncode, done.stdout) == (65, b"")
    assert b"nobody" in done.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_frees_the_engine(cli: Cli, tmp_path: Path, signum: signal.Signals) -> None:
    """Ctrl-C cancels the job in the daemon, and the next one is served at once."""
    with cli.start("say", "--nfe-step", "128", "-o", str(tmp_path / "a.wav"), LONG_TEXT) as process:
        cli.wait_for_job("running")
        os.killpg(process.pid, signum)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (-signum, b"", b"")
    assert cli.status()["jobs"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_enough(cli: Cli) -> None:
    """When the reader of the pipe leaves, the job is cancelled."""
    with cli.start("say", "--nfe-step", "4", LONG_TEXT) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        assert process.wait(60) == -signal.SIGPIPE
    assert cli.status()["jobs"] == []


def test_cancel_from_elsewhere(cli: Cli) -> None:
    """`f5ctl cancel JOB` in another terminal ends the say with 130 and a line."""
    with cli.start("say", "--nfe-step", "128", LONG_TEXT) as process:
        job = cli.wait_for_job("running")["job"]
        assert cli.run("cancel", job).returncode == 0
        _out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.startswith(b"f5ctl: error: the job ended: cancelled")


def test_deadline(cli: Cli) -> None:
    """--timeout ends with 75 when the daemon cannot make it."""
    done = cli.run("say", "--timeout", "0.5", "--nfe-step", "128", LONG_TEXT)
    assert done.returncode == 75
    assert len(done.stderr.splitlines()) == 1


def test_a_full_disk(cli: Cli) -> None:
    """A full disk ends with 74 and leaves no job behind."""
    assert cli.run("say", *QUICK, "-o", "/dev/full", "Hello.").returncode == 74
    assert cli.status()["jobs"] == []


def test_the_daemon_is_killed(fresh: Cli) -> None:
    """A daemon that is killed ends a waiting say with 69 at once, and the next say starts a new one."""
    assert fresh.run("load").returncode == 0
    with fresh.start("say", "--nfe-step", "128", LONG_TEXT) as process:
        fresh.wait_for_job("running")
        os.kill(fresh.status()["pid"], signal.SIGKILL)
        began = time.monotonic()
        _out, err = process.communicate(timeout=10)
    assert time.monotonic() - began < 5  # not after the silence that it would bear
    assert (process.returncode, err) == (69, b"f5ctl: error: the daemon went away before it answered\n")
    assert fresh.run("say", *QUICK, "Hello.").returncode == 0


def test_several_clients_start_one_daemon(fresh: Cli) -> None:
    """Four says at once with no daemon running share the one that they start."""
    clients = [fresh.start("say", *QUICK, f"{name} speaks.") for name in ("Ann", "Bob", "Eve", "Kim")]
    for client in clients:
        out, err = client.communicate(timeout=60)
        assert (client.returncode, err) == (0, b"")
        assert out.startswith(b"RIFF")
    assert fresh.status()["counters"]["done"] == 4
