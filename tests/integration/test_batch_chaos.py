"""A batch of twenty lines under kill -9: client, engine and daemon die, the files are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .support import PATIENCE_S, Daemon, wait_until

LINES = 20


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("manifest") / "lines.txt"
    texts = [f"line {number} segments={1 + number % 3} delay=0.05" for number in range(LINES)]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def start(daemon: Daemon, manifest: Path, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "f5ctl", "batch", str(manifest), "-d", str(folder), "--no-start", *options]
    return subprocess.Popen([*command, "--socket", daemon.socket_path], stdout=subprocess.DEVNULL)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made(folder: Path) -> int:
    return len(list(folder.glob(".receipts/*.json")))


@pytest.fixture(scope="module")
def undisturbed(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("calm")
    with Daemon() as daemon:
        assert start(daemon, manifest, folder).wait(PATIENCE_S) == 0
    files = tree(folder)
    assert len(files) == 2 * LINES
    return files


def test_the_files_are_the_same_whatever_dies(
    manifest: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    """Kill -9 of the client, the engine and the daemon in one batch: the same bytes, receipts included."""
    folder = tmp_path / "storm"
    with Daemon() as daemon:
        client = start(daemon, manifest, folder)
        wait_until(lambda: made(folder) >= 3, "three lines")
        client.kill()
        assert client.wait() == -signal.SIGKILL
        assert made(folder) < LINES
        client = start(daemon, manifest, folder)
        wait_until(lambda: made(folder) >= 8, "eight lines")
        os.kill(daemon.peer().status()["engines"][0]["pid"], signal.SIGKILL)
        wait_until(lambda: made(folder) >= 13, "thirteen lines")
        assert daemon.peer().status()["counters"]["engine_restarts"] == 1
        daemon.process.kill()
        daemon.process.wait()
        assert client.poll() is None
        assert made(folder) < LINES
        daemon.process = daemon.spawn()
        assert client.wait(PATIENCE_S) == 0
    assert tree(folder) == undisturbed


def test_an_interrupted_batch_goes_on(manifest: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Ctrl-C again and again, each time after a few lines: the same bytes in the end, and no line twice."""
    folder = tmp_path / "storm"
    with Daemon() as daemon:
        for goal in (4, 9, 15):
            client = start(daemon, manifest, folder, "--jobs", "2")
            wait_until(lambda goal=goal: made(folder) >= goal, f"{goal} lines")  # type: ignore[misc]
            client.send_signal(signal.SIGINT)
            assert client.wait(PATIENCE_S) == -signal.SIGINT
        assert start(daemon, manifest, folder).wait(PATIENCE_S) == 0
        asked = len(daemon.told("synthesize"))
        assert LINES <= asked <= LINES + 3 * 2
    assert tree(folder) == undisturbed


def test_a_drained_daemon_is_waited_for(manifest: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """A restart as an operator does it (SIGTERM, then another daemon) costs the batch no line."""
    folder = tmp_path / "storm"
    with Daemon() as daemon:
        client = start(daemon, manifest, folder, "--retry", "0")
        wait_until(lambda: made(folder) >= 5, "five lines")
        daemon.signal(signal.SIGTERM)
        assert daemon.exit_status() == 0
        daemon.process = daemon.spawn()
        assert client.wait(PATIENCE_S) == 0
    assert tree(folder) == undisturbed


def test_a_line_that_kills_its_engine_is_the_only_one_to_fail(tmp_path: Path) -> None:
    """A poisonous line is listed, the others are made; none of them is tried in vain."""
    manifest = tmp_path / "lines.txt"
    manifest.write_text("one segments=2\nbad die=0\ntwo\nthree segments=3\n", encoding="utf-8")
    folder = tmp_path / "out"
    with Daemon() as daemon:
        client = start(daemon, manifest, folder, "--keep-going", "--retry", "1")
        assert client.wait(PATIENCE_S) == 1
    assert made(folder) == 3
    (line,) = (folder / "failed.jsonl").read_text(encoding="utf-8").splitlines()
    assert '"text": "bad die=0"' in line
    assert '"code": "engine_error"' in line


def test_a_small_queue_is_enough(manifest: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """More jobs in flight than the daemon admits is no failure of any line."""
    folder = tmp_path / "storm"
    with Daemon(max_jobs=3) as daemon:
        assert start(daemon, manifest, folder, "--jobs", "16", "--retry", "0").wait(2 * PATIENCE_S) == 0
    assert tree(folder) == undisturbed
