"""Fused steps against plain ones: how near, and how much faster."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import torch

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.buckets import bucket_for
from f5d.model.dit import ModulationPicks
from f5d.model.fused import GELU, PARTS, FusedForward
from f5d.model.packing import RowShape, copy_lengths, pack
from f5d.model.selfcheck import check_paths, choose_paths
from f5d.model.static_step import StepBuffers
from gpu_sections.lab import decibels, fault, header, row

if TYPE_CHECKING:
    from torch import Tensor

    from f5d.model.dit import DiT
    from gpu_sections.lab import Lab

ROWS = (1, 5)  # 5 are a full step of the engine


class Told(logging.Handler):
    """Prints what the self-check says."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line of a list."""
        print(f"- {record.levelname.lower()}: {record.getMessage()}")


def measure(lab: Lab) -> None:
    """Let the engine's own check tell its decibels, then time what it chooses among."""
    log = logging.getLogger("f5d.model.selfcheck")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(Told())
    weights = lab.weights()
    for dtype in dict.fromkeys((lab.half, torch.bfloat16)):
        print(f"- {str(dtype).removeprefix('torch.')}:")
        dit = lab.dit(weights, dtype)
        if lab.dry:
            check_paths(dit, lab.recorder(), None, lacking=lab.kernels()[1])
        else:
            choose_paths(dit, record=True)
        del dit
    dit = lab.dit(weights)
    kernels, lacking = lab.kernels()
    if lacking:
        print(f"- no kernels: {lacking}")
    parts = PARTS if kernels is not None else (GELU,)
    ways = {"plain": frozenset[str](), **{part: frozenset({part}) for part in parts}, "all": frozenset(parts)}
    header("rows", "fused", "us a step", f"ms in {lab.nfe_step} steps", "of the plain time", "dB")
    for rows in ROWS:
        step = Step(lab, dit, rows)
        plain_us, wanted = 0.0, None
        for name, fused in ways.items():
            dit.fused = FusedForward(dit, kernels, fused) if fused else None
            try:
                us, velocity = step.measure()
            except Exception as error:  # noqa: BLE001 - told, and the others go on
                row(rows, name, fault(error), "", "", "")
                continue
            plain_us, wanted = (us, velocity) if wanted is None else (plain_us, wanted)
            near = f"{decibels(velocity, wanted):.0f}" if fused else ""
            row(rows, name, f"{us:.0f}", f"{lab.nfe_step * us / 1e3:.1f}", f"{us / plain_us:.2f}", near)


class Step:
    """A step of rows at different times, in buffers of its own."""

    @torch.inference_mode()
    def __init__(self, lab: Lab, dit: DiT, rows: int) -> None:
        self._lab = lab
        shapes = (RowShape(lab.frames, guided=True),) * rows
        lengths = copy_lengths(shapes)
        bucket = bucket_for(lengths)
        assert bucket is not None
        self._packing = pack(shapes, dit, bucket)
        self._buffers = StepBuffers(dit)
        table = dit.modulation_table(torch.linspace(0, 0.9, lab.nfe_step))
        picks = ModulationPicks.of([(table, 1 + number) for number in range(rows) for _ in range(2)])
        states = [torch.randn(lab.frames, MEL_CHANNELS, device=lab.device) for _ in shapes]
        inputs = [torch.randn(length, dit.architecture.dim, device=lab.device) for length in lengths]
        self._buffers.fill(self._packing, states, inputs, picks)
        given = () if dit.varlen is not None else self._packing.layout.lengths
        self._compute = partial(self._buffers.compute, bucket, given)

    @torch.inference_mode()
    def measure(self) -> tuple[float, Tensor]:
        """Return the device's time for it in us, and the velocities."""
        us = self._lab.device_us(self._compute, 2)
        return us, self._buffers.velocity.index_select(0, self._packing.conditional)
