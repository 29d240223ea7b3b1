"""Load for a running daemon, and what its clients see: latency, time to first audio, throughput."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from f5ctl.client import Client, answer, new_id
from f5ctl.errors import F5Error
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, Audio, Say

SENTENCES: Final = (
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


@dataclass(frozen=True, slots=True)
class Crowd:
    """What some clients saw together; `wall_s` is the time from the first request to the last answer."""

    clients: int
    wall_s: float
    spoken: Sequence[Spoken]

    @property
    def audio_rate(self) -> float:
        """Seconds of audio per second."""
        return sum(one.audio_s for one in self.spoken) / self.wall_s

    def total_s(self, percent: float) -> float:
        """Return a percentile of the whole time of a request."""
        return percentile([one.total_s for one in self.spoken], percent)

    def first_audio_s(self, percent: float) -> float:
        """Return a percentile of the time to first audio."""
        return percentile([one.first_audio_s for one in self.spoken], percent)


def speak_timed(client: Client, text: str, **fields: Any) -> Spoken:
    """Send one request and take its audio. Raises F5Error when it fails."""
    began_s = time.perf_counter()
    first_s, size = None, 0
    request = client.send(Say(new_id(), text, **fields))
    last = None
    for last in client.replies(request):
        if isinstance(last, Audio):
            first_s = first_s or time.perf_counter() - began_s
            size += len(last.data)
    answer(last)
    total_s = time.perf_counter() - began_s
    return Spoken(first_s or total_s, total_s, size / SAMPLE_BYTES / SAMPLE_RATE_HZ)


def crowd(socket: str | None, clients: int, requests: int, seconds: float, **fields: Any) -> Crowd:
    """Let so many clients share the requests for `seconds` at most; raises the first client's F5Error."""
    work: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(requests):
        work.put(number)
    spoken: list[Spoken] = []
    failures: list[F5Error] = []
    began_s = time.perf_counter()

    def serve() -> None:
        try:
            with Client(socket) as client:
                while time.perf_counter() - began_s < seconds and not failures:
                    number = work.get_nowait()
                    text = SENTENCES[number % len(SENTENCES)]
                    spoken.append(speak_timed(client, text, seed=number, **fields))
        except queue.Empty:
            pass
        except F5Error as error:
            failures.append(error)

    threads = [threading.Thread(target=serve) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Crowd(clients, time.perf_counter() - began_s, spoken)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
