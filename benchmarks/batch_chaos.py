"""A batch that is killed again and again, against the same batch left alone.

    python benchmarks/batch_chaos.py --lines 200 --nfe-step 7

Two runs of `f5ctl batch` with the starter model, each with a daemon of its own. The second one loses, at
a quarter, a half and three quarters of its lines, its client, its engine and its daemon to kill -9; the
client is then called again, as a user would. Both folders must hold the same bytes, receipts included.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from _support import F5CTL, head, table, warm_daemon

SUBJECTS = (
    "The old man",
    "My sister",
    "Nobody",
    "The doctor",
    "A stranger",
    "The child",
    "Our neighbour",
    "Every one",
)
VERBS = ("looked at", "remembered", "walked along", "spoke of", "waited for", "returned to", "painted")
OBJECTS = (
    "the river.",
    "the house on the hill.",
    "an evening in the summer.",
    "her letters.",
    "the first snow.",
)


def sentences(count: int) -> list[str]:
    """Return `count` different short sentences."""
    every = [f"{subject} {verb} {thing}" for thing in OBJECTS for verb in VERBS for subject in SUBJECTS]
    return every[:count]


def batch(manifest: Path, folder: Path, nfe_step: int, jobs: int) -> subprocess.Popen[bytes]:
    command = [F5CTL, "batch", str(manifest), "-d", str(folder), "--nfe-step", str(nfe_step), "-j", str(jobs)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def made(folder: Path) -> int:
    """Return how many lines are complete."""
    return len(list(folder.glob(".receipts/*.json")))


def wait_for(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    while made(folder) < count and process.poll() is None:
        time.sleep(0.05)


def daemon_pids() -> tuple[int, int]:
    """Return the pids of the daemon and of its engine."""
    state = json.loads(subprocess.run([F5CTL, "status", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    return state["pid"], state["engines"][0]["pid"]


def undisturbed(manifest: Path, folder: Path, nfe_step: int, jobs: int) -> float:
    began_s = time.perf_counter()
    process = batch(manifest, folder, nfe_step, jobs)
    if process.wait() != 0:
        raise SystemExit("the undisturbed batch failed")
    return time.perf_counter() - began_s


def disturbed(manifest: Path, folder: Path, nfe_step: int, jobs: int, lines: int) -> float:
    began_s = time.perf_counter()
    process = batch(manifest, folder, nfe_step, jobs)
    wait_for(folder, lines // 4, process)
    process.kill()
    process.wait()
    process = batch(manifest, folder, nfe_step, jobs)
    wait_for(folder, lines // 2, process)
    os.kill(daemon_pids()[1], signal.SIGKILL)
    wait_for(folder, lines * 3 // 4, process)
    os.kill(daemon_pids()[0], signal.SIGKILL)
    if process.wait() != 0:
        raise SystemExit("the disturbed batch failed")
    return time.perf_counter() - began_s


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--nfe-step", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args(arguments)
    texts = sentences(given.lines)
    with warm_daemon(given.threads) as folder:
        manifest = folder / "lines.txt"
        manifest.write_text("\n".join(texts) + "\n", encoding="utf-8")
        calm_s = undisturbed(manifest, folder / "calm", given.nfe_step, given.jobs)
        storm_s = disturbed(manifest, folder / "storm", given.nfe_step, given.jobs, len(texts))
        calm, storm = contents(folder / "calm"), contents(folder / "storm")
    differing = sorted(name for name in calm.keys() | storm.keys() if calm.get(name) != storm.get(name))
    rows = [["left alone", len(calm), f"{calm_s:.0f}"], ["killed three times", len(storm), f"{storm_s:.0f}"]]
    print(head() + "\n" + table(["batch", "files", "s"], rows))
    print(f"files that differ: {len(differing)} {' '.join(differing[:5])}")
    if differing or len(calm) != 2 * len(texts):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
