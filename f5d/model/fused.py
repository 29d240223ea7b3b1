"""A step in a bucket with what lies between its products fused into few operations, for half precision on CUDA.

What the plain forward writes to memory and reads again ten times a block is done in one pass: positions in
place, gate, residual, norm and modulation together, GELU where its product ends, and the position
convolution without zeroed gaps. Each part can be left out; the plain operations then stand in for it. The
kernels are given from outside, so that importing this imports no Triton.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from f5d.model.layers import add_gated, modulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from f5d.model.dit import BatchModulation, DiT
    from f5d.model.layers import Attention, DiTBlock, FeedForward, PackedLayout

ROTARY: Final = "rotary"
NORM: Final = "norm"
CONVOLUTION: Final = "convolution"
GELU: Final = "gelu"
PARTS: Final[tuple[str, ...]] = (ROTARY, NORM, CONVOLUTION, GELU)


class Kernels(Protocol):
    """The fused operations; kernels.py, which describes them, has them in Triton."""

    def rotate(self, qkv: Tensor, cos: Tensor, sin: Tensor, rotated: int) -> None:
        """Rotate queries and keys in place."""

    def norm(
        self,
        hidden: Tensor,
        modulation: tuple[Tensor, Tensor],
        stretches: Tensor,
        dtype: torch.dtype,
        added: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Add gate * branch to `hidden` in place and return its modulated norm."""

    def convolve(
        self, packed: Tensor, weight: Tensor, bias: Tensor, gapped: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """Return mish of a grouped convolution inside each row, plus `residual`."""


class FusedForward:
    """DiT.forward in a bucket, with `parts` of it fused: as exact as the plain one, but not the same bits.

    Without kernels GELU alone can be among the parts.
    """

    def __init__(self, dit: DiT, kernels: Kernels | None, parts: frozenset[str]) -> None:
        self.parts = parts
        self._gelu = GELU in parts
        self._rotate = kernels.rotate if kernels and ROTARY in parts and not dit.architecture.qk_norm else None
        self._norm = kernels.norm if kernels and NORM in parts else None
        self._convolve = kernels.convolve if kernels and CONVOLUTION in parts else None
        positions = dit.input_embed.conv_pos_embed
        self._convolutions = [_by_taps(positions.conv1d[index]) for index in (0, 2) if self._convolve]

    def __call__(self, dit: DiT, hidden: Tensor, modulation: BatchModulation, layout: PackedLayout) -> Tensor:
        """Packed inputs [total, dim] float32 -> velocities [total, 100] float32."""
        with torch.cuda.device_of(hidden):  # type: ignore[no-untyped-call] # Triton launches on the current one
            stream = _Stream(self._positioned(dit, hidden, layout), modulation.stretches, self._norm)
            entered = stream.hidden.clone() if dit.long_skip_connection is not None else None
            for index, block in enumerate(dit.blocks):
                self._run_block(block, stream, modulation.blocks[:, index].unbind(1), layout)
            if dit.long_skip_connection is not None and entered is not None:
                stream.hidden = dit.long_skip_connection(torch.cat((stream.settled(), entered), dim=-1))
            shift, scale = modulation.final.unbind(1)
            velocity: Tensor = dit.proj_out(stream.normed(shift, scale, torch.float32))
            return velocity

    def _positioned(self, dit: DiT, hidden: Tensor, layout: PackedLayout) -> Tensor:
        """Return a new tensor: what enters the first block."""
        positions = dit.input_embed.conv_pos_embed
        packed = hidden.to(positions.dtype)
        if self._convolve is None or layout.gapped is None:
            positioned: Tensor = hidden + positions(packed, layout)
            return positioned
        first, second = self._convolutions
        return self._convolve(self._convolve(packed, *first, layout.gapped), *second, layout.gapped, hidden)

    def _run_block(
        self, block: DiTBlock, stream: _Stream, values: Sequence[Tensor], layout: PackedLayout
    ) -> None:
        shift_attn, scale_attn, gate_attn, shift_ff, scale_ff, gate_ff = values
        normed = stream.normed(shift_attn, scale_attn, block.compute_type)
        stream.add(gate_attn, self._attended(block.attn, normed, layout))
        normed = stream.normed(shift_ff, scale_ff, block.compute_type)
        stream.add(gate_ff, self._fed(block.ff, normed))

    def _attended(self, attention: Attention, normed: Tensor, layout: PackedLayout) -> Tensor:
        if self._rotate is None:
            out: Tensor = attention(normed, layout)
            return out
        qkv = attention.project(normed)
        self._rotate(qkv, layout.cos, layout.sin, attention.rotated_heads)
        return attention.attend(qkv, layout)

    def _fed(self, feed_forward: FeedForward, normed: Tensor) -> Tensor:
        widen = feed_forward.ff.get_submodule("0.0")
        out: Tensor
        if self._gelu and isinstance(widen, nn.Linear):
            out = feed_forward.ff[2](linear_gelu(normed, widen.weight, widen.bias))
        else:
            out = feed_forward(normed)
        return out


class _Stream:
    """The residual stream of a step. A branch that was added last waits for the norm that follows it."""

    def __init__(self, hidden: Tensor, stretches: Tensor | None, norm: Callable[..., Tensor] | None) -> None:
        self.hidden = hidden  # [total, dim] float32, changed in place
        self._stretches = stretches
        self._norm = norm
        self._waiting: tuple[Tensor, Tensor] | None = None

    def add(self, gate: Tensor, branch: Tensor) -> None:
        """Add gate * branch; gate [distinct times, dim], branch [total, dim]."""
        self._waiting = (gate, branch)

    def settled(self) -> Tensor:
        """Return the stream with all that was added."""
        if self._waiting is not None:
            gate, branch = self._waiting
            self.hidden, self._waiting = add_gated(self.hidden, self._spread(gate), branch), None
        return self.hidden

    def normed(self, shift: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the stream's norm * scale + shift; both [distinct times, dim]."""
        if self._norm is None or self._stretches is None:
            return modulate(self.settled(), self._spread(shift), self._spread(scale), dtype)
        waiting, self._waiting = self._waiting, None
        return self._norm(self.hidden, (shift, scale), self._stretches, dtype, waiting)

    def _spread(self, values: Tensor) -> Tensor:
        return values if self._stretches is None else values.index_select(0, self._stretches)


def linear_gelu(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the tanh form of GELU of a linear layer; on CUDA in the product's epilogue."""
    if inputs.is_cuda:  # elsewhere this operator is the exact form
        return torch._addmm_activation(bias, inputs, weight.t(), use_gelu=True)  # noqa: SLF001 - no public name
    return F.gelu(F.linear(inputs, weight, bias), approximate="tanh")


def _by_taps(convolution: nn.Module) -> tuple[Tensor, Tensor]:
    """Return a grouped convolution's weight as [groups, taps, inputs, outputs], and its bias."""
    weight, bias = convolution.parameters()
    _, group, taps = weight.shape
    return weight.view(-1, group, group, taps).permute(0, 3, 2, 1).contiguous(), bias
