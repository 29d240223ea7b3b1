"""The parts of the trainer that are arithmetic."""

from __future__ import annotations

from pathlib import Path

import torch

from f5d.model.vocos import Vocos
from starter.muon import Muon, orthogonalised
from starter.team import Team
from starter.vocoder import SHAPE, export, waves_of


def test_an_update_has_the_same_size_in_every_direction() -> None:
    """Whatever the singular values of a momentum were, those of its update are near one."""
    torch.manual_seed(0)
    stretched = torch.randn(2, 32, 16) * torch.logspace(-1, 1, 16)
    sizes = torch.linalg.svdvals(orthogonalised(stretched, torch.bfloat16))
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3


def test_muon_goes_down_a_slope() -> None:
    """A quadratic of a matrix gets smaller step by step."""
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.randn(8, 8))
    muon = Muon([matrix], Team(1, 64), lr=0.05, weight_decay=0.0, products=torch.bfloat16)
    losses = []
    for _ in range(60):
        loss = matrix.square().sum()
        muon.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        muon.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_a_team_of_one_hears_itself() -> None:
    """What one member gives is what everybody gets."""
    team = Team(1, 4)
    assert team.gather(torch.tensor([1.0, 2.0])).tolist() == [[1.0, 2.0]]
    assert team.gather(torch.tensor([3.0])).tolist() == [[3.0]]


def test_the_vocoder_is_written_as_vocos_reads_it(tmp_path: Path) -> None:
    """The daemon opens an exported vocoder and computes what was trained."""
    torch.manual_seed(0)
    generator = Vocos(SHAPE)
    export(generator, tmp_path)
    opened = Vocos.load(tmp_path / "config.yaml", tmp_path / "pytorch_model.bin")
    mel = torch.randn(20, 100)
    with torch.no_grad():
        trained = waves_of(generator, mel[None])[0]
    assert torch.allclose(opened.decode(mel), trained, atol=1e-5)
