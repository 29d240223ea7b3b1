from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli

# Stands in for the daemon's program: `python -m f5d serve --socket PATH`, found before the real one.
PROGRAM = """
import fcntl, os, sys, time
import zmq
from f5ctl.protocol import Audio, Done, decode, encode
assert sys.argv[1:3] == ["serve", "--socket"]
path = sys.argv[3]
print(f"start in session {os.getsid(0) == os.getpid()} at {os.getcwd()}", flush=True)
if os.environ.get("FAIL"):
    print("f5d: error: " + os.environ["FAIL"].partition(" ")[2], file=sys.stderr)
    sys.exit(int(os.environ["FAIL"].partition(" ")[0]))
lock = open(path + ".lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print(f"f5d: error: another f5d serves {path}", file=sys.stderr)
    sys.exit(78)
time.sleep(0.5)
router = zmq.Context().socket(zmq.ROUTER)
router.bind("ipc://" + path)
open(path + ".pid", "a").write(f"{os.getpid()}\\n")
while True:
    peer, frame = router.recv_multipart()
    body = decode(frame)
    router.send_multipart([peer, encode(Audio(body["id"], 0, b"ab"))])
    router.send_multipart([peer, encode(Done(body["id"], {"samples": 1}))])
"""


@pytest.fixture
def program(cli: Cli, tmp_path: Path) -> Path:
    package = tmp_path / "path" / "f5d"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PROGRAM)
    cli.env["PYTHONPATH"] = str(package.parent)
    return tmp_path / "state" / "f5d" / "f5d.log"


def pids(cli: Cli) -> list[int]:
    return [int(line) for line in Path(cli.socket + ".pid").read_text().split()]


def kill(pid: int) -> None:
    import os

    os.kill(pid, signal.SIGTERM)


def test_say_starts_a_daemon(cli: Cli, program: Path) -> None:
    """Without a daemon, say starts one that outlives it, and says what it does in a log."""
    done = cli.run("say", "hi", "--output-raw")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ab", b"")
    (pid,) = pids(cli)
    assert cli.run("say", "hi", "--output-raw").stdout == b"ab"
    assert pids(cli) == [pid]
    assert program.read_text().splitlines() == ["start in session True at /"]
    kill(pid)


def test_several_clients_start_one_daemon(cli: Cli, program: Path) -> None:
    """`xargs -P4 f5ctl say` with no daemon running starts one, and all four speak."""
    clients = [cli.start("say", "hi", "--output-raw") for _ in range(4)]
    assert [client.communicate(timeout=30) for client in clients] == [(b"ab", b"")] * 4
    (pid,) = pids(cli)
    assert program.read_text().count("start") >= 2
    kill(pid)


@pytest.mark.parametrize(
    ("fail", "status", "line"),
    [
        ("78 f5d.toml line 3: unknown key", 78, "f5d.toml line 3: unknown key"),
        ("1 boom", 69, "the daemon could not be started: boom (log: LOG)"),
    ],
)
def test_a_daemon_that_does_not_start(cli: Cli, program: Path, fail: str, status: int, line: str) -> None:
    """A daemon that ends at once is reported with its own last line."""
    began = time.monotonic()
    done = cli.run("say", "hi", env={"FAIL": fail})
    assert done.returncode == status
    assert done.stderr.decode() == f"f5ctl: error: {line}\n".replace("LOG", str(program))
    assert time.monotonic() - began < 10


def test_a_start_that_takes_too_long(cli: Cli, program: Path) -> None:
    """--timeout also bounds the wait for a daemon that does not come up."""
    done = cli.run("say", "hi", "--timeout", "0.2")
    assert done.returncode == 69
    assert b"did not listen" in done.stderr
    time.sleep(1.0)
    assert "session True" in program.read_text()
    kill(pids(cli)[0])


def test_a_log_that_cannot_be_written(cli: Cli, program: Path) -> None:
    """Without its place for a log the daemon is started all the same, and one note says where the log is."""
    program.parent.parent.write_text("a file in the way")
    other = program.parents[2] / "run"
    other.mkdir(mode=0o700)
    done = cli.run("say", "hi", "--output-raw", env={"XDG_RUNTIME_DIR": str(other)})
    assert (done.returncode, done.stdout) == (0, b"ab")
    line = done.stderr.decode()
    assert line.count("\n") == 1
    assert line.startswith(f"f5ctl: warning: the log {program} cannot be written (")
    assert line.endswith(f": the daemon's is {other}/f5d/f5d.log\n")
    log = other / "f5d" / "f5d.log"
    assert log.read_text().startswith("start in session")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (log, log.parent)] == [0o600, 0o700]
    kill(pids(cli)[0])


def test_no_log_at_all(cli: Cli, program: Path) -> None:
    """Where no file can be written the daemon keeps no log, serves, and its last line is known if it fails."""
    for path in (program.parent.parent, program.parents[2] / "run"):
        path.write_text("a file in the way")
    nowhere = {"XDG_RUNTIME_DIR": str(program.parents[2] / "run")}
    failed = cli.run("-q", "say", "hi", env={**nowhere, "FAIL": "1 boom"})
    assert failed.stderr.decode() == "f5ctl: error: the daemon could not be started: boom\n"
    done = cli.run("say", "hi", "--output-raw", env=nowhere)
    assert (done.returncode, done.stdout) == (0, b"ab")
    assert done.stderr.decode().endswith(": the daemon keeps none\n")
    kill(pids(cli)[0])
    quiet = cli.run("-q", "say", "hi", "--output-raw", env=nowhere)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    kill(pids(cli)[-1])


def test_an_inherited_descriptor_is_not_kept(cli: Cli, program: Path) -> None:
    """A pipeline ends when its commands do: the new daemon holds none of their pipes."""
    script = f"{sys.executable} -m f5ctl say hi --output-raw 3>&1 | cat"
    done = subprocess.run(["sh", "-c", script], env=cli.env, capture_output=True, timeout=20, check=True)
    assert done.stdout == b"ab"
    assert program.exists()
    kill(pids(cli)[0])
