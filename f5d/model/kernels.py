"""The fused operations of a step as Triton kernels. Importing this imports Triton.

Each launch function works in the type of what it is given, sums in float32 and can be recorded in a CUDA
graph. Widths need not be powers of two. Triton compiles a kernel at its first launch, with a C compiler,
and keeps it in its cache on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
import triton
import triton.language as tl

from f5d.model.layers import NORM_EPSILON

if TYPE_CHECKING:
    from torch import Tensor

_FRAMES: Final = 128  # of a tile of the convolution
_LEAST_TILE: Final = 16  # of a product on tensor cores, in each direction


@triton.jit
def _rotate(
    qkv, cos, sin, HEADS: tl.constexpr, ROTATED: tl.constexpr, HALF: tl.constexpr,
    ROWS: tl.constexpr,
):  # fmt: skip
    """One frame: rows are its heads of queries, then those of keys."""
    frame = tl.program_id(0).to(tl.int64)
    rows = tl.arange(0, ROWS)[:, None]
    channels = tl.arange(0, HALF)[None, :]
    turned = (rows < 2 * HEADS) & (rows % HEADS < ROTATED) & (channels < HALF)
    place = qkv + frame * (3 * HEADS * 2 * HALF) + rows * (2 * HALF) + channels
    first = tl.load(place, mask=turned, other=0.0).to(tl.float32)
    second = tl.load(place + HALF, mask=turned, other=0.0).to(tl.float32)
    c = tl.load(cos + frame * HALF + channels)
    s = tl.load(sin + frame * HALF + channels)
    tl.store(place, (first * c - second * s).to(qkv.dtype.element_ty), mask=turned)
    tl.store(place + HALF, (second * c + first * s).to(qkv.dtype.element_ty), mask=turned)


@triton.jit
def _norm(
    hidden, branch, gates, shifts, scales, stretches, out, gate_stride,
    stride, DIM: tl.constexpr, WIDTH: tl.constexpr, STRETCH: tl.constexpr, ADD: tl.constexpr,
    EPSILON: tl.constexpr,
):  # fmt: skip
    """One frame. STRETCH frames share a row of gates, shifts and scales."""
    frame = tl.program_id(0).to(tl.int64)
    channels = tl.arange(0, WIDTH)
    real = channels < DIM
    row = tl.load(stretches + frame // STRETCH)
    values = tl.load(hidden + frame * DIM + channels, mask=real, other=0.0)
    if ADD:
        gate = tl.load(gates + row * gate_stride + channels, mask=real, other=0.0)
        values += gate * tl.load(branch + frame * DIM + channels, mask=real, other=0.0).to(tl.float32)
        tl.store(hidden + frame * DIM + channels, values, mask=real)
    mean = tl.sum(values, 0) / DIM
    centred = tl.where(real, values - mean, 0.0)
    normed = centred * (1.0 / tl.sqrt(tl.sum(centred * centred, 0) / DIM + EPSILON))
    scale = tl.load(scales + row * stride + channels, mask=real, other=0.0)
    shift = tl.load(shifts + row * stride + channels, mask=real, other=0.0)
    tl.store(out + frame * DIM + channels, (normed * scale + shift).to(out.dtype.element_ty), mask=real)


@triton.jit
def _convolve(
    packed, weight, bias, gapped, residual, out, total, DIM: tl.constexpr,
    GROUP: tl.constexpr, WIDTH: tl.constexpr, TAPS: tl.constexpr, FRAMES: tl.constexpr, ADD: tl.constexpr,
):  # fmt: skip
    """One group of channels of a tile of frames.

    Two frames are of one row where they lie as far apart among the gapped frames as here.
    """
    group = tl.program_id(1)
    frames = tl.program_id(0) * FRAMES + tl.arange(0, FRAMES)
    real = frames < total
    within = tl.arange(0, WIDTH)
    known = within < GROUP
    channels = group * GROUP + within
    places = tl.load(gapped + frames, mask=real, other=0)
    products = tl.zeros((FRAMES, WIDTH), tl.float32)
    for tap in range(TAPS):
        sources = frames + tap - TAPS // 2
        seen = real & (sources >= 0) & (sources < total)
        away = tl.load(gapped + sources, mask=seen, other=0) - places
        seen = seen & (away == tap - TAPS // 2)
        inputs = tl.load(
            packed + sources[:, None].to(tl.int64) * DIM + channels[None, :],
            mask=seen[:, None] & known[None, :], other=0.0,
        )  # fmt: skip
        tile = weight + (group * TAPS + tap) * GROUP * GROUP + within[:, None] * GROUP + within[None, :]
        factors = tl.load(tile, mask=known[:, None] & known[None, :], other=0.0)
        products += tl.dot(inputs, factors, input_precision="ieee")
    products += tl.load(bias + channels, mask=known, other=0.0)[None, :].to(tl.float32)
    products = products.to(packed.dtype.element_ty).to(tl.float32)  # rounded as the convolution's own output
    grown = tl.exp(tl.minimum(products, 20.0))  # mish(x) = x * tanh(log(1 + e^x)), here without a logarithm
    ratio = grown * (grown + 2.0)
    result = (products * (ratio / (ratio + 2.0))).to(packed.dtype.element_ty)
    place = frames[:, None].to(tl.int64) * DIM + channels[None, :]
    written = real[:, None] & known[None, :]
    if ADD:
        result = result.to(tl.float32) + tl.load(residual + place, mask=written, other=0.0)
    tl.store(out + place, result, mask=written)


def rotate(qkv: Tensor, cos: Tensor, sin: Tensor, rotated: int) -> None:
    """Rotate the first `rotated` heads of queries and keys in place.

    qkv [total, 3, heads, dim_head], the channels of a pair half a head apart, dim_head a power of two; cos, sin
    [total, ..., dim_head / 2] float32.
    """
    total, _, heads, dim_head = qkv.shape
    _rotate[(total,)](
        qkv, cos, sin, HEADS=heads, ROTATED=rotated, HALF=dim_head // 2,
        ROWS=triton.next_power_of_2(2 * heads), num_warps=4,
    )  # fmt: skip


def norm(
    hidden: Tensor,
    modulation: tuple[Tensor, Tensor],
    stretches: Tensor,
    dtype: torch.dtype,
    added: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Add gate * branch to `hidden` in place, where given, and return layer_norm(hidden) * scale + shift.

    hidden [total, dim] float32; modulation (shift, scale) and added (gate, branch): shift, scale and gate
    [n, dim] float32, views whose rows lie apart, branch [total, dim]; stretches [m] says which of n the next
    total / m frames take.
    """
    shift, scale = modulation
    gate, branch = added or (shift, hidden)
    total, dim = hidden.shape
    out = torch.empty_like(hidden, dtype=dtype)
    _norm[(total,)](
        hidden, branch, gate, shift, scale, stretches, out,
        gate.stride(0), shift.stride(0), DIM=dim, WIDTH=triton.next_power_of_2(dim),
        STRETCH=total // len(stretches), ADD=added is not None, EPSILON=NORM_EPSILON, num_warps=4,
    )  # fmt: skip
    return out


def convolve(
    packed: Tensor, weight: Tensor, bias: Tensor, gapped: Tensor, residual: Tensor | None = None
) -> Tensor:
    """Return mish of a grouped convolution that stays inside each row, plus `residual` where given.

    packed [total, dim]; weight [groups, taps, dim / groups, dim / groups], inputs before outputs; gapped as in
    PackedLayout; residual [total, dim] float32, and so is then the result.
    """
    total, dim = packed.shape
    groups, taps, group, _ = weight.shape
    out = torch.empty_like(packed if residual is None else residual)
    _convolve[(triton.cdiv(total, _FRAMES), groups)](
        packed, weight, bias, gapped, out if residual is None else residual, out, total,
        DIM=dim, GROUP=group, WIDTH=max(_LEAST_TILE, triton.next_power_of_2(group)), TAPS=taps, FRAMES=_FRAMES,
        ADD=residual is not None, num_warps=4, num_stages=3,
    )  # fmt: skip
    return out
