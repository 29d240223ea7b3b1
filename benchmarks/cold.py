"""How long it takes to be heard when something has to start first.

    python benchmarks/cold.py [--rounds 5] [--against CHECKOUT]

The time to the first sample of `f5ctl say` with the starter model: without a daemon (the page cache is warm),
after an unload, and from a kill -9 of the engine in the middle of a text to the next samples. Each daemon is
left alone for `--rest` seconds before, as one is between two requests. `--against` has another checkout take
turns with this one, in the same environment.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from _support import head, table

ROOT = Path(__file__).parents[1]
SENTENCE = "Good morning, how are you?"
LONG = "The wind was cold and the road was long. " * 12
DRAIN_S = 0.3  # what was on its way before the kill is read by then


class Checkout:
    """One tree with a daemon of its own."""

    def __init__(self, tree: Path, folder: str) -> None:
        own = {"PYTHONPATH": str(tree), "F5D_SOCKET": f"{folder}/s", "XDG_STATE_HOME": folder}
        self.env = os.environ | own | {"XDG_CONFIG_HOME": folder}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, *words: str) -> str:
        """Run f5ctl and return what it printed."""
        command = [sys.executable, "-m", "f5ctl", *words]
        return subprocess.run(command, env=self.env, check=True, stdout=subprocess.PIPE, text=True).stdout

    @contextmanager
    def speaking(self, text: str) -> Iterator[int]:
        """Speak; yield the pipe that the samples come through."""
        command = [sys.executable, "-m", "f5ctl", "-q", "say", "--retry", "--output-raw", text]
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, bufsize=0) as process:
            assert process.stdout is not None
            yield process.stdout.fileno()
            while os.read(process.stdout.fileno(), 2**20):
                pass

    def first_sample_s(self) -> float:
        """Return how long the command takes to its first sample."""
        began_s = time.perf_counter()
        with self.speaking(SENTENCE) as pipe:
            os.read(pipe, 2)
            return time.perf_counter() - began_s


def cold(one: Checkout, _rest_s: float) -> float:
    """No daemon."""
    command = [sys.executable, "-m", "f5ctl", "-q", "stop"]
    subprocess.run(command, env=one.env, check=False, stderr=subprocess.DEVNULL)
    return one.first_sample_s()


def warm(one: Checkout, rest_s: float) -> float:
    """Everything is there."""
    time.sleep(rest_s)
    return one.first_sample_s()


def unloaded(one: Checkout, rest_s: float) -> float:
    """The daemon has ended its engine."""
    time.sleep(rest_s)
    one.run("unload")
    return one.first_sample_s()


def killed(one: Checkout, rest_s: float) -> float:
    """The engine is killed between two segments."""
    time.sleep(rest_s)
    with one.speaking(LONG) as pipe:
        os.read(pipe, 2)
        (engine,) = json.loads(one.run("status", "--json"))["engines"]
        os.kill(engine["pid"], signal.SIGKILL)
        began_s = time.perf_counter()
        while time.perf_counter() < began_s + DRAIN_S:
            if select.select([pipe], [], [], 0.01)[0]:
                os.read(pipe, 2**20)
        os.read(pipe, 2)
        return time.perf_counter() - began_s


KINDS: dict[str, Callable[[Checkout, float], float]] = {
    "no daemon": cold,
    "warm": warm,
    "after an unload": unloaded,
    "after a kill": killed,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest", type=float, default=5.0)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    trees = {"now": ROOT} | ({"before": given.against.absolute()} if given.against else {})
    print(head(), flush=True)
    took_s: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        checkouts = {}
        for name, tree in trees.items():
            (Path(folder) / name).mkdir()
            checkouts[name] = Checkout(tree, f"{folder}/{name}")
        for _ in range(given.rounds):
            for name, one in checkouts.items():
                for kind, measure in KINDS.items():
                    took_s.setdefault((kind, name), []).append(measure(one, given.rest))
                one.run("stop")
    rows = []
    for kind in KINDS:
        medians = [statistics.median(took_s[kind, name]) for name in trees]
        ratio = [f"{medians[1] / medians[0]:.2f}"] if len(medians) > 1 else []
        rows.append([kind, *(f"{median:.2f}" for median in medians), *ratio])
    ratios = ["times as fast"] if len(trees) > 1 else []
    print(table(["first sample, s", *trees, *ratios], rows))


if __name__ == "__main__":
    main()
