from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from f5d.catalog.models import catalog
from f5d.catalog.spec import Architecture
from f5d.model.dit import BatchModulation, DiT
from f5d.model.layers import pack_layout

from .support import TINY_DIT, TOKENS, fill

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
StepFlops: TypeAlias = Callable[[Architecture, Sequence[int]], int]


@pytest.fixture
def step_flops(monkeypatch: pytest.MonkeyPatch) -> StepFlops:
    """Return the count that benchmarks/gpu.py states its rates by."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from flops import step_flops

    return step_flops


@pytest.mark.parametrize("changes", [{}, {"long_skip_connection": True, "ff_mult": 4}])
def test_a_steps_arithmetic_is_what_torch_counts(step_flops: StepFlops, changes: dict[str, Any]) -> None:
    """The count equals that of torch's own counter, operation by operation."""
    architecture = Architecture.from_mapping({**TINY_DIT, **changes})
    dit = DiT(architecture, TOKENS).requires_grad_(False)
    fill(dit)
    frames = 70
    table = dit.modulation_table(torch.tensor([0.3]))
    layout = pack_layout([frames], architecture.dim_head, dit.device)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it knows no CPU kernel
        hidden = dit.noisy_input(torch.randn(frames, 100))
        dit(hidden, BatchModulation(table.blocks, table.final, None), layout)
    assert step_flops(architecture, [frames]) == counter.get_total_flops()


def test_the_published_models_work_is_known(step_flops: StepFlops) -> None:
    """10 s after a 5 s reference, guided, 16 steps: 22 TFLOP on F5TTS_v1_Base, and copies add up."""
    architecture = catalog()["F5TTS_v1_Base"].architecture
    assert 16 * step_flops(architecture, [1_406, 1_406]) == pytest.approx(22.5e12, rel=0.1)
    both = step_flops(architecture, [100, 300])
    assert both == step_flops(architecture, [100]) + step_flops(architecture, [300])
