"""A book of 1.2 MB: the memory that client and broker take for it, and what a kill costs.

    python benchmarks/books.py --suffix opus --kills 3

The engine is the tests' stand-in, which makes samples at once, as many as speech has. The book is spoken twice
with `f5ctl say --retry`: undisturbed, and killed (-9) again and again. Both files must be equal, of Ogg but for
the stream's random serial number.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from _support import F5CTL, head, table  # noqa: E402

from tests.integration.support import Daemon  # noqa: E402

SAMPLES_A_CHARACTER = 1_536  # six mel frames a byte, as the bundled voices speak
LINE = "In year {} of the long drought the farmer led his {} goats to the market, and nobody there bought one. "


def book(size_bytes: int) -> str:
    """Return a text of about that size, nine sentences a paragraph."""
    text, number, size = [], 0, 0
    while size < size_bytes:
        text.append(LINE.format(number, number * 7 % 1_000) + ("\n\n" if number % 9 == 8 else ""))
        size += len(text[-1])
        number += 1
    return "".join(text)


class Watched:
    """A process whose largest resident memory is asked for until it ends."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak_kib = 0

    def look(self) -> None:
        """Take note of the peak so far."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        except OSError:
            return
        if found := re.search(r"VmHWM:\s+(\d+)", status):
            self.peak_kib = max(self.peak_kib, int(found[1]))


def say(daemon: Daemon, text: Path, out: Path, kill_after_s: float | None = None) -> tuple[int, float, float]:
    """Speak the book; return the exit status, the seconds that took and the client's peak memory in MiB."""
    command = [F5CTL if Path(F5CTL).exists() else sys.executable]
    command += [] if command[0] == F5CTL else ["-m", "f5ctl"]
    command += ["say", "-q", "--no-start", "--seed", "1", "--retry", "-f", str(text), "-o", str(out)]
    began_s = time.perf_counter()
    env = os.environ | {"F5D_SOCKET": daemon.socket_path}
    process = subprocess.Popen(command, env=env)
    watched = Watched(process.pid)
    while process.poll() is None:
        watched.look()
        time.sleep(0.05)
        if kill_after_s is not None and time.perf_counter() - began_s > kill_after_s:
            process.send_signal(signal.SIGKILL)
    return process.returncode, time.perf_counter() - began_s, watched.peak_kib / 1024


def same(one: Path, other: Path) -> bool:
    """Return True when two files are equal, of Ogg but for serial numbers and the sums over them."""
    with one.open("rb") as left, other.open("rb") as right:
        ogg = left.peek(4)[:4] == b"OggS"
        while True:
            if ogg:
                heads = left.read(27), right.read(27)
                if not heads[0] or not heads[1]:
                    return heads[0] == heads[1]
                if any(heads[0][a:b] != heads[1][a:b] for a, b in ((0, 14), (18, 22), (26, 27))):
                    return False
                lacing = left.read(heads[0][26]), right.read(heads[1][26])
                size = sum(lacing[0])
                if lacing[0] != lacing[1] or left.read(size) != right.read(size):
                    return False
            else:
                blocks = left.read(2**20), right.read(2**20)
                if blocks[0] != blocks[1]:
                    return False
                if not blocks[0]:
                    return True


def main() -> None:
    """Measure and print a table; exit with 1 when the files differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suffix", default="opus")
    parser.add_argument("--megabytes", type=float, default=1.2)
    parser.add_argument("--samples", type=int, default=SAMPLES_A_CHARACTER, help="for a character of text")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--kill-after", type=float, default=4.0, metavar="SECONDS")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder, Daemon() as daemon:
        (daemon.folder / "of_text").write_text(str(options.samples))
        text = Path(folder) / "book.txt"
        text.write_text(book(int(options.megabytes * 1e6)))
        calm, killed = (Path(folder) / f"{name}.{options.suffix}" for name in ("calm", "killed"))
        broker = Watched(daemon.process.pid)
        runs: list[tuple[str, Path, float | None]] = [("undisturbed", calm, None)]
        runs += [("killed", killed, options.kill_after)] * options.kills
        for name, out, kill_after_s in [*runs, ("gone on with", killed, None)]:
            status, took_s, peak = say(daemon, text, out, kill_after_s)
            broker.look()
            rows.append([name, status, f"{took_s:.1f}", f"{peak:.0f}", f"{broker.peak_kib / 1024:.0f}"])
        equal = same(calm, killed)
        print(head())
        print(table(["run", "status", "seconds", "client, MiB", "broker, MiB"], rows))
        print(f"\n{calm.stat().st_size / 1e6:.0f} MB of {options.suffix}; equal: {'yes' if equal else 'NO'}")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
