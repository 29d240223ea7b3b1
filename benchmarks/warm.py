"""A warm `f5ctl say` against a fresh process that imports f5-tts, loads the model and speaks.

    python benchmarks/warm.py [RUNS]

Both use the starter model's files, the same voice, text, steps and guidance, and the same number
of threads (F5D_THREADS, default 1), in turn. The fresh process is upstream.py.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

from _support import F5CTL, UPSTREAM, head, table, timed, warm_daemon

NFE_STEP = "16"
TEXT = "The quick brown fox jumps over the lazy dog."
THREADS = os.environ.get("F5D_THREADS", "1")


def measure(runs: int, folder: Path) -> dict[str, list[float]]:
    """Return the wall times of both ways, taken in turn."""
    say = (F5CTL, "say", "--voice", "rms", "--nfe-step", NFE_STEP, "-o", f"{folder}/warm.wav", TEXT)
    fresh = (*UPSTREAM, "--nfe-step", NFE_STEP, "--threads", THREADS, "-o", f"{folder}/fresh.wav")
    timed(*say)  # the first one encodes the voice
    took_s: dict[str, list[float]] = {"warm": [], "fresh": []}
    for _ in range(runs):
        took_s["fresh"].append(timed(*fresh, text=TEXT)[0])
        took_s["warm"].append(timed(*say)[0])
    return took_s


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(head(), flush=True)
    with warm_daemon(int(THREADS)) as folder:
        took_s = measure(runs, folder)
    warm_s, fresh_s = statistics.median(took_s["warm"]), statistics.median(took_s["fresh"])
    print(f"{NFE_STEP} steps, threads: {THREADS}, medians of {runs} runs\n")
    rows = [
        ("f5-tts in a fresh process", f"{fresh_s:.2f} s", f"{fresh_s / warm_s:.1f}"),
        ("`f5ctl say`, warm", f"{warm_s:.2f} s", "1"),
    ]
    print(table(["way", "time", "ratio"], rows))


if __name__ == "__main__":
    main()
