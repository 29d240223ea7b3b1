from __future__ import annotations

from typing import Any

import pytest
import torch

from f5ctl.errors import BadRequestError
from f5d.model.sampler import RowSpec

from .support import TINY, TINY_DIT, Maker, relative_error, row_spec, run_alone

TOLERANCE = 1e-4


def mixed_rows() -> list[RowSpec]:
    generator = torch.Generator().manual_seed(5)
    return [
        row_spec(),
        row_spec(total_frames=101, nfe_step=7, seed=2),
        row_spec(total_frames=45, nfe_step=3, cfg_strength=0.0, seed=3),
        row_spec(total_frames=101, nfe_step=5, sway_sampling_coef=None, cfg_strength=3.0, token_ids=(1, 2, 3)),
        row_spec(reference_mel=torch.randn(5, 100, generator=generator), total_frames=9, nfe_step=6),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        TINY_DIT,
        {**TINY_DIT, "text_embedding_average_upsampling": True, "qk_norm": "rms_norm"},
        {**TINY_DIT, "text_mask_padding": False, "pe_attn_head": 1, "long_skip_connection": True},
    ],
)
def test_batch_mates_do_not_change_a_row(maker: Maker, arguments: dict[str, Any]) -> None:
    """A sentence sounds the same alone and in company of other lengths, grids and guidance."""
    _, model = maker.make("DiT", arguments)
    specs = mixed_rows()
    alone = [run_alone(model, spec) for spec in specs]
    rows = [model.backend.open_row(spec) for spec in specs]
    while active := [row for row in rows if not row.finished]:
        model.backend.step(active)
    for row, wanted in zip(rows, alone, strict=True):
        assert relative_error(row.mel, wanted) <= TOLERANCE


def test_a_row_may_join_in_mid_flight(maker: Maker) -> None:
    """A sentence that arrives while another is half done is stepped with it, each at its own time."""
    _, model = maker.make("DiT", TINY_DIT)
    first, second = row_spec(), row_spec(total_frames=55, seed=4)
    wanted = [run_alone(model, first), run_alone(model, second)]
    early = model.backend.open_row(first)
    model.backend.step([early])
    late = model.backend.open_row(second)
    while not late.finished:
        model.backend.step([row for row in (late, early) if not row.finished])
    assert relative_error(early.mel, wanted[0]) <= TOLERANCE
    assert relative_error(late.mel, wanted[1]) <= TOLERANCE


def test_reference_rows_do_not_share_text(maker: Maker) -> None:
    """Through upstream's modules too, rows stepped in turn keep their own text."""
    _, model = maker.make("UNetT", {**TINY, "depth": 2})
    specs = [row_spec(), row_spec(token_ids=(9, 9, 9))]
    wanted = [run_alone(model, spec) for spec in specs]
    rows = [model.backend.open_row(spec) for spec in specs]
    while not rows[0].finished:
        model.backend.step(rows)
    for row, mel in zip(rows, wanted, strict=True):
        assert torch.equal(row.mel, mel)


def test_a_row_tells_how_far_it_is(maker: Maker) -> None:
    """Steps are counted; the mel is there after the last one and not before."""
    _, model = maker.make("DiT", TINY_DIT)
    row = model.backend.open_row(row_spec(nfe_step=2))
    model.backend.step([])
    assert (row.steps_done, row.step_count, row.finished) == (0, 2, False)
    with pytest.raises(ValueError, match="0 of 2 steps"):
        _ = row.mel
    model.backend.step([row])
    model.backend.step([row])
    assert row.finished
    assert row.mel.shape == (40, 100)
    assert row.mel.dtype == torch.float32
    with pytest.raises(ValueError, match="finished"):
        model.backend.step([row])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"nfe_step": 0}, "nfe_step is 0"),
        ({"reference_mel": torch.zeros(3, 80)}, r"shape \(3, 80\)"),
        ({"reference_mel": torch.zeros(65_536, 100)}, "65536 frames; the limit is 65535"),
    ],
)
def test_an_impossible_row_is_refused(changes: dict[str, Any], line: str) -> None:
    """A row that cannot give a mel is refused before it is opened, with the value and the limit."""
    with pytest.raises(BadRequestError, match=line):
        row_spec(**changes)


def test_a_row_belongs_to_its_backend(maker: Maker) -> None:
    """A row of another backend is a programming error, not a wrong sound."""
    _, dit = maker.make("DiT", TINY_DIT)
    _, unet = maker.make("UNetT", {**TINY, "depth": 2})
    with pytest.raises(TypeError):
        dit.backend.step([unet.backend.open_row(row_spec())])
    with pytest.raises(TypeError):
        unet.backend.step([dit.backend.open_row(row_spec())])
