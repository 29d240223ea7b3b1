"""Daemon, engine and client while the wall clock jumps an hour forth and back, twice a second.

The jumps are those of a preloaded library, for these processes alone: setting the machine's clock would
reach everybody on it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from f5ctl.protocol import Done, Failed, Progress

from .support import Daemon, say, wait_until

SOURCE = Path(__file__).with_name("jumping_clock.c")
WATCH = """import time
seen = set()
for _ in range(90):
    seen.add(round((time.time() - time.monotonic()) / 3600))
    time.sleep(0.01)
print(max(seen) - min(seen))
"""


@pytest.fixture(scope="module")
def jumping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process whose wall clock jumps, and prove that it does."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler for the library that makes the clock jump")
    library = tmp_path_factory.mktemp("clock") / "jumping_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
    env = {"LD_PRELOAD": str(library)}
    seen = subprocess.run([sys.executable, "-c", WATCH], env=os.environ | env, capture_output=True, check=True)
    assert int(seen.stdout) == 2  # hours
    return env


def test_a_jumping_clock_is_not_noticed(jumping: dict[str, str]) -> None:
    """Progress every second, deadlines when they are due, keep_alive as set, and no engine taken for dead."""
    with Daemon(env=jumping, keep_alive=1.0) as daemon:
        peer = daemon.peer()
        began = time.monotonic()
        peer.send(say("a", "segments=30 delay=0.1"))
        peer.send(say("late", "segments=40 delay=0.1", timeout_s=1.5))
        ended = peer.end_of("late")
        assert 1.5 <= time.monotonic() - began < 3.0
        assert isinstance(ended, Failed)
        assert ended.code == "deadline_exceeded"
        done = peer.end_of("a")
        assert isinstance(done, Done)
        spent_s = time.monotonic() - began
        assert 3.0 < done.result["total_s"] <= spent_s
        told = [reply for reply in peer.seen if isinstance(reply, Progress) and reply.id == "a"]
        assert all(0 <= reply.elapsed_s <= spent_s for reply in told)
        assert 0 < peer.status()["uptime_s"] < spent_s + 60
        (engine,) = peer.status()["engines"]
        assert 0 <= engine["expires_s"] <= 1.0
        wait_until(lambda: not peer.status()["engines"], "unloaded")
        assert peer.status()["counters"]["engine_restarts"] == 0
        assert "sign of life" not in daemon.log_text()


@pytest.mark.slow
def test_speech_while_the_clock_jumps(jumping: dict[str, str], tmp_path: Path) -> None:
    """f5ctl, the daemon that it starts and the real engine: the file is that of a calm clock."""
    spoken: list[bytes] = []
    for name, env in (("calm", {}), ("storm", jumping)):
        with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
            own = {"F5D_SOCKET": f"{folder}/s", "XDG_STATE_HOME": folder, "F5D_THREADS": "1"}
            file = tmp_path / f"{name}.wav"
            flags = ["--no-receipt-text", "--nfe-step", "2", "--seed", "5", "--timeout", "120", "-o", str(file)]
            try:
                done = f5ctl("say", *flags, "Hello there.", env=own | env)
                assert (done.returncode, done.stderr) == (0, b"")
            finally:
                f5ctl("stop", "--force", env=own | env)
            content = file.read_bytes()
            size = int.from_bytes(content[40:44], "little")
            spoken.append(content[44 : 44 + size])
    calm, storm = spoken
    assert len(calm) > 10_000
    assert calm == storm


def f5ctl(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "f5ctl", *arguments]
    return subprocess.run(command, env=os.environ | env, capture_output=True, check=False, timeout=120)
