"""A daemon under load: throughput and latency by number of clients, a short request beside a long one.

    python benchmarks/load.py --clients 1,4,16 --requests 32 --nfe-step 16 --probes 20

Starts a daemon of its own with the starter model; the clients are threads with a connection each. The
peer is the f5-tts package in one warm process, which takes one request at a time (upstream.py): same
weights, voice, sentences, steps and threads, after the daemon has gone. Every part ends early once it
has taken `--seconds`; the tables say how much was done.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from _support import UPSTREAM, head, percentile, table, timed, warm_daemon

from f5ctl.client import Client, answer, new_id
from f5ctl.protocol import SAMPLE_RATE_HZ, TERMINAL_TYPES, Audio, Say

SAMPLE_BYTES = 2
VOICE = "rms"
SHORT = "Hello there, how are you?"
SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "He stood on the right, and she told everyone of her troubles.",
    "Nobody had seen the old man since the beginning of the week.",
    "It was late in the evening when they came to the village.",
    "She opened the window and listened to the rain.",
    "There is nothing in the world that he would rather do.",
    "We have walked along the river for more than an hour.",
    "The letter was lying on the table, and it was not for him.",
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One request as its client saw it."""

    first_audio_s: float
    total_s: float
    audio_s: float


def speak(client: Client, text: str, nfe_step: int, seed: int) -> Spoken:
    """Send one request and take its audio."""
    began_s = time.perf_counter()
    first_s, size = None, 0
    request = client.send(Say(new_id(), text, voice=VOICE, nfe_step=nfe_step, seed=seed))
    last = None
    for last in client.replies(request):
        if isinstance(last, Audio):
            first_s = first_s or time.perf_counter() - began_s
            size += len(last.data)
    answer(last)
    total_s = time.perf_counter() - began_s
    return Spoken(first_s or total_s, total_s, size / SAMPLE_BYTES / SAMPLE_RATE_HZ)


def crowd(clients: int, requests: int, nfe_step: int, seconds: float) -> tuple[float, list[Spoken]]:
    """Let so many clients share the requests; return the wall time and what they saw."""
    work: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(requests):
        work.put(number)
    spoken: list[Spoken] = []
    began_s = time.perf_counter()

    def serve() -> None:
        with Client() as client:
            while time.perf_counter() - began_s < seconds:
                try:
                    number = work.get_nowait()
                except queue.Empty:
                    return
                spoken.append(speak(client, SENTENCES[number % len(SENTENCES)], nfe_step, number))

    threads = [threading.Thread(target=serve) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began_s, spoken


class LongJob:
    """A job that keeps the engine busy; begun again should it end."""

    def __init__(self, words: int, nfe_step: int) -> None:
        endless = itertools.cycle(" ".join(SENTENCES).split())
        self._text = " ".join(itertools.islice(endless, words)) + "."
        self._nfe_step = nfe_step
        self._client = Client()
        self._request = ""

    def keep_going(self) -> None:
        """Return once it is speaking, not merely queued."""
        while (reply := self._client.wait(0)) is not None:
            if isinstance(reply, TERMINAL_TYPES):
                self._request = ""
        if not self._request:
            self._request = self._client.send(
                Say(new_id(), self._text, voice=VOICE, nfe_step=self._nfe_step, seed=0)
            )
            next(reply for reply in self._client.replies(self._request) if isinstance(reply, Audio))

    def end(self) -> None:
        """Cancel it."""
        self._client.cancel(self._request, wait_s=10)
        self._client.close()


def probe(probes: int, nfe_step: int, seconds: float, beside: LongJob | None) -> list[float]:
    """Return the times to first audio of short requests, one after the other."""
    until_s = time.perf_counter() + seconds
    times = []
    with Client() as client:
        for number in range(probes):
            if beside:
                beside.keep_going()
            times.append(speak(client, SHORT, nfe_step, number).first_audio_s)
            if time.perf_counter() > until_s:
                break
    return times


def peer(requests: int, nfe_step: int, threads: int, seconds: float) -> tuple[float, list[Spoken]]:
    """Let the f5-tts package speak the same sentences, after one that warms it up."""
    lines = [SENTENCES[0], *(SENTENCES[number % len(SENTENCES)] for number in range(requests))]
    command = (*UPSTREAM, "--nfe-step", str(nfe_step), "--threads", str(threads), "--seconds", str(seconds))
    _wall_s, out = timed(*command, text="\n".join(lines))
    answers = [one for one in map(json.loads, out.splitlines()) if not one["cold"]]
    spoken = [Spoken(one["wall_s"], one["wall_s"], one["audio_s"]) for one in answers]
    return sum(one.total_s for one in spoken), spoken


def crowd_row(name: str, wall_s: float, spoken: Sequence[Spoken], peer_rate: float) -> list[str]:
    """Return a line of the first table."""
    rate = sum(one.audio_s for one in spoken) / wall_s
    total = [percentile([one.total_s for one in spoken], percent) for percent in (50, 95, 99)]
    first = [percentile([one.first_audio_s for one in spoken], percent) for percent in (50, 95)]
    cells = [f"{value:.2f}" for value in (*total, *first)]
    return [name, str(len(spoken)), f"{rate:.1f}", f"{rate / peer_rate:.2f}", *cells]


def report(options: argparse.Namespace) -> None:
    """Measure and print."""
    print(head(), flush=True)
    levels = [int(number) for number in options.clients.split(",")]
    with warm_daemon(options.threads):
        crowd(max(levels), max(levels), 2, options.seconds)  # first calls pay for the voice and allocation
        crowds = {
            clients: crowd(clients, options.requests, options.nfe_step, options.seconds) for clients in levels
        }
        alone = probe(options.probes, options.nfe_step, options.seconds, None)
        job = LongJob(options.words, options.nfe_step)
        beside = probe(options.probes, options.nfe_step, options.seconds, job)
        job.end()
    peer_wall_s, peer_spoken = peer(options.requests, options.nfe_step, options.threads, options.seconds)
    peer_rate = sum(one.audio_s for one in peer_spoken) / peer_wall_s
    print(f"starter model, {options.nfe_step} steps, {options.threads} threads; times in seconds\n")
    rows = [crowd_row("f5-tts, one by one", peer_wall_s, peer_spoken, peer_rate)]
    rows += [crowd_row(f"f5d, {clients} clients", *crowds[clients], peer_rate) for clients in levels]
    latency = ["p50", "p95", "p99", "first audio p50", "first audio p95"]
    print(table(["who", "requests", "audio s per s", "times f5-tts", *latency], rows))
    times = [(percentile(values, 50), percentile(values, 95)) for values in (alone, beside)]
    ratio = [f"{slow / quick:.2f}" for quick, slow in zip(*times, strict=True)]
    names = ("alone", f"beside a job of {options.words} words")
    seen = [
        (name, len(values), *(f"{value:.3f}" for value in pair))
        for name, values, pair in zip(names, (alone, beside), times, strict=True)
    ]
    print(table(["first audio of a short request", "probes", "p50", "p95"], [*seen, ("ratio", "", *ratio)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", default="1,4,16", help="comma-separated numbers of concurrent clients")
    parser.add_argument("--requests", type=int, default=32, help="for each number of clients, and the peer")
    parser.add_argument("--nfe-step", type=int, default=16)
    parser.add_argument("--probes", type=int, default=20)
    parser.add_argument("--words", type=int, default=2_000, help="length of the long job")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=120, help="longest time for each part")
    report(parser.parse_args())


if __name__ == "__main__":
    main()
