"""Read-only containers: `docker run --read-only`, where at most one small folder can be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .test_cli_homes import BECOME, READER, UID

ROOT = Path(__file__).parents[3]
NOBODY = " ".join(("setpriv", *BECOME, *READER))  # a number without an account
# Everything becomes read-only but the folder $1; an empty /run can be written where $2 says so.
READ_ONLY = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount -t tmpfs tmpfs /run || exit 99
mkdir -p /run/systemd/journal
for folder in /dev/shm /tmp /var/tmp; do
    ! mountpoint -q $folder || mount -o remount,ro,bind $folder || exit 99
done
mount -o remount,ro,bind / || exit 99
[ "$2" = run ] || mount -o remount,ro /run || exit 99
shift 2
exec "$@"
"""
SAY = "f5ctl say -m starter --nfe-step 1"
# What takes the words of services under systemd, as far as a daemon can tell.
JOURNALD = """
import pathlib, socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind("/run/systemd/journal/stdout")
    listener.listen()
    stream, _ = listener.accept()
    with stream.makefile() as words, pathlib.Path(sys.argv[1]).open("w") as journal:
        for line in words:
            print(line, end="", file=journal, flush=True)
"""


@dataclass
class Machine:
    """Runs commands where `folder` alone can be written, and perhaps /run."""

    folder: Path

    def run(
        self, script: str, *, run: str = "", before: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script with no environment but what is named; stderr goes into a file."""
        least = {
            "PATH": f"{self.folder}:/usr/sbin:/sbin:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "F5D_THREADS": "1",
            "OUT": str(self.folder),
        }
        command = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(self.folder), run, *before.split()]
        with (self.folder / "err").open("w") as err:
            return subprocess.run(
                [*command, "sh", "-ec", script],
                env=least | environment,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                check=False,
                timeout=180,
                cwd="/",
            )

    @property
    def said(self) -> list[str]:
        """The lines on stderr."""
        return (self.folder / "err").read_text().splitlines()


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Return a read-only machine with `f5ctl` on its PATH."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/var/tmp") as name:
        machine = Machine(Path(name))
        for program in ("f5ctl", "python"):
            module = "" if program == "python" else f"-m {program}"
            (machine.folder / program).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            (machine.folder / program).chmod(0o755)
        for folder in ("", "/tmp", "/var/tmp", "/run", "/dev/shm"):
            tried = machine.run(f"! mkdir {folder}/f5d-tried")
            if tried.returncode != 0:
                pytest.skip(f"no read-only machine can be had here: {machine.said}")
        yield machine


@pytest.mark.slow
def test_one_folder_that_can_be_written_is_enough(machine: Machine) -> None:
    """No home, no account, one folder: all of it speaks, and the daemon's words are on stderr."""
    os.chown(machine.folder, UID, UID)
    script = f"""
        cd "$OUT"
        trap 'f5ctl stop' EXIT
        {SAY} -o x.wav 'Hello.'
        {SAY} -o two.opus '[rms] Hello. [slt] There.'
        F5CTL_PLAYER='sh -c "cat > played.wav"' {SAY} --play 'Hello.'
        printf 'One.\\nTwo.\\n' > lines.txt
        f5ctl batch lines.txt --nfe-step 1 -d out > batch.jsonl
        f5ctl doctor --json > doctor.json || true
    """
    done = machine.run(script, before=NOBODY, F5D_SOCKET=f"{machine.folder}/run/s")
    assert done.returncode == 0, machine.said
    for name in ("x.wav", "two.opus", "played.wav", "out/0001.wav", "out/0002.wav"):
        assert (machine.folder / name).stat().st_size > 1_000, name
    ours = [line for line in machine.said if line.startswith("f5ctl: warning: ")]
    assert len(ours) == 1
    assert "f5d.log cannot be written (" in ours[0]
    assert ours[0].endswith("): the daemon's goes to stderr")
    assert any("INFO f5d.broker.dispatcher: job 1 done" in line for line in machine.said)
    found = {one["what"]: one for one in json.loads((machine.folder / "doctor.json").read_text())}
    assert [one for one in found.values() if one["state"] == "fault"] == []
    assert (found["log"]["state"], found["temporary files"]["state"]) == ("note", "note")
    assert "XDG_STATE_HOME" in found["log"]["fix"]
    assert "TMPDIR" in found["temporary files"]["fix"]


@pytest.mark.slow
def test_a_socket_is_made_where_one_can_be_made(machine: Machine) -> None:
    """Neither a session nor /tmp, but /run: daemon and client agree on it without a word, the log beside it."""
    done = machine.run(f"{SAY} -o $OUT/x.wav Hello.; f5ctl status; f5ctl stop; ls -A /run", run="run")
    assert done.returncode == 0, machine.said
    assert f"socket   /run/f5d-{os.getuid()}/f5d.sock\n" in done.stdout
    assert len(machine.said) == 1
    assert machine.said[0].endswith(f": the daemon's is /run/f5d-{os.getuid()}/f5d.log")


@pytest.mark.slow
def test_the_journal_takes_the_words_of_a_daemon_without_a_log(machine: Machine) -> None:
    """Where journald listens, a daemon's lines go there, each with its priority; a pipe is not held open."""
    (machine.folder / "journald.py").write_text(JOURNALD)
    script = f"""
        python $OUT/journald.py $OUT/journal & journald=$!
        until [ -S /run/systemd/journal/stdout ]; do sleep 0.05; done
        mount -o remount,ro /run
        {SAY} -q -o $OUT/x.wav Hello. 2>&1 | cat
        f5ctl stop
        wait $journald
    """
    done = machine.run(script, run="run", F5D_SOCKET=f"{machine.folder}/s")
    assert (done.returncode, machine.said) == (0, [])
    lines = (machine.folder / "journal").read_text().splitlines()
    assert lines[:7] == ["f5d", "", "6", "1", "0", "0", "0"]  # what sd_journal_stream_fd(3) says first
    assert [line for line in lines[7:] if not line.startswith("<6>f5d.")] == []
    assert lines[7].startswith("<6>f5d.daemon: f5d ")
    assert any("job 1 done" in line for line in lines)


@pytest.mark.parametrize("named", [False, True])
def test_no_place_for_a_socket_is_one_line(machine: Machine, *, named: bool) -> None:
    """Where nothing can be written, one line names what was tried and what to do; doctor says the same."""
    where = {"F5D_SOCKET": "/srv/f5d/f5d.sock"} if named else {}
    done = machine.run(f"{SAY} -o $OUT/x.wav Hello.", **where)
    own = f"f5d-{os.getuid()}"
    tried = f"no place for a socket, none of /tmp/{own}, /run/{own}, /dev/shm/{own} can be written; "
    if named:
        tried = "socket folder /srv/f5d cannot be used: Read-only file system; "
    assert done.returncode == 78
    (line,) = machine.said
    assert line.startswith(f"f5ctl: error: {tried}set F5D_SOCKET to ")
    assert list(machine.folder.glob("x.wav*")) == []
    done = machine.run("f5ctl doctor --json", **where)
    assert done.returncode == 1
    fault = next(one for one in json.loads(done.stdout) if one["state"] == "fault")
    assert fault["what"] == "socket"
    assert "F5D_SOCKET" in fault["fix"]
