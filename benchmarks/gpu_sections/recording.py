"""What recording steps costs, in time and in memory; then steps of random batches."""

from __future__ import annotations

import random
import statistics
import time
from typing import TYPE_CHECKING

import torch

from gpu_sections.lab import header, row, share_of

if TYPE_CHECKING:
    from gpu_sections.lab import Counted, Lab

RANDOM_S = 8.0
MOST_ROWS = 6


def measure(lab: Lab) -> None:
    """Load, record all usual shapes, step random batches, give everything back."""
    header("memory", "device in use, MiB", "torch reserved", "torch allocated")
    tell(lab, "before the model is loaded")
    dit = lab.chosen(lab.weights())
    tell(lab, "weights")
    backend = lab.backend(dit)
    tell(lab, "buffers of steps")
    while backend.warm_up_next():
        pass
    lab.wait()
    tell(lab, "usual shapes recorded")
    took_s = list(backend.recordings_s)
    steps_ms = random_batches(lab, backend)
    tell(lab, "after random batches")
    recorded = len(backend.recordings_s)
    del backend, dit
    if not lab.dry:
        torch.cuda.empty_cache()
    tell(lab, "all given back; a process that ends gives back the rest")
    print()
    usual_s, first_s, all_s = statistics.median(took_s), took_s[0], sum(took_s)
    print(
        f"- {len(took_s)} recordings while idle: first {first_s:.2f} s, others {usual_s:.3f}, all {all_s:.2f}"
    )
    print(f"- {recorded - len(took_s)} more among random batches")
    shown = ", ".join(f"{share:.0%} {share_of(steps_ms, share):.1f}" for share in (0.5, 0.99, 1.0))
    print(f"- {len(steps_ms)} steps of random batches, at most so many ms: {shown}")


def random_batches(lab: Lab, backend: Counted) -> list[float]:
    """Return the times of steps of batches that nobody has seen before, in ms."""
    chance = random.Random(2)
    until_s = time.perf_counter() + (0.5 if lab.dry else RANDOM_S)
    took_ms = []
    while time.perf_counter() < until_s:
        rows = [
            backend.open_row(
                lab.spec(chance.randint(0, 9_999), chance.randint(lab.frames // 3, lab.frames), nfe_step=4)
            )
            for _ in range(chance.randint(1, MOST_ROWS))
        ]
        while rows:
            began_s = time.perf_counter()
            backend.step(rows)
            lab.wait()
            took_ms.append(1e3 * (time.perf_counter() - began_s))
            rows = [each for each in rows if not each.finished]
    return took_ms


def tell(lab: Lab, when: str) -> None:
    """Print a line of memory."""
    own = (0, 0) if lab.dry else (torch.cuda.memory_reserved(), torch.cuda.memory_allocated())
    row(when, f"{lab.used_mib():.0f}", *(f"{size / 2**20:.0f}" for size in own))
