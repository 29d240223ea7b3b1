"""What a warm `f5ctl say` costs beside the synthesis: its start, one round trip and its end.

    python benchmarks/client.py [RUNS]

Starts a daemon of its own with the starter model. The client's cost is the wall time of the whole
process less the time that the daemon had the job (`total_s` in the receipt), as a ratio to
`python -c "import click, zmq, msgpack"`, run in turn with it.
"""

from __future__ import annotations

import json
import statistics
import sys

from _support import F5CTL, head, table, timed, warm_daemon

IMPORTS = "import click, zmq, msgpack"
SAY = (F5CTL, "say", "--json", "--nfe-step", "1", "-o", "/dev/null", "Hello there.")


def measure(runs: int) -> dict[str, list[float]]:
    """Return the times of every kind of run, taken in turn."""
    took_s: dict[str, list[float]] = {"python": [], "imports": [], "say": [], "client": []}
    for _ in range(runs):
        took_s["python"].append(timed(sys.executable, "-c", "pass")[0])
        took_s["imports"].append(timed(sys.executable, "-c", IMPORTS)[0])
        wall_s, receipt = timed(*SAY)
        took_s["say"].append(wall_s)
        took_s["client"].append(wall_s - json.loads(receipt)["total_s"])
    return took_s


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(head(), flush=True)
    with warm_daemon():
        took_s = measure(runs)
    median_s = {name: statistics.median(values) for name, values in took_s.items()}
    names = {
        "python": "`python -c pass`",
        "imports": f"`python -c '{IMPORTS}'`",
        "say": "`f5ctl say`, whole process",
        "client": "`f5ctl say` less the daemon's time",
    }
    print(f"medians of {runs} runs\n")
    rows = [
        (name, f"{median_s[key] * 1000:.1f} ms", f"{median_s[key] / median_s['imports']:.2f}")
        for key, name in names.items()
    ]
    print(table(["what", "time", "ratio to the imports"], rows))


if __name__ == "__main__":
    main()
