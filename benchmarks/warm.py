"""A warm `f5ctl say` against a fresh process that imports f5-tts, loads the model and speaks.

    python benchmarks/warm.py [RUNS]

Both use the starter model's files, the same voice, text, steps (its default) and guidance, and the same number
of threads (F5D_THREADS, default 1), in turn. The fresh process is upstream.py.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

from _support import F5CTL, UPSTREAM, head, table, timed, warm_daemon

from f5d.catalog.models import catalog

NFE_STEP = str(catalog()["starter"].nfe_step)
TEXTS = ("Hello there, how are you?", "The quick brown fox jumps over the lazy dog.")
THREADS = os.environ.get("F5D_THREADS", "1")


def measure(text: str, runs: int, folder: Path) -> tuple[float, float]:
    """Return the median wall times of a fresh process and of a warm say, taken in turn."""
    say = (F5CTL, "say", "--voice", "rms", "--nfe-step", NFE_STEP, "-o", f"{folder}/warm.wav", text)
    fresh = (*UPSTREAM, "--nfe-step", NFE_STEP, "--threads", THREADS, "-o", f"{folder}/fresh.wav")
    timed(*say)  # the first one encodes the voice
    took_s: dict[str, list[float]] = {"warm": [], "fresh": []}
    for _ in range(runs):
        took_s["fresh"].append(timed(*fresh, text=text)[0])
        took_s["warm"].append(timed(*say)[0])
    return statistics.median(took_s["fresh"]), statistics.median(took_s["warm"])


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(head(), flush=True)
    with warm_daemon(int(THREADS)) as folder:
        medians = [measure(text, runs, folder) for text in TEXTS]
    print(f"{NFE_STEP} steps, threads: {THREADS}, medians of {runs} runs\n")
    rows = [
        (f"{len(text)} characters", f"{fresh_s:.2f} s", f"{warm_s:.2f} s", f"{fresh_s / warm_s:.1f}")
        for text, (fresh_s, warm_s) in zip(TEXTS, medians, strict=True)
    ]
    print(table(["sentence", "f5-tts in a fresh process", "`f5ctl say`, warm", "ratio"], rows))


if __name__ == "__main__":
    main()
