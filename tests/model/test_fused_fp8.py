"""8-bit floats, in torch's own products on a CPU."""

from __future__ import annotations

import pytest
import torch

from f5ctl.errors import ConfigError
from f5d.model.dit import DiT
from f5d.model.fp8 import Fp8Linear, fault
from f5d.model.load import pick_dtype
from f5d.model.selfcheck import _TinyStep

from .support import relative_error
from .test_static_step import tiny_dit

without_products = fault(torch.device("cpu"))
needs_products = pytest.mark.skipif(without_products is not None, reason=f"torch on a CPU: {without_products}")


@needs_products
def test_an_8_bit_layer_is_close_to_the_layer_it_replaces() -> None:
    """Frames of any loudness, silence among them, come out within 7% of float32: E4M3 has 3 bits."""
    torch.manual_seed(0)
    linear = torch.nn.Linear(96, 48)
    frames = torch.randn(50, 96) * torch.logspace(-3, 3, 50)[:, None]
    frames[7] = 0.0
    exact, found = linear(frames), Fp8Linear(linear)(frames.bfloat16())
    assert found.dtype == torch.bfloat16
    assert (found - exact).norm(dim=1).div(exact.norm(dim=1)).max() <= 7e-2


@needs_products
def test_a_loud_neighbour_makes_no_frame_coarser() -> None:
    """Beside a frame a million times as loud the others come out as alone, but for bfloat16's last bit."""
    torch.manual_seed(0)
    layer = Fp8Linear(torch.nn.Linear(64, 32))
    frames = torch.randn(20, 64)
    alone = layer(frames)
    beside = layer(torch.cat((frames[:1] * 1e6, frames)))[1:]
    assert relative_error(beside.float(), alone.float()) <= 2**-9


@needs_products
def test_a_step_in_8_bits_is_close_to_the_exact_one() -> None:
    """All of a model's blocks in 8 bits, between them bfloat16, stay within 10% of float32 at a step."""
    with torch.inference_mode():
        wanted = _TinyStep(tiny_dit(DiT)).computed(None)
        dit = tiny_dit(DiT)
        dit.to_compute_type(torch.bfloat16)
        dit.quantize(Fp8Linear)
        assert sum(isinstance(layer, Fp8Linear) for layer in dit.modules()) == 4 * dit.architecture.depth
        assert relative_error(_TinyStep(dit).computed(None), wanted) <= 0.1


def test_8_bits_are_refused_where_there_are_no_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU, and a GPU that is too old, are told from the start what they lack."""
    with pytest.raises(ConfigError, match="dtype fp8 is for an NVIDIA GPU, not for cpu; use auto"):
        pick_dtype("fp8", "cpu")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 6))
    line = r"dtype fp8 does not run on cuda:1: it has compute capability 8.6, and 8.9 is needed; use auto"
    with pytest.raises(ConfigError, match=line):
        pick_dtype("fp8", "cuda:1")
