"""Linear layers in 8-bit integers, for CPUs: twice the arithmetic of bfloat16, four times that of float32.

Each output channel of a weight and each frame of an input has its own scale, and products are summed in
32-bit integers, so a frame's result depends on that frame alone.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

_MOST: Final = 127
_LEAST_SCALE: Final = 1e-12  # of a frame of zeros


class Int8Linear(nn.Module):
    """A linear layer whose weight is int8; inputs and outputs keep their type."""

    weight: Tensor  # [inputs, outputs] int8
    scale: Tensor  # [outputs] float32
    bias: Tensor  # [outputs] float32

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / _MOST).clamp_min_(_LEAST_SCALE)
        self.register_buffer("weight", (weight / scale[:, None]).round().to(torch.int8).T.contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", linear.bias.detach().float())

    def forward(self, inputs: Tensor) -> Tensor:
        """[frames, inputs] float -> [frames, outputs] of the same type."""
        scale = (inputs.abs().amax(dim=1, keepdim=True).float() / _MOST).clamp_min_(_LEAST_SCALE)
        products = torch._int_mm((inputs / scale).round_().to(torch.int8), self.weight)  # noqa: SLF001 - no public name
        outputs = inputs.new_empty(products.shape)
        return torch.addcmul(self.bias, products.float().mul_(scale), self.scale, out=outputs)


def quantize_linears(module: nn.Module) -> None:
    """Replace every linear layer inside `module`."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Int8Linear(child))
        else:
            quantize_linears(child)
