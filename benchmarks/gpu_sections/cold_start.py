"""One cold start, piece by piece, in a process that has done nothing yet; cold.py starts it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import torch

from f5d.model.selfcheck import choose_paths

if TYPE_CHECKING:
    from gpu_sections.lab import Counted, Lab

SINGLE_STEPS = 4  # of the first request that are told one by one


class Marks:
    """What happened since the last mark, in ms."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._last_s = lab.began_s
        self.took_ms: dict[str, float] = {}

    def mark(self, what: str) -> None:
        """Wait for the device, and count the time to what has just been done."""
        self._lab.wait()
        now_s = time.perf_counter()
        self.took_ms[what] = 1e3 * (now_s - self._last_s)
        self._last_s = now_s


def measure(lab: Lab) -> None:
    """Print the times as JSON."""
    marks = Marks(lab)
    marks.mark("imports, torch's above all")
    torch.zeros(1, device=lab.device).add_(1).item()
    marks.mark("the device's first operation")
    weights = lab.weights()
    marks.mark("random weights (reading a file, in an engine)")
    dit = lab.dit(weights)
    marks.mark("the model on the device")
    choose_paths(dit, record=True)
    marks.mark("the check of fused paths and of a recording")
    backend = lab.backend(dit)
    vocoder = lab.vocoder()
    marks.mark("buffers, vocoder")
    for turn, frames in (
        ("first", lab.frames),
        ("second", lab.frames),
        ("third, of another length", lab.frames - 7),
    ):
        request(lab, backend, marks, turn, frames)
        row = backend.open_row(lab.spec(1, frames, nfe_step=1))
        backend.step([row])
        vocoder.decode(row.mel).cpu()
        marks.mark(f"{turn} request: a wave of its length")
    print(json.dumps(marks.took_ms))


def request(lab: Lab, backend: Counted, marks: Marks, turn: str, frames: int) -> None:
    """Step one row; of the first request each of the first steps is a mark of its own."""
    row = backend.open_row(lab.spec(1, frames))
    marks.mark(f"{turn} request: opening its row")
    while not row.finished:
        backend.step([row])
        if turn == "first" and row.steps_done <= SINGLE_STEPS:
            marks.mark(f"first request: step {row.steps_done}")
    row.mel.cpu()
    marks.mark(f"{turn} request: its other steps" if turn == "first" else f"{turn} request: its steps")
