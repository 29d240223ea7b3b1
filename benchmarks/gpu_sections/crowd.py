"""The scheduler, the model and the vocoder with clients that ask again at once; then many lengths."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from f5d.catalog.spec import FRAMES_PER_SECOND
from f5d.engine.pace import StepTime
from f5d.engine.scheduler import RowKey, Scheduler
from gpu_sections.lab import header, row, share_of

if TYPE_CHECKING:
    from f5d.model.sampler import Row
    from f5d.model.vocos import Vocos
    from gpu_sections.lab import Counted, Lab

CLIENTS = (1, 4, 8, 32)
TINY_CLIENTS = (1, 3)
WARM_S, COUNTED_S = 2.0, 4.0
TINY_S = 0.3
LENGTHS = 500
LENGTHS_S = 15.0  # at most
COUNTED_EVERY = 100


def measure(lab: Lab) -> None:
    """Let crowds of several sizes speak, then rows of many lengths."""
    dit = lab.chosen(lab.weights())
    backend, vocoder = lab.backend(dit), lab.vocoder()
    while backend.warm_up_next():
        pass
    print("- lengths from 0.4 to 1.1 of a request's; first audio is that of a whole segment here")
    names = ("audio s/s", "steps/s", "rows a step", "replayed", "first audio p50, s", "p95, s", "reserved MiB")
    header("clients", *names)
    for clients in TINY_CLIENTS if lab.dry else CLIENTS:
        crowd = Crowd(lab, backend, vocoder, clients)
        crowd.speak(TINY_S if lab.dry else WARM_S)
        crowd.begin_count()
        crowd.speak(TINY_S if lab.dry else COUNTED_S)
        row(clients, *crowd.told())
    many_lengths(lab, backend, vocoder)


@dataclass
class Crowd:
    """Clients of one segment each, which ask for the next as soon as they have heard the last."""

    lab: Lab
    backend: Counted
    vocoder: Vocos
    clients: int
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    step_time: StepTime = field(default_factory=lambda: StepTime(is_late=True))
    rows: dict[RowKey, Row] = field(default_factory=dict)
    frames: dict[RowKey, int] = field(default_factory=dict)
    asked_s: dict[RowKey, float] = field(default_factory=dict)
    heard_s: list[float] = field(default_factory=list)
    audio_s: float = 0.0
    took_s: float = 0.0
    step_rows: int = 0

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.lab.budget_frames)
        for client in range(self.clients):
            self.ask(client)

    def ask(self, client: int) -> None:
        """Queue a client's next segment."""
        key = (f"{client}:{self.chance.random()}", 0)
        self.frames[key] = self.chance.randint(int(0.4 * self.lab.frames), int(1.1 * self.lab.frames))
        self.asked_s[key] = time.perf_counter()
        self.scheduler.add(key[0], 0, [self.frames[key]], share=(client,))

    def begin_count(self) -> None:
        """Forget what was counted while everything warmed up."""
        self.backend.begin_count()
        self.heard_s.clear()
        self.audio_s = self.took_s = 0.0
        self.step_rows = 0

    def speak(self, seconds: float) -> None:
        """Step and vocode for so long, as the engine's loop does."""
        began_s = time.perf_counter()
        while time.perf_counter() - began_s < seconds:
            keys = self.scheduler.pick(self.step_time.company)
            for key in keys:
                if key not in self.rows:
                    self.rows[key] = self.backend.open_row(self.lab.spec(len(self.frames), self.frames[key]))
            stepped_s = time.perf_counter()
            self.backend.step([self.rows[key] for key in keys])
            self.step_time.note(sum(self.frames[key] for key in keys), time.perf_counter() - stepped_s)
            self.step_rows += len(keys)
            if finished := [key for key in keys if self.rows[key].finished]:
                self.step_time.forget()
                self.hear(finished)
        self.took_s += time.perf_counter() - began_s

    def hear(self, finished: list[RowKey]) -> None:
        """Vocode finished rows, and let their clients ask again."""
        torch.cat(self.vocoder.decode_batch([self.rows[key].mel for key in finished])).cpu()
        now_s = time.perf_counter()
        for key in finished:
            spec = self.rows.pop(key).spec
            self.audio_s += (spec.frames - spec.reference_frames) / FRAMES_PER_SECOND
            self.heard_s.append(now_s - self.asked_s.pop(key))
            self.scheduler.finish(key)
            self.ask(int(key[0].split(":")[0]))

    def told(self) -> list[str]:
        """Return the cells of the table."""
        waits = self.heard_s
        times = [f"{share_of(waits, share):.3f}" if waits else "" for share in (0.5, 0.95)]
        steps = max(1, self.backend.steps)
        rates = [
            f"{self.audio_s / self.took_s:.0f}",
            f"{steps / self.took_s:.1f}",
            f"{self.step_rows / steps:.1f}",
        ]
        reserved = 0 if self.lab.dry else torch.cuda.memory_reserved() // 2**20
        return [*rates, f"{self.backend.replayed:.0%}", *times, str(reserved)]


def many_lengths(lab: Lab, backend: Counted, vocoder: Vocos) -> None:
    """Speak rows of random lengths, none like another, and tell the memory of host and device."""
    chance = random.Random(2)
    lengths = chance.sample(range(lab.frames // 4, 2 * lab.frames), min(LENGTHS, lab.frames))
    until_s = time.perf_counter() + (1.0 if lab.dry else LENGTHS_S)
    header("lengths so far", "process, MiB", "device in use, MiB")
    for number, frames in enumerate(lengths):
        if number % COUNTED_EVERY == 0:
            row(number, f"{resident_mib():.0f}", f"{lab.used_mib():.0f}")
        if time.perf_counter() > until_s:
            break
        opened = backend.open_row(lab.spec(number, frames, nfe_step=2))
        while not opened.finished:
            backend.step([opened])
        vocoder.decode(opened.mel).cpu()
    row(number, f"{resident_mib():.0f}", f"{lab.used_mib():.0f}")


def resident_mib() -> float:
    """Return this process's memory."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
