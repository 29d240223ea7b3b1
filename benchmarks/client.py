"""What a warm `f5ctl say` costs beside the synthesis: its start, one round trip and its end.

    python benchmarks/client.py [RUNS]

Starts a daemon of its own with the starter model. The client's cost is the wall time of the whole
process less the time that the daemon had the job (`total_s` in the receipt), as a ratio to
`python -c "import click, zmq, msgpack"`, run in turn with it.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMPORTS = "import click, zmq, msgpack"
F5CTL = str(Path(sys.executable).with_name("f5ctl"))
SAY = (F5CTL, "say", "--json", "--nfe-step", "1", "-o", "/dev/null", "Hello there.")


def timed(*command: str) -> tuple[float, str]:
    """Return the wall time of a command in seconds, and what it printed."""
    began_s = time.perf_counter()
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return time.perf_counter() - began_s, out


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
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        os.environ |= {"F5D_SOCKET": f"{folder}/s", "XDG_STATE_HOME": folder}
        subprocess.run([F5CTL, "load", "starter"], check=True)
        try:
            took_s = measure(runs)
        finally:
            subprocess.run([F5CTL, "stop"], check=True)
    median_ms = {name: statistics.median(values) * 1000 for name, values in took_s.items()}
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, {runs} runs, medians")
    print(f"python -c pass                     {median_ms['python']:7.1f} ms")
    print(f"python -c '{IMPORTS}' {median_ms['imports']:6.1f} ms")
    print(f"f5ctl say, whole process           {median_ms['say']:7.1f} ms")
    print(f"f5ctl say less the daemon's time   {median_ms['client']:7.1f} ms")
    print(f"ratio to the imports               {median_ms['client'] / median_ms['imports']:7.2f}")


if __name__ == "__main__":
    main()
