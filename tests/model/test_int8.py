"""8-bit linear layers, on CPUs with and without instructions for them."""

from __future__ import annotations

import pytest
import torch

from f5d.model.int8 import (
    Int8Linear,
    PackedWeight,
    PlainWeight,
    WholePackedWeight,
    has_packed_products,
    has_whole_sums,
)

KINDS = [
    PlainWeight,
    pytest.param(
        PackedWeight,
        marks=pytest.mark.skipif(not has_packed_products(), reason="torch has no oneDNN for 8 bits here"),
    ),
    pytest.param(
        WholePackedWeight,
        marks=pytest.mark.skipif(
            not has_packed_products() or not has_whole_sums(),
            reason="oneDNN adds in 16 bits here",
        ),
    ),
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_8_bit_layer_is_close_to_the_layer_it_replaces(kind: type[PlainWeight | PackedWeight]) -> None:
    """Frames of any loudness come out within 3% of float32, in the type they came in."""
    torch.manual_seed(0)
    linear = torch.nn.Linear(96, 40)
    frames = torch.randn(50, 96) * torch.logspace(-3, 3, 50)[:, None]
    exact = linear(frames)
    found = Int8Linear(linear, kind)(frames)
    assert (found - exact).norm(dim=1).div(exact.norm(dim=1)).max() <= 3e-2
    assert Int8Linear(linear, kind)(frames.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_sums_do_not_overflow(kind: type[PlainWeight | PackedWeight]) -> None:
    """Weights and inputs that are all at their limit, of either sign, still add up to 1%."""
    linear = torch.nn.Linear(1024, 2, bias=False)
    torch.nn.init.ones_(linear.weight)
    with torch.no_grad():
        linear.weight[1] = -1.0
        linear.bias = torch.nn.Parameter(torch.zeros(2))
        found = Int8Linear(linear, kind)(torch.tensor([[1.0] * 1024, [-1.0] * 1024, [0.0] * 1024]))
    assert torch.allclose(found, torch.tensor([[1024.0, -1024.0], [-1024.0, 1024.0], [0.0, 0.0]]), rtol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_does_not_depend_on_its_neighbours(kind: type[PlainWeight | PackedWeight]) -> None:
    """To the last bit, the result of a frame is the same among others as alone."""
    torch.manual_seed(0)
    layer = Int8Linear(torch.nn.Linear(64, 32), kind)
    frames = torch.randn(40, 64)
    together = layer(frames)
    assert all(torch.equal(layer(frames[i : i + 1])[0], together[i]) for i in range(len(frames)))
