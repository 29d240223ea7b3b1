"""The copies of a step computed side by side, against the same copies packed end to end."""

from __future__ import annotations

import pytest
import torch

from f5d.catalog.spec import Architecture
from f5d.model.dit import DiT
from f5d.model.dit_backend import DiTBackend
from f5d.model.sampler import RowSpec
from f5d.model.workers import CopyWorkers

from .support import TINY_DIT, TOKENS, fill, relative_error, row_spec

TOLERANCE = 1e-4


@pytest.fixture
def dit() -> DiT:
    dit = DiT(Architecture.from_mapping(TINY_DIT), TOKENS)
    fill(dit)
    return dit.eval().requires_grad_(False)


def specs() -> list[RowSpec]:
    return [
        row_spec(),
        row_spec(total_frames=101, nfe_step=4, seed=2),
        row_spec(total_frames=45, nfe_step=3, cfg_strength=0.0, seed=3),
        row_spec(total_frames=77, nfe_step=4, sway_sampling_coef=None, cfg_strength=3.0),
    ]


def run(backend: DiTBackend, chosen: list[RowSpec]) -> list[torch.Tensor]:
    rows = [backend.open_row(spec) for spec in chosen]
    while active := [row for row in rows if not row.finished]:
        backend.step(active)
    return [row.mel for row in rows]


def test_side_by_side_equals_packed(dit: DiT) -> None:
    """Both ways of computing a step, alone and in company, come to the same mel."""
    packed = DiTBackend(dit, "float32")
    together = run(packed, specs())
    for spec, mel, side_by_side in zip(
        specs(), together, run(DiTBackend(dit, "float32", workers=CopyWorkers(dit)), specs()), strict=True
    ):
        assert relative_error(mel, side_by_side) <= TOLERANCE
        assert relative_error(run(packed, [spec])[0], side_by_side) <= TOLERANCE


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_company_does_not_change_a_bit(dit: DiT, dtype: torch.dtype) -> None:
    """With a core for each copy a row's mel is the same in every batch to the last bit."""
    dit.to_compute_type(dtype)
    torch.set_num_threads(2)
    backend = DiTBackend(dit, str(dtype), workers=CopyWorkers(dit))
    for spec, mel in zip(specs(), run(backend, specs()), strict=True):
        if spec.guided:  # one copy alone has both cores
            assert torch.equal(run(backend, [spec])[0], mel)


@pytest.mark.parametrize("cores", [1, 2, 3, 4])
def test_the_callers_cores_are_left_as_they_were(dit: DiT, cores: int) -> None:
    """Sharing out the cores is over when the step is, whatever the numbers."""
    torch.set_num_threads(cores)
    run(DiTBackend(dit, "float32", workers=CopyWorkers(dit)), specs())
    assert torch.get_num_threads() == cores


def test_a_failing_copy_fails_the_step(dit: DiT) -> None:
    """What goes wrong in a worker reaches the caller, and the next step works."""
    workers = CopyWorkers(dit)
    backend = DiTBackend(dit, "float32", workers=workers)
    wanted = run(backend, specs()[:1])[0]
    broken = backend.open_row(specs()[0])
    weight = dit.proj_out.weight
    dit.proj_out.weight = torch.nn.Parameter(weight.double(), requires_grad=False)
    with pytest.raises(RuntimeError, match="dtype"):
        backend.step([broken])
    assert broken.steps_done == 0
    dit.proj_out.weight = weight
    assert torch.equal(run(backend, specs()[:1])[0], wanted)
