"""Linear layers in 8-bit integers, for CPUs: twice the arithmetic of bfloat16 or of float32, and more.

Each output channel of a weight and each frame of an input has its own scale, and products are summed in
32-bit integers, so a frame's result depends on that frame alone.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Protocol

import torch
from torch import Tensor, nn

from f5d.model.cpu import cpu_flags

_MOST: Final = 127  # of an input
_MIDDLE: Final = 128  # what 0 is as an unsigned byte
_LEAST_SCALE: Final = 1e-12  # of a frame of zeros


class Int8Weight(Protocol):
    """A weight [outputs, inputs] as whole numbers from -MOST to MOST, with a scale for each output."""

    MOST: int

    def __call__(self, inputs: Tensor, scale: Tensor) -> Tensor:
        """Return round(inputs * scale) times it, [frames, outputs] float32; scale is [frames, 1]."""


class PlainWeight:
    """For CPUs that are not x86: torch's own product, which is exact."""

    MOST = 127

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self._weight = weight.to(torch.int8).T.contiguous()
        self._scale = scale

    def __call__(self, inputs: Tensor, scale: Tensor) -> Tensor:
        """As in Int8Weight."""
        rounded = (inputs * scale).round_().to(torch.int8)
        return torch._int_mm(rounded, self._weight).float().mul_(self._scale)  # noqa: SLF001 - no public name


class PackedWeight:
    """For x86 CPUs without such instructions, where torch's own product is some 70 times slower than float32.

    oneDNN adds two products in 16 bits there and cuts off what does not fit, so the weight has 7 bits.
    """

    MOST = 2**15 // (2 * 255)  # 64: two products of it and an unsigned byte fit

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self._packed = torch.ops.onednn.qlinear_prepack(weight.to(torch.int8), None)
        self._scale = scale
        self._zeros = torch.zeros(len(scale), dtype=torch.int32)

    def __call__(self, inputs: Tensor, scale: Tensor) -> Tensor:
        """As in Int8Weight."""
        unsigned = (inputs * scale).add_(_MIDDLE + 0.5).to(torch.uint8)  # cuts off what is behind the point
        return _packed_product(unsigned, _MIDDLE, self._packed, self._scale, self._zeros)


class WholePackedWeight(PackedWeight):
    """For x86 CPUs with instructions for 8-bit products: all 8 bits, twice as fast as torch's own product."""

    MOST = 127


class Int8Linear(nn.Module):
    """A linear layer whose weight is int8; inputs and outputs keep their type."""

    bias: Tensor  # [outputs] float32

    def __init__(self, linear: nn.Linear, kind: type[PlainWeight | PackedWeight]) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / kind.MOST).clamp_min_(_LEAST_SCALE)
        self._weight: Int8Weight = kind((weight / scale[:, None]).round(), scale)
        self.register_buffer("bias", linear.bias.detach().float())

    def forward(self, inputs: Tensor) -> Tensor:
        """[frames, inputs] float -> [frames, outputs] of the same type."""
        scale = (inputs.abs().amax(dim=1, keepdim=True).float() / _MOST).clamp_min_(_LEAST_SCALE)
        products = self._weight(inputs, scale.reciprocal())
        return torch.addcmul(self.bias, products, scale, out=products).to(inputs.dtype)


def weight_kind() -> type[PlainWeight | PackedWeight]:
    """Return the weights that this CPU multiplies fastest."""
    if not has_packed_products():
        return PlainWeight
    return WholePackedWeight if has_whole_sums() else PackedWeight


def has_packed_products() -> bool:
    """Whether torch's oneDNN can multiply packed 8-bit weights on this CPU."""
    return "avx2" in cpu_flags() and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


@cache
def has_whole_sums() -> bool:
    """Whether oneDNN's sums of packed products hold 8 bits of both sides, as it is set here."""
    terms, most = 64, WholePackedWeight.MOST
    packed = torch.ops.onednn.qlinear_prepack(torch.full((terms, terms), most, dtype=torch.int8), None)
    largest = torch.full((1, terms), 255, dtype=torch.uint8)
    found = _packed_product(largest, 0, packed, torch.ones(terms), torch.zeros(terms, dtype=torch.int32))
    return bool((found == terms * most * 255).all())


def _packed_product(inputs: Tensor, zero: int, packed: Tensor, scale: Tensor, zeros: Tensor) -> Tensor:
    """Return (inputs - zero) times a packed weight times its outputs' scale, float32; inputs are uint8."""
    found: Tensor = torch.ops.onednn.qlinear_pointwise(
        inputs, 1.0, zero, packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return found


def int8_linear(linear: nn.Linear) -> Int8Linear:
    """Return a linear layer in the 8-bit integers that this CPU multiplies fastest."""
    return Int8Linear(linear, weight_kind())
