"""Batches of one length and of mixed ones: where the time goes, what is replayed."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from flops import step_flops

from f5d.catalog.spec import FRAMES_PER_SECOND
from f5d.engine.scheduler import Scheduler
from gpu_sections.lab import fault, header, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from f5d.model.sampler import RowSpec
    from f5d.model.vocos import Vocos
    from gpu_sections.lab import Counted, Lab

BATCHES = (1, 4, 16, 32)
TINY_BATCHES = (1, 3)
REPEATS = 3


@dataclass(frozen=True)
class Times:
    """Milliseconds of a batch; `host_ms` of the steps' are what the calls themselves took."""

    open_ms: float
    steps_ms: float
    host_ms: float
    mels_ms: float

    @property
    def all_ms(self) -> float:
        """From the first row to the last mel on the host."""
        return self.open_ms + self.steps_ms + self.mels_ms


def measure(lab: Lab) -> None:
    """Run each batch in each way."""
    rate = lab.matrix_rate()
    print(f"- matrix product: {rate / 1e12:.0f} TFLOP/s")
    print(f"- rows of {lab.frames} frames, or of half to one and a half of that; {lab.nfe_step} steps, guided")
    dit = lab.chosen(lab.weights())
    backends = {"recorded": lab.backend(dit), "not recorded": lab.backend(dit, record=False)}
    names = ("open", "steps", "host in steps", "mels", "all")
    shares = ("audio s/s", "of the matrix rate", "replayed")
    header("rows", "lengths", "way", *(f"{name}, ms" for name in names), *shares)
    for batch in TINY_BATCHES if lab.dry else BATCHES:
        for lengths, specs in mixes(lab, batch).items():
            for way, backend in backends.items():
                try:
                    cells = measured(lab, backend, specs, rate)
                except Exception as error:  # noqa: BLE001 - told, and the others go on
                    cells = [fault(error), *[""] * 7]
                row(batch, lengths, way, *cells)
    vocoder = lab.vocoder()
    mels = [torch.randn(lab.speech_frames + 1 + extra, 100, device=lab.device) for extra in range(16)]
    header("vocoder", "ms")
    for name, given in (("one", mels[:1]), ("16 of one length", mels[:1] * 16), ("16 of 16 lengths", mels)):
        row(name, f"{lab.median_ms(partial(waves, vocoder, given)):.2f}")


def waves(vocoder: Vocos, given: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the waves of mels, one after the other, on the host."""
    return torch.cat(vocoder.decode_batch(given)).cpu()


def mixes(lab: Lab, batch: int) -> dict[str, list[RowSpec]]:
    """Return a batch of one length and, of several rows, one of mixed lengths."""
    chance = random.Random(batch)
    found = {"one": [lab.spec(seed) for seed in range(batch)]}
    if batch > 1:
        found["mixed"] = [
            lab.spec(seed, chance.randint(lab.frames // 2, lab.frames * 3 // 2)) for seed in range(batch)
        ]
    return found


def measured(lab: Lab, backend: Counted, specs: Sequence[RowSpec], rate: float) -> list[str]:
    """Return a batch's cells of the table: medians, after a run that is not counted."""
    once(lab, backend, specs)
    while backend.warm_up_next():  # as an engine does before somebody comes, and between jobs
        pass
    backend.begin_count()
    runs = [once(lab, backend, specs) for _ in range(REPEATS)]
    work = sum(spec.nfe_step * step_flops(lab.architecture, [spec.frames] * 2) for spec in specs)
    audio_s = sum(spec.frames - spec.reference_frames for spec in specs) / FRAMES_PER_SECOND
    parts = [[run.open_ms, run.steps_ms, run.host_ms, run.mels_ms, run.all_ms] for run in runs]
    medians = [statistics.median(part) for part in zip(*parts, strict=True)]
    all_s = medians[-1] / 1e3
    shares = [f"{work / all_s / rate:.0%}", f"{backend.replayed:.0%}"]
    return [*(f"{part:.1f}" for part in medians), f"{audio_s / all_s:.0f}", *shares]


def once(lab: Lab, backend: Counted, specs: Sequence[RowSpec]) -> Times:
    """Run a batch as the engine would: rows enter steps within its frame budget."""
    lab.wait()
    marks = [time.perf_counter()]
    rows = [backend.open_row(spec) for spec in specs]
    lab.wait()
    marks.append(time.perf_counter())
    scheduler = Scheduler(lab.budget_frames)
    for index, spec in enumerate(specs):
        scheduler.add(str(index), 0, [spec.frames])
    host_s = 0.0
    while scheduler:
        picked = scheduler.pick()
        began_s = time.perf_counter()
        backend.step([rows[int(job)] for job, _ in picked])
        host_s += time.perf_counter() - began_s
        for job, index in picked:
            if rows[int(job)].finished:
                scheduler.finish((job, index))
    lab.wait()
    marks.append(time.perf_counter())
    for finished in rows:
        finished.mel.cpu()
    marks.append(time.perf_counter())
    opened_s, steps_s, mels_s = (after - before for before, after in pairwise(marks))
    return Times(1e3 * opened_s, 1e3 * steps_s, 1e3 * host_s, 1e3 * mels_s)
