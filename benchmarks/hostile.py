"""Three hundred texts that are made to take long, each through `f5ctl say --dry-run` and a warm daemon.

    python benchmarks/hostile.py [TEXTS]

The texts are runs of what the reader of a text has rules for (tests/unit/test_hostile_texts.py), of 1, 8 and
60 KiB. A time is the command's less that of one word, which the start of a process makes up.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from _support import F5CTL, head, table, warm_daemon  # noqa: E402

from tests.unit.test_hostile_texts import UNITS  # noqa: E402

SIZES = (1_024, 8_192, 61_440)  # bytes
WORD_RUNS = 11


def dry_run(path: Path, text: str) -> float:
    """Return how long the command takes, in seconds; it speaks, or says in a line why it cannot."""
    path.write_text(text, encoding="utf-8")
    began_s = time.perf_counter()
    command = [F5CTL, "say", "-q", "--no-start", "--dry-run", "-f", str(path)]
    status = subprocess.run(command, capture_output=True, check=False).returncode
    if status not in {0, 65}:
        sys.exit(f"{text[:20]!r} ends with status {status}")
    return time.perf_counter() - began_s


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    texts = [(unit, size) for unit in UNITS for size in SIZES]
    random.Random(1).shuffle(texts)
    print(head(), flush=True)
    with warm_daemon() as folder:
        path = folder / "text.txt"
        word_s = statistics.median(dry_run(path, "Word.") for _ in range(WORD_RUNS))
        took = sorted(
            (dry_run(path, "a" + unit * (size // len(unit.encode())) + "b") - word_s, size, unit)
            for unit, size in texts[:count]
        )
    times = [one for one, _size, _unit in took]
    print(
        f"one word: {word_s:.2f} s; {sum(one < 0.2 for one in times)} of {len(times)} texts under 0.2 s more\n"
    )
    rows = []
    for size in SIZES:
        own = [one for one, its, _unit in took if its == size]
        cells = [f"{own[len(own) // 2]:.3f}", f"{own[len(own) * 9 // 10]:.3f}", f"{own[-1]:.3f}"]
        rows.append([size, len(own), *cells, sum(one < 0.2 for one in own)])
    print(table(["bytes", "texts", "median, s", "nine of ten, s", "slowest, s", "under 0.2 s"], rows))
    print("slowest: " + ", ".join(f"{unit!r} x {size}: {one:.2f} s" for one, size, unit in took[:-8:-1]))


if __name__ == "__main__":
    main()
