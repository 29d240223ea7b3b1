from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here


def wait_for_part(pid: int, folder: Path) -> None:
    """Return once the process has written audio into a file in `folder`, which may have no name yet."""
    deadline = time.monotonic() + 10
    while not any(holds_audio(found, folder) for found in Path(f"/proc/{pid}/fd").iterdir()):
        assert time.monotonic() < deadline, f"no file in {folder}"
        time.sleep(0.01)


def holds_audio(descriptor: Path, folder: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith(str(folder)) and descriptor.stat().st_size > 44
    except FileNotFoundError:  # closed in the meantime
        return False


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_job_and_leaves_no_file(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path, signum: signal.Signals
) -> None:
    """Ctrl-C, SIGTERM and a closed terminal cancel the job, remove the unfinished file and say nothing."""
    daemon.silent_after = 1
    with cli.start("say", "hi", "-o", str(tmp_path / "a.wav")) as process:
        wait_for_part(process.pid, tmp_path)
        os.killpg(process.pid, signum)
        out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err) == (-signum, b"", b"")
    assert daemon.wait_for("cancel")["request"] == daemon.seen[0]["id"]
    assert list(tmp_path.glob("*")) + list(tmp_path.glob(".*")) == []


def test_a_shell_sees_130_and_its_loop_ends(cli: Cli, daemon: FakeDaemon) -> None:
    """Ctrl-C in a script's loop ends the loop too, not only the call in it."""
    daemon.silent_after = 0
    script = f"for i in 1 2 3; do {sys.executable} -m f5ctl say $i >/dev/null; done; echo survived"
    with subprocess.Popen(
        ["bash", "-c", script], env=cli.env, stdout=subprocess.PIPE, start_new_session=True
    ) as shell:
        daemon.wait_for("say")
        os.killpg(shell.pid, signal.SIGINT)
        out, _err = shell.communicate(timeout=10)
    assert out == b""
    assert shell.returncode == -signal.SIGINT
    assert [body["type"] for body in daemon.seen] == ["say", "cancel"]


def test_a_second_ctrl_c_does_not_wait(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """When the daemon does not confirm the cancellation, a second Ctrl-C leaves at once."""
    daemon.silent_after = 1
    with cli.start("say", "hi", "-o", str(tmp_path / "a.wav")) as process:
        wait_for_part(process.pid, tmp_path)
        daemon.stall()
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=5)
    assert time.monotonic() - began < 0.5
    assert process.returncode == -signal.SIGINT
    assert list(tmp_path.glob(".*")) == []


def test_one_ctrl_c_waits_a_second_at_most(cli: Cli, daemon: FakeDaemon) -> None:
    """A daemon that does not confirm the cancellation holds Ctrl-C up for about a second."""
    daemon.silent_after = 1
    with cli.start("say", "hi") as process:
        daemon.wait_for("say")
        daemon.stall()
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=5)
    assert time.monotonic() - began < 2.5
    assert process.returncode == -signal.SIGINT


def test_a_reader_that_has_enough(cli: Cli, daemon: FakeDaemon) -> None:
    """`f5ctl say ... | head -c 1` ends quietly, by SIGPIPE like cat, and the job is cancelled."""
    daemon.chunks = [b"\0" * 200_000] * 20
    daemon.pause_s = 0.05
    with cli.start("say", "hi") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert os.read(process.stdout.fileno(), 1) == b"R"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(5) == -signal.SIGPIPE
    assert daemon.wait_for("cancel")["request"] == daemon.seen[0]["id"]


def test_ctrl_c_stops_the_player(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Ctrl-C silences the player too."""
    daemon.silent_after = 1
    player = f"sh -c 'echo $$ > {tmp_path}/pid; exec sleep 60'"
    with cli.start("say", "hi", "--play", env={"F5CTL_PLAYER": player}) as process:
        daemon.wait_for("say")
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
    assert process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_full_disk(cli: Cli, daemon: FakeDaemon) -> None:
    """A full disk ends with 74 and one line, and the job is cancelled."""
    daemon.pause_s = 1.0
    done = cli.run("say", "hi", "-o", "/dev/full")
    assert (done.returncode, done.stderr) == (
        74,
        b"f5ctl: error: cannot write /dev/full: No space left on device\n",
    )
    assert daemon.wait_for("cancel")


def test_an_output_that_cannot_be_created_costs_no_synthesis(here: Here, daemon: FakeDaemon) -> None:
    """An unwritable output ends with 73 before the daemon is asked."""
    done = here.run("say", "hi", "-o", "/none/a.wav")
    assert (done.returncode, done.stderr) == (
        73,
        b"f5ctl: error: cannot create /none/a.wav: there is no folder /none; make it first\n",
    )
    assert daemon.seen == []


def test_the_daemon_dies_in_the_middle(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """When the daemon dies, say ends at once with 69 and leaves no file."""
    daemon.chunks, daemon.pause_s, daemon.dies_after = daemon.chunks * 3, 0.2, 2
    began = time.monotonic()
    done = cli.run("say", "hi", "-o", str(tmp_path / "a.wav"))
    assert (done.returncode, done.stderr) == (
        69,
        b"f5ctl: error: the daemon went away before it answered\n",
    )
    assert time.monotonic() - began < 5
    assert list(tmp_path.glob(".*")) == []


def start_with(click: str, program: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a program that imports `click` as it is written here."""
    (folder / "click.py").write_text(click)
    env = os.environ | {"PYTHONPATH": f"{folder}:{Path.cwd()}"}
    return subprocess.run(
        [sys.executable, "-m", program, "--version"], env=env, capture_output=True, timeout=30, check=False
    )


@pytest.mark.parametrize("program", ["f5ctl", "f5d"])
def test_ctrl_c_while_it_is_imported_says_nothing(program: str, tmp_path: Path) -> None:
    """Ctrl-C in the first moments, before any verb runs, ends as quietly as later."""
    done = start_with("import os, time; os.kill(os.getpid(), 2); time.sleep(9)", program, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("program", ["f5ctl", "f5d"])
def test_a_limit_of_the_system_is_one_line(program: str, tmp_path: Path) -> None:
    """A program that may not open the files that it is made of says that in one line (78)."""
    done = start_with(
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\nimport wave", program, tmp_path
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, b"", 1)
    assert done.stderr.startswith(f"{program}: error: it cannot be started: Too many open files;".encode())
