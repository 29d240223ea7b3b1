"""The real daemon with the starter model, and `f5ctl` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

PATIENCE_S = 60.0


@dataclass
class Cli:
    """Runs `f5ctl` against one socket, as a process group of its own."""

    socket: str
    env: dict[str, str]

    def start(self, *args: str, **popen: Any) -> subprocess.Popen[bytes]:
        """Start f5ctl and return its process."""
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
        command = [sys.executable, "-m", "f5ctl", *args]
        process = subprocess.Popen(command, env=self.env, start_new_session=True, **popen)
        return cast(subprocess.Popen[bytes], process)

    def run(self, *args: str, text: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run f5ctl to its end, with `text` on its stdin."""
        with self.start(*args, **({} if text is None else {"stdin": subprocess.PIPE})) as process:
            out, err = process.communicate(text, timeout=PATIENCE_S)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def status(self) -> dict[str, Any]:
        """Return the daemon's state."""
        answer: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return answer

    def wait_for_job(self, state: str) -> dict[str, Any]:
        """Return the first job once it is in `state`."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for job in self.status()["jobs"]:
                if job["state"] == state:
                    found: dict[str, Any] = job
                    return found
            time.sleep(0.02)
        raise AssertionError(f"no job is {state}: {self.status()}")


def make_cli(folder: Path) -> Cli:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("F5D_", "F5CTL_"))}
    # One thread: two on a machine whose cores are all busy can be a hundred times slower.
    mine = {"F5D_SOCKET": str(folder / "s"), "XDG_STATE_HOME": str(folder / "state"), "F5D_THREADS": "1"}
    return Cli(mine["F5D_SOCKET"], env | mine)


def end_daemon(cli: Cli) -> None:
    done = cli.run("status", "--json")
    if done.returncode == 0:
        pid = json.loads(done.stdout)["pid"]
        if cli.run("stop", "--force").returncode != 0:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def cli() -> Iterator[Cli]:
    """Return the client of a daemon that all these tests share."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        cli = make_cli(Path(folder))
        done = cli.run("load")
        assert done.returncode == 0, done.stderr
        yield cli
        end_daemon(cli)


@pytest.fixture
def fresh() -> Iterator[Cli]:
    """Return a client whose socket has no daemon yet."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        cli = make_cli(Path(folder))
        yield cli
        end_daemon(cli)
