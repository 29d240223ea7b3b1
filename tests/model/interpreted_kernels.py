"""Each kernel in Triton's interpreter against the plain layers; run with TRITON_INTERPRET=1.

Triton decides at its first import whether it interprets, so this is a process of its own. Prints the relative
errors as JSON. bfloat16 is left out: the interpreter cuts it off where a GPU rounds.
"""

from __future__ import annotations

import json
import sys

import torch
from torch import Tensor, nn

from f5d.catalog.spec import Architecture
from f5d.model import kernels
from f5d.model.dit import BatchModulation, DiT
from f5d.model.fused import PARTS, FusedForward
from f5d.model.layers import Attention, add_gated, modulate, pack_layout


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return float((got.float() - wanted.float()).norm() / wanted.float().norm())


def architecture(dim: int, heads: int, rotated: int | None) -> Architecture:
    small = {"dim": dim, "depth": 1, "heads": heads, "dim_head": 16, "ff_mult": 2, "text_dim": 16}
    return Architecture.from_mapping({**small, "conv_layers": 0, "pe_attn_head": rotated})


def rotary(dtype: torch.dtype) -> float:
    """Two of three heads of rows of 7 and 5 frames."""
    layout = pack_layout([7, 5], 16, torch.device("cpu"))
    attention = Attention(architecture(48, 3, rotated=2))
    wanted = torch.randn(12, 3, 3, 16).to(dtype)
    got = wanted.clone()
    attention._rotate(wanted, wanted[:, :2], layout)
    kernels.rotate(got, layout.cos, layout.sin, rotated=2)
    return relative_error(got, wanted)


def norm(dtype: torch.dtype) -> float:
    """Without and with a branch, at a width that is no power of two; tables whose rows lie apart."""
    hidden, branch = torch.randn(32, 48), torch.randn(32, 48).to(dtype)
    shift, scale, gate = torch.randn(3, 6, 48)[:, :3].unbind(1)
    stretches = torch.tensor([2, 0])
    own, stretched = hidden.clone(), [part[stretches] for part in (shift, scale, gate)]
    before = kernels.norm(own, (shift, scale), stretches, dtype)
    wanted_before = modulate(hidden, stretched[0], stretched[1], dtype)
    after = kernels.norm(own, (shift, scale), stretches, torch.float32, (gate, branch))
    wanted_hidden = add_gated(hidden, stretched[2], branch)
    wanted_after = modulate(wanted_hidden, stretched[0], stretched[1], torch.float32)
    return max(
        relative_error(before, wanted_before),
        relative_error(own, wanted_hidden),
        relative_error(after, wanted_after),
    )


def convolution(dtype: torch.dtype) -> float:
    """Rows of 100, 0, 37 and 13 frames, so that a tile ends inside a row; 3 channels a group."""
    lengths, groups = [100, 0, 37, 13], 2
    gapped = pack_layout(lengths, 16, torch.device("cpu")).gapped
    assert gapped is not None
    layer = nn.Conv1d(6, 6, 31, padding=15, groups=groups)
    packed, residual = torch.randn(150, 6).to(dtype), torch.randn(150, 6)
    weight = layer.weight.view(groups, 3, 3, 31).permute(0, 3, 2, 1).contiguous().to(dtype)
    layer.to(dtype)
    wanted = torch.cat(
        [nn.functional.mish(layer(row.T[None])[0].T) for row in torch.split(packed, lengths) if len(row)]
    )
    bias = layer.bias
    assert bias is not None
    return max(
        relative_error(kernels.convolve(packed, weight, bias, gapped), wanted),
        relative_error(kernels.convolve(packed, weight, bias, gapped, residual), residual + wanted),
    )


def step(dtype: torch.dtype) -> float:
    """A whole forward of rows of 21, 11, 13 and 3 frames at two times."""
    dit = DiT(architecture(32, 2, None), 8).requires_grad_(requires_grad=False).eval()
    for parameter in dit.parameters():
        parameter.copy_(
            torch.randn(parameter.shape) / (parameter[0].numel() if parameter.ndim > 1 else 100) ** 0.5
        )
    dit.to_compute_type(dtype)
    layout = pack_layout([21, 11, 13, 3], 16, torch.device("cpu"))
    table = dit.modulation_table(torch.tensor([0.1, 0.7]))
    modulation = BatchModulation(table.blocks, table.final, torch.tensor([0, 0, 1]))
    hidden = torch.randn(48, 32)
    fused = FusedForward(dit, kernels, frozenset(PARTS))
    return relative_error(fused(dit, hidden, modulation, layout), dit(hidden, modulation, layout))


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {
        f"{check.__name__} {name}": check(dtype)
        for check in (rotary, norm, convolution, step)
        for name, dtype in (("float32", torch.float32), ("float16", torch.float16))
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
