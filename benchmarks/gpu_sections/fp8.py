"""8-bit products: how near, how fast."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from f5d.model.fp8 import Fp8Linear, fault
from gpu_sections.lab import decibels, header, mels, row

if TYPE_CHECKING:
    from gpu_sections.lab import Lab

BATCHES = (1, 5)


def measure(lab: Lab) -> None:
    """Compare dtype = "fp8" with the type it stands on and with float32, on one row and on a full step."""
    if reason := fault(lab.device):
        print(f"- not measured: {reason}")
        return
    weights = lab.weights()
    own = lab.spec(1)
    wanted = mels(lab.backend(lab.dit(weights, torch.float32)), [own])[0]
    models = {"bfloat16": lab.chosen(weights, torch.bfloat16), "fp8": lab.chosen(weights, torch.bfloat16)}
    models["fp8"].quantize(Fp8Linear)
    header("rows", "type", "ms", "of bfloat16's", "dB from float32, one row")
    for batch in BATCHES:
        specs = [lab.spec(seed) for seed in range(1, 1 + batch)]
        first_ms = 0.0
        for name, dit in models.items():
            backend = lab.backend(dit)
            made = mels(backend, specs)
            while backend.warm_up_next():
                pass
            took_ms = lab.median_ms(partial(mels, backend, specs), 3)
            first_ms = first_ms or took_ms
            near = f"{decibels(made[0], wanted):.1f}" if batch == 1 else ""
            row(batch, name, f"{took_ms:.1f}", f"{took_ms / first_ms:.2f}", near)
