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
import time

from _support import UPSTREAM, head, table, timed, warm_daemon

from f5ctl.bench import SENTENCES, Crowd, Spoken, crowd, percentile, speak_timed
from f5ctl.client import Client, new_id
from f5ctl.protocol import TERMINAL_TYPES, Audio, Say

VOICE = "rms"
SHORT = "Hello there, how are you?"


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
            spoken = speak_timed(client, SHORT, voice=VOICE, nfe_step=nfe_step, seed=number)
            times.append(spoken.first_audio_s)
            if time.perf_counter() > until_s:
                break
    return times


def peer(requests: int, nfe_step: int, threads: int, seconds: float) -> Crowd:
    """Let the f5-tts package speak_timed the same sentences, after one that warms it up."""
    lines = [SENTENCES[0], *(SENTENCES[number % len(SENTENCES)] for number in range(requests))]
    command = (*UPSTREAM, "--nfe-step", str(nfe_step), "--threads", str(threads), "--seconds", str(seconds))
    _wall_s, out = timed(*command, text="\n".join(lines))
    answers = [one for one in map(json.loads, out.splitlines()) if not one["cold"]]
    spoken = [Spoken(one["wall_s"], one["wall_s"], one["audio_s"]) for one in answers]
    return Crowd(1, sum(one.total_s for one in spoken), spoken)


def crowd_row(name: str, seen: Crowd, peer_rate: float) -> list[str]:
    """Return a line of the first table."""
    times = [seen.total_s(percent) for percent in (50, 95, 99)] + [seen.first_audio_s(p) for p in (50, 95)]
    rates = [f"{seen.audio_rate:.1f}", f"{seen.audio_rate / peer_rate:.2f}"]
    return [name, str(len(seen.spoken)), *rates, *(f"{time_s:.2f}" for time_s in times)]


def report(options: argparse.Namespace) -> None:
    """Measure and print."""
    print(head(), flush=True)
    levels = [int(number) for number in options.clients.split(",")]
    with warm_daemon(options.threads):
        # first calls pay for the voice and allocation
        crowd(None, max(levels), max(levels), options.seconds, voice=VOICE, nfe_step=2)
        same = {"voice": VOICE, "nfe_step": options.nfe_step}
        crowds = [crowd(None, clients, options.requests, options.seconds, **same) for clients in levels]
        alone = probe(options.probes, options.nfe_step, options.seconds, None)
        job = LongJob(options.words, options.nfe_step)
        beside = probe(options.probes, options.nfe_step, options.seconds, job)
        job.end()
    upstream = peer(options.requests, options.nfe_step, options.threads, options.seconds)
    print(f"starter model, {options.nfe_step} steps, {options.threads} threads; times in seconds\n")
    rows = [crowd_row("f5-tts, one by one", upstream, upstream.audio_rate)]
    rows += [crowd_row(f"f5d, {seen.clients} clients", seen, upstream.audio_rate) for seen in crowds]
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
