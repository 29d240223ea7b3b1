"""Requests under fire: the engine is killed or stopped, clients are killed, and nothing is lost.

    python benchmarks/chaos.py --minutes 5

Clients (whole `f5ctl say` processes) loop over a few sentences with the starter model. Every 5 to
15 seconds the engine gets SIGKILL or SIGSTOP, and now and then a client gets SIGKILL. What each
surviving client writes is compared with the same request's undisturbed audio.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import threading
import time
import wave
from collections import Counter
from pathlib import Path

import numpy as np
from _support import F5CTL, head, table, warm_daemon

from f5ctl.bench import SENTENCES, percentile

TOLERANCE = 64  # of 32767: rows that share a step add in another order
NFE_STEP = "7"


def state() -> dict[str, object]:
    out = subprocess.run([F5CTL, "status", "--json"], check=True, stdout=subprocess.PIPE).stdout
    return dict(json.loads(out))


def command(number: int, path: Path) -> list[str]:
    words = ("--nfe-step", NFE_STEP, "--seed", str(number), "-o", str(path))
    return [F5CTL, "say", *words, "-v", "rms", SENTENCES[number]]


def samples(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int32)


class Crowd:
    """The clients: threads that each run one `f5ctl say` after the other."""

    def __init__(self, folder: Path, calm: list[np.ndarray[tuple[int, ...], np.dtype[np.int32]]]) -> None:
        self.folder = folder
        self.calm = calm
        self.until_s = 0.0
        self.count: Counter[str] = Counter()
        self.took_s: list[float] = []
        self.faults: list[str] = []
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.victims: set[int] = set()  # pids of clients that were killed

    def loop(self, client: int) -> None:
        """Be one client until the time is over."""
        draw = random.Random(client)
        turn = 0
        while time.monotonic() < self.until_s:
            number, turn = draw.randrange(len(self.calm)), turn + 1
            path = self.folder / f"{client}-{turn}.wav"
            began_s = time.monotonic()
            process = subprocess.Popen(command(number, path), stderr=subprocess.PIPE)
            self.running[client] = process
            _, said = process.communicate()
            self.judge(process, number, path, said.decode(), time.monotonic() - began_s)

    def judge(
        self, process: subprocess.Popen[bytes], number: int, path: Path, said: str, took_s: float
    ) -> None:
        """Count how one call ended."""
        if process.pid in self.victims and process.returncode == -signal.SIGKILL:
            self.count["clients killed"] += 1
            self.count["partial files"] += path.exists() and len(samples(path)) != len(self.calm[number])
            return
        if process.returncode:
            self.count["lost"] += 1
            self.faults.append(said.strip())
            return
        self.took_s.append(took_s)
        got, calm = samples(path), self.calm[number]
        if len(got) > len(calm):
            self.count["duplicated"] += 1
        elif len(got) < len(calm) or np.abs(got - calm).max() > TOLERANCE:
            self.count["wrong"] += 1
        else:
            self.count["right"] += 1
        path.unlink()


def attack(crowd: Crowd, draw: random.Random) -> None:
    """Do one bad thing to the engine, and perhaps one to a client."""
    engines = state()["engines"]
    if isinstance(engines, list) and engines:
        number = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP))
        try:
            os.kill(engines[0]["pid"], number)
            crowd.count["engines killed" if number == signal.SIGKILL else "engines stopped"] += 1
        except ProcessLookupError:
            pass
    if draw.random() < 0.5:
        process = draw.choice(list(crowd.running.values()))
        if process.poll() is None:
            crowd.victims.add(process.pid)
            process.kill()


def maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


def leftovers(pid: int, folder: Path) -> dict[str, int]:
    """Return what the daemon and its clients left behind."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    states = [
        Path(f"/proc/{child}/stat").read_text(encoding="ascii").split(")")[1].split()[0] for child in children
    ]
    sockets = len(list(folder.glob("s.e*")))
    return {
        "zombies": states.count("Z"),
        "temporary files": len(list(folder.glob(".f5ctl-*"))),
        "engine sockets beyond one": max(0, sockets - 1),
        "shared memory": sum("/dev/shm/" in maps(number) for number in (pid, *map(int, children))),
    }


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def report(options: argparse.Namespace) -> int:
    print(head(), flush=True)
    draw = random.Random(options.seed)
    with warm_daemon(options.threads) as folder:
        calm = []
        for number in range(len(SENTENCES)):
            path = folder / f"calm-{number}.wav"
            subprocess.run(command(number, path), check=True)
            calm.append(samples(path))
        pid = int(str(state()["pid"]))
        fds = descriptors(pid)
        crowd = Crowd(folder, calm)
        crowd.until_s = time.monotonic() + options.minutes * 60
        threads = [threading.Thread(target=crowd.loop, args=(client,)) for client in range(options.clients)]
        for thread in threads:
            thread.start()
        while (left_s := crowd.until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, draw.uniform(5, 15)))
            if time.monotonic() < crowd.until_s:
                attack(crowd, draw)
        for thread in threads:
            thread.join()
        subprocess.run([F5CTL, "say", "-o", str(folder / "last.wav"), "All is well."], check=True)
        until_s = time.monotonic() + 5
        while descriptors(pid) > fds and time.monotonic() < until_s:
            time.sleep(0.1)  # the last connection is just being closed
        left = leftovers(pid, folder) | {"descriptors more": max(0, descriptors(pid) - fds)}
    names = ("right", "wrong", "lost", "duplicated", "clients killed", "engines killed", "engines stopped")
    rows: list[tuple[str, object]] = [(name, crowd.count[name]) for name in (*names, "partial files")]
    rows += [(f"left behind: {name}", number) for name, number in left.items()]
    rows += [(f"s for a request, p{q}", f"{percentile(crowd.took_s, q):.2f}") for q in (50, 95, 100)]
    print(table(["what", "number"], rows))
    for fault in crowd.faults:
        print("lost:", fault)
    bad = sum(crowd.count[name] for name in ("wrong", "lost", "duplicated", "partial files")) + sum(
        left.values()
    )
    return min(bad, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    raise SystemExit(report(parser.parse_args()))


if __name__ == "__main__":
    main()
