"""Thousands of requests through one daemon, to see that nothing grows.

    python benchmarks/soak.py --requests 5000

Starts a daemon with the starter model and sends one short request after the other, of a few lengths,
encodings and voices. Memory and descriptors of engine and broker after the first tenth are compared
with those at the end.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from _support import head, table, warm_daemon

from f5ctl.client import Client, new_id
from f5ctl.protocol import Say

TEXTS = ("Yes.", "No, not now.", "Hello there, how are you?", "It is late.")
ENCODINGS = ("pcm", "pcm", "pcm", "flac", "opus")
VOICES = ("rms", "slt")


def rss_bytes(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(pids: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return resident bytes and open descriptors by process."""
    return {name: (rss_bytes(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))) for name, pid in pids.items()}


def speak(client: Client, number: int, nfe_step: int) -> None:
    text = TEXTS[number % len(TEXTS)]
    encoding = ENCODINGS[number % len(ENCODINGS)]
    voice = VOICES[number % len(VOICES)]
    client.call(Say(new_id(), text, voice=voice, nfe_step=nfe_step, seed=number, encoding=encoding))  # type: ignore[arg-type]


def report(options: argparse.Namespace) -> int:
    print(head(), flush=True)
    with warm_daemon(options.threads), Client() as client:
        state = client.status()
        pids = {"broker": int(state["pid"]), "engine": int(state["engines"][0]["pid"])}
        settled = max(1, options.requests // 10)
        began_s = time.monotonic()
        for number in range(options.requests):
            if number == settled:
                before = measure(pids)
            speak(client, number, options.nfe_step)
        took_s = time.monotonic() - began_s
        after = measure(pids)
    rows = []
    bad = False
    for name in pids:
        (rss, fds), (rss_now, fds_now) = before[name], after[name]
        growth = rss_now / rss - 1
        bad = bad or growth >= 0.02 or fds_now > fds
        mib = f"{rss / 2**20:.1f}", f"{rss_now / 2**20:.1f}"
        rows.append((name, *mib, f"{growth:+.2%}", fds, fds_now))
    print(f"{options.requests} requests of {options.nfe_step} step in {took_s:.0f} s\n")
    names = ["process", f"MiB after {settled}", "MiB at the end", "growth", "descriptors", "at the end"]
    print(table(names, rows))
    return int(bad)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--nfe-step", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    raise SystemExit(report(parser.parse_args()))


if __name__ == "__main__":
    main()
